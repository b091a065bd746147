"""Pictures for tests: real photos if available, generated ones, and malicious ones."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import piexif
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageOps, ImageStat

REAL = Path(__file__).parents[3] / "shared" / "data" / "photos"

TRACES = (b"Exif\0\0", b"http://ns.adobe.com/", b"Photoshop 3.0", b"NIKON", b"COOLPIX")
"""Metadata that cameras and editors write."""


def photos(folder: Path) -> list[Path]:
    """Return all real photos, or eight generated ones in every orientation."""
    real = sorted(REAL.glob("*.jpg"))
    if real:
        return real
    made = []
    for orientation in range(1, 9):
        path = folder / f"made_{orientation}.jpg"
        path.write_bytes(jpeg(orientation=orientation))
        made.append(path)
    return made


def eight_orientations(folder: Path) -> list[Path]:
    """Return one picture in each of the eight EXIF orientations."""
    real = [REAL / f"landscape_{n}.jpg" for n in range(1, 9)]
    if all(path.exists() for path in real):
        return real
    return [path for path in photos(folder) if path.stem.startswith("made")]


def scene(size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return a picture without symmetry."""
    image = Image.new("RGB", size, (40, 90, 160))
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.rectangle((0, 0, width // 2, height // 3), fill=(220, 60, 40))
    draw.ellipse((width // 2, height // 2, width - 8, height - 8), fill=(240, 220, 90))
    return image


def jpeg(size: tuple[int, int] = (320, 240), orientation: int = 1) -> bytes:
    """Return a JPEG as a camera writes it: rotated, with orientation, location and maker."""
    turned = ImageOps.exif_transpose(_marked(scene(size), _UNDOES[orientation]))
    exif = piexif.dump(
        {
            "0th": {piexif.ImageIFD.Make: b"NIKON", piexif.ImageIFD.Orientation: orientation},
            "GPS": {
                piexif.GPSIFD.GPSLatitudeRef: b"N",
                piexif.GPSIFD.GPSLatitude: ((43, 1), (28, 1), (0, 1)),
            },
        }
    )
    file = io.BytesIO()
    turned.save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


_UNDOES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""The orientation whose correction undoes the correction of another."""


def _marked(image: Image.Image, orientation: int) -> Image.Image:
    image.getexif()[0x0112] = orientation
    return image


def encoded(kind: str, size: tuple[int, int] = (320, 240)) -> bytes:
    """Return the scene in a format."""
    file = io.BytesIO()
    scene(size).save(file, kind)
    return file.getvalue()


def upright(data: bytes) -> Image.Image:
    """Return the pixels upright and in sRGB."""
    with Image.open(io.BytesIO(data)) as image:
        return _in_srgb(ImageOps.exif_transpose(image)).convert("RGB")


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.profileToProfile(image, meant, ImageCms.createProfile("sRGB")) or image


def pixels(data: bytes) -> Image.Image:
    """Return the raw pixels of the file."""
    with Image.open(io.BytesIO(data)) as image:
        return _in_srgb(image).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the difference of two scaled pictures: 0 for equal, 255 for black and white."""
    small = [image.resize((32, 32), Image.Resampling.BOX) for image in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*small)).mean)


def traces(data: bytes) -> list[str]:
    """Return the metadata left in a file."""
    with Image.open(io.BytesIO(data)) as image:
        tags = [f"tag {tag}" for tag in image.getexif()]
        named = [key for key in ("exif", "xmp", "photoshop", "comment") if key in image.info]
    return tags + named + [repr(trace) for trace in TRACES if trace in data]


# ── pictures that mean no good ──────────────────────────────────────────────────────────────────


def bomb(side: int = 20_000) -> bytes:
    """Return a PNG of a few hundred kilobytes with `side` times `side` pixels."""
    row = zlib.compressobj(9)
    line = b"\0" * (side // 8 + 1)
    data = b"".join(row.compress(line) for _ in range(side)) + row.flush()
    return _png(side, side, depth=1, data=data)


def liar(side: int = 60_000) -> bytes:
    """Return a PNG of a few bytes that claims to be huge."""
    return _png(side, side, depth=8, data=zlib.compress(b"\0" * 64))


def _png(width: int, height: int, depth: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
