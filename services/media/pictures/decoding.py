"""Opens untrusted files: checks the limits before it decodes pixels."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import pillow_heif
from PIL import Image, ImageChops, PngImagePlugin

from services.media.pictures.containers import FILLINGS, PROFILE_BYTES, filled, without_metadata
from services.media.pictures.model import MAX_PIXELS, Format, PictureError, sniff

PngImagePlugin.MAX_TEXT_CHUNK = PROFILE_BYTES
"""Of the chunks that this limits, only the colour profile is passed to Pillow."""

_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "F")
_PLAIN = ("L", "RGB", "RGBA", "CMYK")


@dataclass(frozen=True, slots=True)
class OpenedPicture:
    """A picture whose header is read. `image` has no pixels yet."""

    kind: Format
    data: bytes
    image: Image.Image

    def decode(self, size: tuple[int, int]) -> Image.Image:
        """Decode the first frame, at `size` or above, into L, RGB, RGBA or CMYK.

        A truncated file is filled in two ways. If both decode to the same pixels, no pixel is
        missing. Raises PictureError `broken` or `out_of_memory`.
        """
        with _translate_errors():
            try:
                return _decoded(self.kind, self.data, size)
            except OSError:
                one, other = (
                    _decoded(self.kind, filled(self.kind, self.data, filling), size)
                    for filling in FILLINGS
                )
                if one.mode != other.mode or ImageChops.difference(one, other).getbbox(
                    alpha_only=False
                ):
                    raise _broken() from None
                return one


def open_picture(data: bytes) -> OpenedPicture:
    """Read the header, and refuse what is too large before a pixel is decoded.

    Raises PictureError `too_large`, `too_many_pixels`, `unsupported` or `broken`.
    """
    kind = sniff(data)
    load_decoders()
    with _translate_errors():
        bare = without_metadata(kind, data)
        # Pillow cannot read a truncated WebP at all.
        image = _image(kind, filled(kind, bare, 0) if kind == "WEBP" else bare)
        if image.width * image.height > MAX_PIXELS:
            raise _too_many_pixels(f"is {image.width}x{image.height} pixels")
        return OpenedPicture(kind, bare, image)


def _image(kind: Format, data: bytes) -> Image.Image:
    return Image.open(BytesIO(data), formats=(kind,))


def _decoded(kind: Format, data: bytes, size: tuple[int, int]) -> Image.Image:
    image = _image(kind, data)
    if kind == "JPEG":
        image.draft(None, size)  # libjpeg decodes at 1/2, 1/4 or 1/8 at a fraction of the cost
    image.load()
    return _plain(image)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        return image.point(lambda value: value * (1 / 257)).convert("L")
    if image.has_transparency_data and image.mode != "RGBA":  # converting would copy
        return image.convert("RGBA")
    if image.mode in _PLAIN:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


@cache
def load_decoders() -> None:
    """Load what decoding needs. Later no file is opened, so it can run where none may be."""
    Image.init()
    # One thread: workers use the cores already, and thread stacks count towards RLIMIT_AS.
    pillow_heif.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about bad metadata, which is removed anyway
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except PictureError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_many_pixels("is far too large") from error
    except MemoryError as error:
        raise _out_of_memory() from error
    except Exception as error:  # decoders raise anything for invalid bytes
        if "memory" in str(error).lower():
            raise _out_of_memory() from error
        raise _broken() from error


def _broken() -> PictureError:
    return PictureError(
        "broken",
        "The picture is damaged or incomplete. Send the original file again.",
    )


def _too_many_pixels(what: str) -> PictureError:
    return PictureError(
        "too_many_pixels",
        f"The picture {what}; at most {MAX_PIXELS // 1_000_000} megapixels are accepted."
        " Make it smaller and try again.",
    )


def _out_of_memory() -> PictureError:
    return PictureError(
        "out_of_memory",
        "The picture needs more memory than is allowed. Make it smaller and try again.",
    )
