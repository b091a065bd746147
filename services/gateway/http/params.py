"""The parameters of a request as one dict, whichever of three formats they came in.

JSON, urlencoded and multipart give the same: `media_ids[]` and `media_ids` are a list,
`source[privacy]` is a dict in a dict, `fields_attributes[0][name]` is a list of dicts. The query
string is included, since some clients use it; the body takes precedence.
"""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from starlette.datastructures import FormData, UploadFile

from services.chassis.errors import Invalid
from services.shared.languages import language_code

_DATA_URL = re.compile(r"data:[^,]{0,200},", re.IGNORECASE)
_MAX_URL_ESCAPES = 100_000
"""Percent-encoded bytes of a `data:` URL. Each takes 0.3 µs."""

_MAX_INTEGER = 2**53  # above it JSON numbers lose precision
_TRUE = frozenset({"1", "true", "t", "on", "yes", "y"})
_FALSE = frozenset({"0", "false", "f", "off", "no", "n"})


class RequestParams(dict[str, Any]):
    """The parameters. Every accessor raises `Invalid` for a value of another type."""

    form: FormData | None = None
    """The multipart form, whose files are open."""

    def optional_string(self, name: str) -> str | None:
        """A string, also from a number; `None` if it is missing."""
        value = self.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise Invalid(f"{name} must be a string.")

    def string(self, name: str) -> str:
        """A string; empty if it is missing."""
        return self.optional_string(name) or ""

    def language(self, name: str) -> str | None:
        """A language code; `None` for an unknown one, since no request is rejected for it."""
        value = self.get(name)
        return language_code(value) if isinstance(value, str) else None

    def boolean(self, name: str) -> bool | None:
        """A boolean; as in Mastodon, everything but the words for false is true.

        `None` if it is missing or has no truth value, such as an object.
        """
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return value
        if value == "" or not isinstance(value, str | int | float):
            return None
        return str(value).strip().lower() not in _FALSE

    def strict_boolean(self, name: str) -> bool | None:
        """A boolean that must be explicit. Raises `Invalid` for anything but true and false."""
        meant = self.boolean(name)
        if meant and str(self.get(name)).strip().lower() not in _TRUE:
            raise Invalid(f"{name} must be true or false.")
        return meant

    def integer(self, name: str) -> int | None:
        """An integer."""
        written = self.optional_string(name)
        if written is None or written == "":
            return None
        try:
            number = int(written)
        except ValueError as error:
            raise Invalid(f"{name} must be a whole number.") from error
        if abs(number) > _MAX_INTEGER:
            raise Invalid(f"{name} is too large a number.")
        return number

    def strings(self, name: str) -> list[str] | None:
        """A list of strings; a single string is a list of one."""
        value = self.get(name)
        if value is None:
            return None
        items = value if isinstance(value, list) else [value]
        return [
            text for item in items if (text := RequestParams({name: item}).optional_string(name))
        ]

    def objects(self, name: str) -> list[RequestParams] | None:
        """A list of objects."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            value = list(value.values())
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise Invalid(f"{name} must be a list of objects.")
        return [RequestParams(item) for item in value]

    def nested(self, name: str) -> RequestParams:
        """A nested object; empty if it is missing or something else."""
        value = self.get(name)
        return RequestParams(value) if isinstance(value, dict) else RequestParams()

    def file(self, name: str) -> UploadFile | None:
        """A file of a multipart form, or the content of a `data:` URL (RFC 2397)."""
        value = self.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, UploadFile):
            return value
        head = _DATA_URL.match(value) if isinstance(value, str) else None
        if head is None:
            raise Invalid(f"{name} must be a file, sent as multipart/form-data, or a data: URL.")
        try:
            data = _decode_data_url(head[0], value[head.end() :])
        except ValueError as error:
            raise Invalid(f"{name} is a malformed data: URL.") from error
        return UploadFile(BytesIO(data), size=len(data))


def _decode_data_url(head: str, written: str) -> bytes:
    """The content of a `data:` URL. Raises `ValueError`."""
    if written.count("%") > _MAX_URL_ESCAPES:
        raise ValueError("The URL has too many escaped characters.")
    if not head.lower().endswith(";base64,"):
        return unquote_to_bytes(written)
    code = unquote(written) if "%" in written else written
    # Forms turn an unescaped + into a space, and some libraries wrap lines.
    code = code.replace(" ", "+").replace("\r", "").replace("\n", "").rstrip("=")
    return b64decode(code + "=" * (-len(code) % 4), validate=True)
