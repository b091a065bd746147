"""Default images, drawn on first use: clients expect PNG, and no binary file is committed."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw

_TOP, _BOTTOM = (255, 138, 92), (122, 63, 208)
_WHITE = (255, 255, 255)


@cache
def default_image(name: str) -> bytes | None:
    """An image by its file name, as PNG."""
    make = _IMAGES.get(name)
    if make is None:
        return None
    out = BytesIO()
    make().save(out, "PNG", optimize=True)
    return out.getvalue()


def _gradient(width: int, height: int) -> Image.Image:
    """A gradient from the top left to the bottom right."""
    small = Image.new("RGB", (2, 2))
    middle = tuple((a + b) // 2 for a, b in zip(_TOP, _BOTTOM, strict=True))
    for at, colour in (((0, 0), _TOP), ((1, 1), _BOTTOM), ((1, 0), middle), ((0, 1), middle)):
        small.putpixel(at, colour)
    return small.resize((width, height), Image.Resampling.BICUBIC)


def _avatar() -> Image.Image:
    """A head and shoulders."""
    image = _gradient(400, 400)
    draw = ImageDraw.Draw(image)
    draw.ellipse((130, 85, 270, 225), fill=_WHITE)
    draw.ellipse((70, 255, 330, 515), fill=_WHITE)
    return image


def _icon() -> Image.Image:
    """A camera, within the part of the image that no platform cuts off."""
    image = _gradient(192, 192)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((28, 56, 164, 150), radius=20, outline=_WHITE, width=10)
    draw.rounded_rectangle((66, 38, 126, 62), radius=8, fill=_WHITE)
    draw.ellipse((66, 73, 126, 133), outline=_WHITE, width=10)
    draw.ellipse((139, 70, 149, 80), fill=_WHITE)
    return image


def _large_icon() -> Image.Image:
    return _icon().resize((512, 512), Image.Resampling.BICUBIC)


_IMAGES = {
    "avatar.png": _avatar,
    "header.png": lambda: _gradient(1500, 500),
    "thumbnail.png": lambda: _gradient(1200, 630),
    "icon.png": _icon,
    "icon-512.png": _large_icon,
}
