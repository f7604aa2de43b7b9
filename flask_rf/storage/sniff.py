"""What content is, by its first bytes, and what a name says of it.

The patterns and their order are those of WHATWG's MIME Sniffing Standard, section 6 (images,
audio and video, fonts, archives) and 7.1 (what a browser would run or show as text), with
AVIF and HEIC by the brands of ISO 14496-12, section 4.3.
"""

from __future__ import annotations

import mimetypes
import re

#: Bytes that are looked at: section 5.2 of the standard.
HEAD_BYTES = 1445
UNKNOWN = "application/octet-stream"

_PATTERNS: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE if ignore_case else re.DOTALL), name)
    for pattern, name, ignore_case in (
        (rb"\s*<svg[ >\s]", "image/svg+xml", True),
        (rb"\s*<(\?xml|!--|!doctype svg).*?<svg[ >\s]", "image/svg+xml", True),
        (
            rb"\s*<(!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body"
            rb"|br|p)[ >]",
            "text/html",
            True,
        ),
        (rb"\s*<!--", "text/html", True),
        (rb"\s*<\?xml", "text/xml", False),
        (rb"%PDF-", "application/pdf", False),
        (rb"%!PS-Adobe-", "application/postscript", False),
        (rb"\x00\x00[\x01\x02]\x00", "image/x-icon", False),
        (rb"BM", "image/bmp", False),
        (rb"GIF8[79]a", "image/gif", False),
        (rb"RIFF.{4}WEBPVP", "image/webp", False),
        (rb"\x89PNG\r\n\x1a\n", "image/png", False),
        (rb"\xff\xd8\xff", "image/jpeg", False),
        (rb".{4}ftyp(avif|avis)", "image/avif", False),
        (rb".{4}ftyp(heic|heix|mif1|msf1)", "image/heic", False),
        (rb"FORM.{4}AIFF", "audio/aiff", False),
        (rb"ID3", "audio/mpeg", False),
        (rb"\xff[\xfb\xf3\xf2]", "audio/mpeg", False),
        (rb"fLaC", "audio/flac", False),
        (rb"OggS\x00", "application/ogg", False),
        (rb"MThd\x00\x00\x00\x06", "audio/midi", False),
        (rb"RIFF.{4}AVI ", "video/avi", False),
        (rb"RIFF.{4}WAVE", "audio/wave", False),
        (rb".{4}ftyp(qt  )", "video/quicktime", False),
        (rb".{4}ftyp", "video/mp4", False),
        (rb"\x1a\x45\xdf\xa3", "video/webm", False),
        (rb"wOFF", "font/woff", False),
        (rb"wOF2", "font/woff2", False),
        (rb"OTTO", "font/otf", False),
        (rb"\x00\x01\x00\x00", "font/ttf", False),
        (rb"\x1f\x8b\x08", "application/gzip", False),
        (rb"PK\x03\x04", "application/zip", False),
        (rb"Rar!\x1a\x07", "application/x-rar-compressed", False),
        (rb"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", False),
        (rb"(\xfe\xff|\xff\xfe|\xef\xbb\xbf)", "text/plain", False),
    )
)
#: Section 3, "binary data byte": what no text has.
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

_EXTENSIONS = {
    "application/gzip": "gz",
    "application/ogg": "ogg",
    "application/pdf": "pdf",
    "application/postscript": "ps",
    "application/x-7z-compressed": "7z",
    "application/x-rar-compressed": "rar",
    "application/zip": "zip",
    "audio/aiff": "aiff",
    "audio/flac": "flac",
    "audio/midi": "mid",
    "audio/mpeg": "mp3",
    "audio/wave": "wav",
    "font/otf": "otf",
    "font/ttf": "ttf",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/webp": "webp",
    "image/x-icon": "ico",
    "text/html": "html",
    "text/plain": "txt",
    "text/xml": "xml",
    "video/avi": "avi",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
}

# Without the machine's own files, so that a name means the same type on all of them.
_BY_NAME = mimetypes.MimeTypes(filenames=())
for _type, _extension in _EXTENSIONS.items():
    _BY_NAME.add_type(_type, f".{_extension}")
for _type, _extension in (("text/javascript", ".js"), ("application/json", ".json")):
    _BY_NAME.add_type(_type, _extension)


def sniff(head: bytes) -> str:
    """The MIME type of content by its first :data:`HEAD_BYTES`."""
    for pattern, name in _PATTERNS:
        if pattern.match(head):
            return name
    return UNKNOWN if not head or _BINARY.search(head) else "text/plain"


def type_of_name(path: str) -> str | None:
    """The MIME type that the extension tells; None if it tells nothing."""
    name, encoding = _BY_NAME.guess_type(path.rpartition("/")[2].lower(), strict=True)
    # report.tar.gz is no tar for those who cannot be told of a Content-Encoding.
    return {"gzip": "application/gzip"}.get(encoding, UNKNOWN) if encoding else name


def extension_of(content_type: str) -> str:
    """The extension of a sniffed type, without its dot; ``bin`` for what is unknown."""
    return _EXTENSIONS.get(content_type, "bin")
