"""A disk for the tests of apps."""

from __future__ import annotations

from typing import Any

from .disk import Disk


class FakeDisk(Disk):
    """A disk in memory that can be asked what an app did to it.

    ``__tracebackhide__`` makes pytest show the test's line, not ours.
    """

    def assert_exists(self, path: str, content: Any = None) -> None:
        """Fail unless there is a file.

        :param content: what it holds: bytes, or text as UTF-8; anything if None.
        """
        __tracebackhide__ = True
        if self.missing(path):
            self._fail(f"expected a file {path!r}")
        wanted = content.encode() if isinstance(content, str) else content
        if wanted is not None and self.get(path) != wanted:
            raise AssertionError(f"expected {path!r} to hold {wanted!r}, not {self.get(path)!r}")

    def assert_missing(self, path: str) -> None:
        """Fail if there is a file."""
        __tracebackhide__ = True
        if self.exists(path):
            self._fail(f"expected no file {path!r}")

    def assert_count(self, directory: str, count: int) -> None:
        """Fail unless there are ``count`` files in a directory and below."""
        __tracebackhide__ = True
        found = len(self.all_files(directory))
        if found != count:
            where = f"in {directory!r}" if directory else "on the disk"
            self._fail(f"expected {count} {_files(count)} {where}, but found {found}")

    def assert_directory_empty(self, directory: str) -> None:
        """Fail if there is a file in a directory or below."""
        __tracebackhide__ = True
        self.assert_count(directory, 0)

    def _fail(self, complaint: str) -> None:
        __tracebackhide__ = True
        paths = "".join(f"\n  {path}" for path in self.all_files())
        raise AssertionError(f"{complaint}; {f'there are:{paths}' if paths else 'there are none'}")


def _files(count: int) -> str:
    return "file" if count == 1 else "files"
