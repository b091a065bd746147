"""Writes a ZIP archive part by part, with one entry in memory at a time.

The format is that of PKWARE's APPNOTE. Beyond 4 GiB or 65,535 files it needs the ZIP64 fields.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

_MAX_16 = 0xFFFF
_MAX_32 = 0xFFFFFFFF
_VERSION, _VERSION_64 = 20, 45
_UNIX = 3
_READABLE = 0o100644 << 16

ZipTime = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """An entry of the archive's directory. `offset` is where the file begins."""

    name: str
    crc: int
    packed: int
    size: int
    method: int
    offset: int


def pack(
    name: str, data: bytes, offset: int, when: ZipTime, *, compress: bool
) -> tuple[bytes, ZipEntry]:
    """Return a file as it stands in the archive, deflated if it shall `compress`, and its entry."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    body = _deflated(data) if compress else data
    info = _info(name, when)
    info.compress_type, info.CRC = method, zlib.crc32(data)
    info.file_size, info.compress_size = len(data), len(body)
    entry = ZipEntry(name, info.CRC, len(body), len(data), method, offset)
    return info.FileHeader(zip64=False) + body, entry


def directory(entries: Sequence[ZipEntry], offset: int, when: ZipTime) -> bytes:
    """Return the directory that ends an archive: about 100 bytes for each file."""
    listed = b"".join(_line(entry, when) for entry in entries)
    count, size = len(entries), len(listed)
    is_large = count >= _MAX_16 or size + offset >= _MAX_32
    return listed + (_end_64(count, size, offset) if is_large else b"") + _end(count, size, offset)


def _deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def _info(name: str, when: ZipTime) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, when)


def _line(entry: ZipEntry, when: ZipTime) -> bytes:
    year, month, day, hour, minute, second = when
    name = entry.name.encode("ascii")
    is_far = entry.offset >= _MAX_32
    extra = struct.pack("<HHQ", 1, 8, entry.offset) if is_far else b""
    return (
        struct.pack(
            "<4s4B4HL2L5H2L",
            b"PK\x01\x02",
            _VERSION_64 if is_far else _VERSION,
            _UNIX,
            _VERSION_64 if is_far else _VERSION,
            0,
            0,
            entry.method,
            hour << 11 | minute << 5 | second // 2,
            (year - 1980) << 9 | month << 5 | day,
            entry.crc,
            entry.packed,
            entry.size,
            len(name),
            len(extra),
            0,
            0,
            0,
            _READABLE,
            _MAX_32 if is_far else entry.offset,
        )
        + name
        + extra
    )


def _end_64(count: int, size: int, offset: int) -> bytes:
    end = struct.pack(
        "<4sQ2H2L4Q",
        b"PK\x06\x06", 44, _VERSION_64, _VERSION_64, 0, 0, count, count, size, offset,
    )  # fmt: skip
    return end + struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)


def _end(count: int, size: int, offset: int) -> bytes:
    count = min(count, _MAX_16)
    return struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06", 0, 0, count, count, min(size, _MAX_32), min(offset, _MAX_32), 0,
    )  # fmt: skip
