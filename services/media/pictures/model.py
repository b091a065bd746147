"""The inputs, results and errors of picture processing."""

from dataclasses import dataclass
from typing import Literal

MAX_BYTES = 16 * 1024 * 1024  # Mastodon's limit for pictures
MAX_PIXELS = 50_000_000  # a phone camera has 48 megapixels
MAX_SIDE = 2048  # pixels of a rendition

Kind = Literal["photo", "avatar", "header"]
Code = Literal[
    "too_large",
    "too_many_pixels",
    "unsupported",
    "broken",
    "timed_out",
    "out_of_memory",
    "busy",
]
Format = Literal["JPEG", "PNG", "WEBP", "GIF", "HEIF"]

_STATUS: dict[Code, int] = {"too_large": 413, "busy": 503}
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)


class PictureError(Exception):
    """A picture that is refused. The message tells the user what to do.

    After `busy` the same picture may be accepted later; after every other code it will not.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return _STATUS.get(self.code, 422)


@dataclass(frozen=True, slots=True)
class Rendition:
    """One encoded size of a picture."""

    body: bytes
    mime: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Processed:
    """A processed picture: upright, sRGB, without metadata.

    `medium` and `small` are `original` itself if that is small already. `colour` is the average,
    `#rrggbb`.
    """

    original: Rendition
    medium: Rendition
    small: Rendition
    blurhash: str
    colour: str


def sniff(data: bytes) -> Format:
    """Return the format by the first bytes: names and content types may be wrong.

    Raises PictureError `too_large` or `unsupported`.
    """
    if len(data) > MAX_BYTES:
        raise PictureError(
            "too_large",
            f"The file has {len(data) / 2**20:.1f} MiB; at most {MAX_BYTES >> 20} MiB are accepted."
            " Make it smaller and try again.",
        )
    found = _magic(data)
    if found is None:
        raise PictureError(
            "unsupported",
            "The file is not a picture in an accepted format."
            " Send a JPEG, PNG, WebP, GIF or HEIC file.",
        )
    return found


def _magic(data: bytes) -> Format | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIF"
    return None
