"""Prepares files for the decoders: removes metadata, and fills in missing ends.

A decoder refuses a whole picture because of a damaged or very long text that nobody would see. So
only what a browser uses to paint is passed on. Nothing here raises for invalid bytes: they are
passed on, and the decoder reports them.
"""

import struct
import zlib
from collections.abc import Iterator

from services.media.pictures.model import Format

FILLINGS = (0, 1)
"""Two ways to fill in missing data. Pixels that are the same with both do not depend on it."""

PROFILE_BYTES = 8_000_000  # libpng's limit on the uncompressed size of a chunk
_FILLED = 2048  # bytes; the last block of a scan has far fewer
_RESTARTS = b"".join(b"\x55" * 120 + bytes((0xFF, 0xD0 + number % 8)) for number in range(16))
_SHOWN_BY_WEBP = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF"})
_PIXELS_OF_WEBP = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANMF"})


def without_metadata(kind: Format, data: bytes) -> bytes:
    """Return the file without metadata that no browser paints, as far as the format shows it."""
    if kind == "PNG":
        return _png(data)
    return _jpeg(data) if kind == "JPEG" else data


def filled(kind: Format, data: bytes, filling: int) -> bytes:
    """Return a truncated file with filler in the place of the missing data."""
    if kind == "JPEG":
        rest = _RESTARTS if filling else bytes(_FILLED)
        return data.rstrip(b"\xff") + rest + b"\xff\xd9"
    if kind == "GIF":
        return data + b"\x55" * (255 + 86 * 8) * filling + bytes(_FILLED) + b";"
    return _webp(data, filling) if kind == "WEBP" else data


# ── PNG ─────────────────────────────────────────────────────────────────────────────────────────


def _png(data: bytes) -> bytes:
    """Keep size, palette, transparency, profile, orientation and pixels, and add a missing end.

    An animation becomes its default image.
    """
    kept, pixels, colour = [data[:8]], [], -1
    for name, body, is_sound in _png_chunks(data):
        if name == b"IHDR" and len(body) == 13:
            colour = body[9]
        if name == b"IDAT":
            pixels.append(_png_chunk(name, body))
        elif name in (b"IHDR", b"PLTE") or (
            is_sound and (name == b"eXIf" or (not pixels and _helps(name, body, colour)))
        ):
            kept.append(_png_chunk(name, body, is_sound=is_sound))
    return b"".join((*kept, *pixels, _png_chunk(b"IEND", b"")))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield each chunk before the end: name, body, and whether its checksum is correct."""
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IEND":
            return
        body = data[at + 8 : at + 8 + length]
        at += 12 + length
        yield name, body, data[at - 4 : at] == struct.pack(">I", zlib.crc32(name + body))


def _png_chunk(name: bytes, body: bytes, *, is_sound: bool = True) -> bytes:
    checksum = zlib.crc32(name + body) ^ (not is_sound)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def _helps(name: bytes, body: bytes, colour: int) -> bool:
    """Whether libpng would use an optional chunk."""
    if name == b"tRNS":
        return len(body) == {0: 2, 2: 6}.get(colour) or (colour == 3 and 0 < len(body) <= 256)
    if name != b"iCCP":
        return False
    _, _, packed = body.partition(b"\0")
    try:
        unpacking = zlib.decompressobj()
        unpacking.decompress(packed[1:], PROFILE_BYTES)
    except zlib.error:
        return False
    return packed[:1] == b"\0" and unpacking.eof


# ── JPEG ────────────────────────────────────────────────────────────────────────────────────────


def _jpeg(data: bytes) -> bytes:
    """Remove comments, and application segments that do not concern pixels.

    Of several pictures in one file (MPO) only the first remains.
    """
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:  # any number of fill bytes may precede a marker
            at += 1
            continue
        marker, length = struct.unpack_from(">BH", data, at + 1)
        end = at + 2 + length
        if length < 2 or 0xD0 <= marker <= 0xD9 or marker == 0x01:
            break
        if _paints(marker, data[at + 4 : end]):
            kept.append(data[at:end])
        at = end
    return b"".join((*kept, data[at:]))


def _paints(marker: int, body: bytes) -> bool:
    if marker == 0xE0:
        return body.startswith(b"JFIF\0") and len(body) >= 14
    if marker == 0xE1:
        return body.startswith(b"Exif\0\0")
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == 0xEE:
        return body.startswith(b"Adobe") and len(body) >= 12
    return not (0xE0 <= marker <= 0xEF or marker == 0xFE)


# ── WebP ────────────────────────────────────────────────────────────────────────────────────────


def _webp(data: bytes, filling: int) -> bytes:
    """Return a complete file as it is, and a truncated one with its last chunk filled."""
    if 8 + int.from_bytes(data[4:8], "little") <= len(data):
        return data
    chunks: list[bytes] = []
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
        missing = size - len(body)
        if missing and (name not in _PIXELS_OF_WEBP or (name == b"ANMF" and _has_frame(chunks))):
            break
        if missing > _FILLED:  # this much is visible, and the announced size may be wrong
            return data
        if name in _SHOWN_BY_WEBP:
            body += bytes((0x55 * filling,)) * missing
            chunks.append(struct.pack("<4sI", name, size) + body + bytes(size % 2))
    body = b"".join(chunks)
    return b"RIFF" + struct.pack("<I4s", 4 + len(body), b"WEBP") + body


def _has_frame(chunks: list[bytes]) -> bool:
    return any(chunk.startswith(b"ANMF") for chunk in chunks)
