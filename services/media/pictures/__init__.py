"""Pictures as people send them, made safe and small.

This package's front holds only values and errors, so that the service which asks for pictures
never loads a decoder; `develop` loads Pillow, and runs in the workshop's child processes.
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
