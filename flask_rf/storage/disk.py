"""A disk: reading, writing and serving files, and their directories."""

from __future__ import annotations

from .path import directory_path
from .path import is_file_path
from .path import join
from .serving import Serving
from .wrappers import Mount
from .wrappers import ReadOnly
from .wrappers import Scoped


class Disk(Serving):
    """A place for files.

    Paths are relative, with ``/`` between their parts. What fails raises a
    :class:`~flask_rf.errors.StorageError` that names the disk and the path.
    """

    def files(self, directory: str = "") -> list[str]:
        """The files in a directory, sorted; none if it is not there."""
        return self._list("files", directory, directories=False, recursive=False)

    def all_files(self, directory: str = "") -> list[str]:
        """The files in a directory and below, sorted."""
        return self._list("all_files", directory, directories=False, recursive=True)

    def directories(self, directory: str = "") -> list[str]:
        """The directories in a directory, sorted."""
        return self._list("directories", directory, directories=True, recursive=False)

    def all_directories(self, directory: str = "") -> list[str]:
        """The directories in a directory and below, sorted."""
        return self._list("all_directories", directory, directories=True, recursive=True)

    def make_directory(self, directory: str) -> None:
        """Make a directory, and those above it. Files need none to be made first."""
        with self._operation("make_directory", directory):
            checked = directory_path(directory)
            if checked:
                self.driver.make_directory(checked)

    def delete_directory(self, directory: str) -> None:
        """Delete a directory with all below it; ``""`` empties the disk."""
        with self._operation("delete_directory", directory):
            self.driver.delete_directory(directory_path(directory))

    def path(self, path: str = "") -> str:
        """Where a file or a directory of a local disk is, for other programs: ffmpeg, rsync.

        Whoever opens it there follows symbolic links, which the disk does not.

        :raises Unsupported: the disk is none of this machine's.
        """
        with self._operation("path", path):
            return self.driver.path(directory_path(path))

    def scoped(self, directory: str) -> Disk:
        """A directory of this disk as a disk, out of which no path leads."""
        prefix = directory_path(directory)
        inner = Mount(Scoped(self._mount, prefix)) if prefix else self._mount
        base = join(self._base, prefix) if prefix else self._base
        return Disk(self._app, self.name, inner, self._links, self.serve, base)

    def read_only(self) -> Disk:
        """This disk, but nothing can be changed on it."""
        inner = Mount(ReadOnly(self._mount))
        return Disk(self._app, self.name, inner, self._links, self.serve, self._base)

    def _list(self, name: str, directory: str, directories: bool, recursive: bool) -> list[str]:
        with self._operation(name, directory):
            found = self.driver.entries(directory_path(directory), recursive)
            paths = [entry.path for entry in found if entry.is_directory == directories]
            # What others put into a bucket may have names that no disk accepts.
            return sorted(filter(is_file_path, paths))
