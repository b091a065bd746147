"""What a request says, as one dict, in whichever of three ways it was written.

JSON, urlencoded and multipart all become the same: `media_ids[]` and `media_ids` are a list,
`source[privacy]` is a dict in a dict, `fields_attributes[0][name]` is a list of dicts. What stands
in the address is there too, since some clients write it there; the body wins.
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
_MAX_INTEGER = 2**53  # beyond which not every JSON has whole numbers
_TRUE = frozenset({"1", "true", "t", "on", "yes", "y"})
_FALSE = frozenset({"0", "false", "f", "off", "no", "n"})


class RequestParams(dict[str, Any]):
    """What a request says. Every accessor raises `Invalid` for a value of another type."""

    form: FormData | None = None
    """The multipart form it came from, whose files are open."""

    def optional_string(self, name: str) -> str | None:
        """Words; numbers are taken as they are written. `None` where nothing is said."""
        value = self.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise Invalid(f"{name} must be a text.")

    def string(self, name: str) -> str:
        """Words, or an empty text."""
        return self.optional_string(name) or ""

    def language(self, name: str) -> str | None:
        """A language; `None` for what names none, since nothing is refused for its language."""
        value = self.get(name)
        return language_code(value) if isinstance(value, str) else None

    def boolean(self, name: str) -> bool | None:
        """Yes or no; as in Mastodon, whatever does not say no says yes.

        `None` where nothing is said, or what has no truth, such as an object.
        """
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return value
        if value == "" or not isinstance(value, str | int | float):
            return None
        return str(value).strip().lower() not in _FALSE

    def strict_boolean(self, name: str) -> bool | None:
        """Yes or no, for what must not be guessed. Raises `Invalid` for all but plain words."""
        meant = self.boolean(name)
        if meant and str(self.get(name)).strip().lower() not in _TRUE:
            raise Invalid(f"{name} must be true or false.")
        return meant

    def integer(self, name: str) -> int | None:
        """A whole number."""
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
        """A list of words; a single one is a list of one."""
        value = self.get(name)
        if value is None:
            return None
        items = value if isinstance(value, list) else [value]
        return [
            text for item in items if (text := RequestParams({name: item}).optional_string(name))
        ]

    def objects(self, name: str) -> list[RequestParams] | None:
        """A list of dicts."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            value = list(value.values())
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise Invalid(f"{name} must be a list of objects.")
        return [RequestParams(item) for item in value]

    def nested(self, name: str) -> RequestParams:
        """A dict in this dict; empty where there is none, or something else."""
        value = self.get(name)
        return RequestParams(value) if isinstance(value, dict) else RequestParams()

    def file(self, name: str) -> UploadFile | None:
        """A file of a multipart form, or what a `data:` URL holds (RFC 2397)."""
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
            raise Invalid(f"{name} is a data: URL that cannot be read.") from error
        return UploadFile(BytesIO(data), size=len(data))


def _decode_data_url(head: str, written: str) -> bytes:
    """What a `data:` URL holds. Raises `ValueError`."""
    if not head.lower().endswith(";base64,"):
        return unquote_to_bytes(written)
    code = unquote(written) if "%" in written else written
    # A form turns a + that nobody escaped into a blank, and some libraries break lines.
    code = code.translate({ord(" "): "+", ord("\r"): None, ord("\n"): None}).rstrip("=")
    return b64decode(code + "=" * (-len(code) % 4), validate=True)
