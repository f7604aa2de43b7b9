"""How files are cut into parts, by the limits of S3's multipart upload.

"Amazon S3 multipart upload limits": 10 000 parts of 5 MiB to 5 GiB, the last of any size;
48.8 TiB a file. Smaller parts lose less when one fails; all in flight are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

MIB = 1024 * 1024
#: Bytes: the size of a part, and what is uploaded in one request.
PART = 8 * MIB
MAX_PARTS = 10_000
#: Bytes that one request may upload or copy.
MAX_REQUEST = 5 * 1024 * MIB
#: Parts of one size while the end is unknown; the next as many are twice as large.
_STEP = 1000


def part_size(size: int | None, number: int = 1) -> int:
    """Bytes of a part.

    :param size: bytes of the file; None while its end is unknown.
    :param number: the part's, from 1.
    """
    if size is None:
        return int(PART << (number - 1) // _STEP)
    least = -(-size // MAX_PARTS)
    return max(PART, -(-least // MIB) * MIB)


def ranges(size: int, part: int) -> Iterator[tuple[int, int]]:
    """The first and the last byte of each part."""
    for start in range(0, size, part):
        yield start, min(start + part, size) - 1
