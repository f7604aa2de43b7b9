"""Writing the files of a disk."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from contextlib import closing
from contextlib import suppress
from itertools import count
from typing import Any

from .. import jitter
from ..errors import AlreadyExists
from ..errors import Conflict
from ..errors import Incomplete
from ..errors import NotFound
from ..errors import WrongType
from .driver import FileInfo
from .driver import Terms
from .driver import Visibility
from .operation import Operation
from .path import directory_path
from .path import file_path
from .path import join
from .reading import Reading
from .sniff import extension_of
from .sniff import type_of_name
from .source import PieceStream
from .source import Progress
from .source import Source
from .terms import checked_metadata
from .terms import checked_type
from .terms import checked_visibility
from .terms import is_allowed
from .terms import with_charset

#: How often an append or a prepend is tried that others overtake.
_ATTEMPTS = 12


class Writing(Reading):
    """The part of a disk that changes files."""

    def put(
        self,
        path: str,
        content: Any,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        visibility: Visibility | None = None,
        if_none_match: bool = False,
        if_match: str | None = None,
        size: int | None = None,
        max_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Write a file, whole or not at all, over the one that is there.

        :param content: bytes, text (as UTF-8), or a stream in binary mode.
        :param content_type: its MIME type; if None, what the name says, else the first bytes,
            with ``charset=utf-8`` where the content is text.
        :param metadata: names of letters, digits and ``-``; ASCII texts; 2 KB at most.
        :param visibility: ``"public"`` or ``"private"``; the disk's own by default.
        :param if_none_match: create the file, never replace one.
        :param if_match: replace only the content of this ETag, which ``info`` tells.
        :param size: bytes a stream has, where it cannot tell itself. Another end is an error.
        :param max_bytes: the most that is accepted.
        :param progress: called with the bytes done and, if it is known, their total.
        :raises AlreadyExists: the file was to be created.
        :raises Conflict: another content is there than the one to be replaced.
        :raises TooLarge: there is more than ``max_bytes``.
        """
        with self._operation("put", path) as operation:
            checked = file_path(path)
            source = Source(content, size=size, max_bytes=max_bytes, progress=progress)
            kind = content_type or _type_of(checked, source)
            terms = _terms(kind, metadata, visibility, if_none_match, if_match)
            self._write(operation, checked, source, terms)

    def write_stream(self, path: str, stream: Any, **options: Any) -> None:
        """:meth:`put` of a stream, and of nothing else.

        :param options: those of :meth:`put`.
        """
        if not callable(getattr(stream, "read", None)):
            raise TypeError(f"a stream has a read method; {type(stream).__name__} has none")
        self.put(path, stream, **options)

    def put_file(
        self,
        directory: str,
        file: Any,
        *,
        types: Iterable[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        visibility: Visibility | None = None,
        size: int | None = None,
        max_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> str:
        """Write a file under a name of its own: random, with the extension of its content.

        Neither the name nor the type that a browser tells is trusted.

        :param file: bytes, text or a stream, such as werkzeug's FileStorage.
        :param types: MIME types that are accepted, such as ``"image/png"`` or ``"image/*"``.
        :returns: the path.
        :raises WrongType: the content is of another type.

        The other parameters are those of :meth:`put`.
        """
        with self._operation("put_file", directory) as operation:
            source = Source(file, size=size, max_bytes=max_bytes, progress=progress)
            kind = source.sniff()
            if types is not None and not is_allowed(kind, types):
                raise WrongType(f"{kind} is not accepted here")
            name = f"{secrets.token_hex(16)}.{extension_of(kind)}"
            path = file_path(join(directory_path(directory), name))
            kind = with_charset(kind) if source.is_text else kind
            terms = _terms(kind, metadata, visibility, if_none_match=False)
            self._write(operation, path, source, terms)
            return path

    def append(self, path: str, content: Any) -> None:
        """Add to the end of a file, which is made if it is not there.

        What others write meanwhile is not lost: the file is replaced only as it was read.

        :raises Conflict: others were quicker, again and again.
        :raises Unsupported: the server has no conditional writes.
        """
        self._edit("append", path, content, lambda old, new: (old, new))

    def prepend(self, path: str, content: Any) -> None:
        """Add to the beginning of a file; see :meth:`append`."""
        self._edit("prepend", path, content, lambda old, new: (new, old))

    def copy(self, source: str, target: str) -> None:
        """Copy a file, over the target if that is there.

        :raises NotFound: there is no such file.
        """
        self._transfer("copy", source, target)

    def move(self, source: str, target: str) -> None:
        """Move a file, over the target if that is there.

        :raises NotFound: there is no such file.
        """
        self._transfer("move", source, target)

    def delete(self, *paths: str | Iterable[str]) -> None:
        """Delete one file or many, given one by one or as a list.

        Those that are not there are deleted already: no store could tell without asking twice.
        """
        named = [each for path in paths for each in ([path] if isinstance(path, str) else path)]
        with self._operation("delete", ", ".join(map(str, named))):
            self.driver.delete([file_path(path) for path in named])

    def set_visibility(self, path: str, visibility: Visibility) -> None:
        """Let everybody read a file by its :meth:`url`, or nobody.

        :param visibility: ``"public"`` or ``"private"``.
        """
        wanted = checked_visibility(visibility)
        if wanted is None:
            raise ValueError("visibility=None: write 'public' or 'private'")
        with self._operation("set_visibility", path):
            self.driver.set_visibility(file_path(path), wanted)

    def _write(self, operation: Operation, path: str, source: Source, terms: Terms) -> None:
        self.driver.write(path, source, terms)
        operation.bytes = source.done

    def _transfer(self, name: str, source: str, target: str) -> None:
        with self._operation(name, source):
            old, new = file_path(source), file_path(target)
            if old == new:  # S3 refuses it, and nothing is to be done
                self.driver.info(old)
            else:
                getattr(self.driver, name)(old, new)

    def _edit(
        self, name: str, path: str, content: Any, order: Callable[[Any, Any], tuple[Any, Any]]
    ) -> None:
        with self._operation(name, path) as operation:
            checked, source = file_path(path), Source(content)
            kind, new = _type_of(checked, source), source.read_all()
            for attempt in count(1):
                try:
                    self._replace(operation, checked, new, kind, order)
                    return
                except (AlreadyExists, Conflict, Incomplete, NotFound):
                    if attempt == _ATTEMPTS:
                        raise
                # Those who met part, and the more of them there are, the further.
                time.sleep(jitter.between(0, 0.005 * 2 ** min(attempt, 6)))

    def _replace(
        self,
        operation: Operation,
        path: str,
        new: bytes,
        kind: str,
        order: Callable[[Any, Any], tuple[Any, Any]],
    ) -> None:
        """Put ``new`` beside the content that is there, and write both if it still is.

        :param kind: the MIME type of a file that is not there yet.
        """
        info: FileInfo | None = None
        with suppress(NotFound):
            info = self.driver.info(path)
        if info is None:
            self._write(operation, path, Source(new), _terms(kind, if_none_match=True))
            return
        with closing(self.driver.open(path, 0, info.size)) as old:
            source = Source(PieceStream(*order(old, [new])), size=info.size + len(new))
            visibility = self.driver.visibility_to_keep(path)
            terms = Terms(info.content_type, info.metadata, visibility, if_match=info.etag)
            self._write(operation, path, source, terms)


def _type_of(path: str, source: Source) -> str:
    """The MIME type of what is to be written, where nobody tells it."""
    kind = type_of_name(path) or source.sniff()
    return with_charset(kind) if source.is_text else kind


def _terms(
    content_type: str,
    metadata: Mapping[str, str] | None = None,
    visibility: Visibility | None = None,
    if_none_match: bool = False,
    if_match: str | None = None,
) -> Terms:
    return Terms(
        checked_type(content_type),
        checked_metadata(metadata or {}),
        checked_visibility(visibility),
        if_none_match,
        if_match,
    )
