"""Processes uploaded pictures: makes them safe and small.

The package itself exports values and errors only, so that the media service never loads a decoder.
`processing` loads Pillow, and runs in the child processes of the image workers.
"""

from services.media.pictures.model import (
    MAX_BYTES,
    MAX_PIXELS,
    Code,
    Kind,
    PictureError,
    Processed,
    Rendition,
    sniff,
)

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Code",
    "Kind",
    "PictureError",
    "Processed",
    "Rendition",
    "sniff",
]
