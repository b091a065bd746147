"""The names of files: whoever knows a name was shown the picture, so names cannot be guessed."""

from __future__ import annotations

import re

from services.chassis.errors import NotFound

ORIGINAL, MEDIUM, SMALL = "o", "m", "s"
"""The parts of a post's picture. Profile images have the parts `a` (avatar) and `h` (header)."""

NO_SUCH_FILE = "There is no such file."

_EXTENSIONS = {"image/jpeg": "jpg", "image/webp": "webp"}
_MIME_BY_EXTENSION = {extension: mime for mime, extension in _EXTENSIONS.items()}
_NAME_PATTERN = re.compile(r"[0-9]{18,20}-[0-9a-f]{16}-[omsah]\.(jpg|webp)")


def file_name(id: str, secret: str, part: str, mime: str) -> str:
    """Return the name of a file."""
    return f"{id}-{secret}-{part}.{_EXTENSIONS[mime]}"


def file_part(name: str) -> str:
    """Return which part a file is: `o`, `m`, `s`, `a` or `h`."""
    return name.rpartition("-")[2].partition(".")[0]


def content_type(name: str) -> str:
    """Return the MIME type of a file. Raises `NotFound` for a name that was never generated."""
    match = _NAME_PATTERN.fullmatch(name)
    if match is None:
        raise NotFound(NO_SUCH_FILE)
    return _MIME_BY_EXTENSION[match[1]]
