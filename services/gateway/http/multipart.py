"""Multipart forms with files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from services.chassis.errors import ServiceError, from_status
from services.contracts import limits
from services.gateway.http.body import MAX_BODY_BYTES, bounded_chunks, too_large
from services.gateway.http.form_fields import MAX_FIELDS

MAX_DATA_URL_BYTES = limits.MAX_PICTURE_BYTES * 3 // 2  # in base64, partly percent-encoded
_EXTENDED_FILENAME = re.compile(rb";\s*filename\*", re.IGNORECASE)


class _MultipartParser(MultiPartParser):
    """Recognizes files without a plain `filename`, and ignores empty file inputs of browsers.

    Some libraries write `filename*` for names that are not ASCII. RFC 7578 forbids it, but Rack,
    which Mastodon uses, accepts it.
    """

    truncates = False
    """Whether a file above the bound ends there, instead of refusing the whole form."""

    _taken = 0

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._taken = 0

    def on_headers_finished(self) -> None:
        part = self._current_part
        written = part.content_disposition or b""
        name = parse_options_header(written)[1].get(b"filename")
        if name is None and (
            _EXTENDED_FILENAME.search(written) or _is_image_part(part.item_headers)
        ):
            part.content_disposition = written + b'; filename="file"'
        if name == b"":  # counted as a field while it is empty
            self._current_files -= 1
            self._current_fields += 1
        super().on_headers_finished()
        if self._current_fields > self.max_fields:
            raise MultiPartException(f"Too many fields. At most {self.max_fields} are accepted.")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        was_too_large = self._taken > limits.MAX_PICTURE_BYTES
        self._taken += end - start
        if self._current_part.file is not None and self._taken > limits.MAX_PICTURE_BYTES:
            if not self.truncates:
                raise too_large(limits.MAX_PICTURE_BYTES)
            if was_too_large:  # what is kept is too large already: the rest makes no difference
                return
        super().on_part_data(data, start, end)

    def on_part_end(self) -> None:
        file = self._current_part.file
        if file is None or file.filename:
            super().on_part_end()
        elif self._taken:
            self._current_files += 1
            if self._current_files > self.max_files:
                raise MultiPartException(f"Too many files. At most {self.max_files} are accepted.")
            super().on_part_end()
        else:
            file.file.close()


def _is_image_part(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-type" and value.startswith(b"image/") for name, value in headers)


async def parse_multipart(
    request: Request, bound: int, files: int, *, truncate: bool = False
) -> FormData:
    """The form of a request. Raises 400 for a malformed one, `TooLarge` above the bound.

    With `truncate` a file that is too large does not refuse the form. Its `size` tells.
    """
    parser = _MultipartParser(
        request.headers,
        bounded_chunks(request, bound),
        max_files=files + 1 if files else 0,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_DATA_URL_BYTES if files else MAX_BODY_BYTES,
    )
    parser.truncates = truncate
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise from_status(400, f"The form cannot be read: {error.message}") from error
    except KeyError as error:
        raise from_status(400, "The form has no boundary.") from error
    except UnicodeError as error:
        raise _not_text() from error
    try:
        for name, value in form.multi_items():
            f"{name}{value if isinstance(value, str) else ''}".encode()
    except UnicodeEncodeError as error:  # a charset that decodes to lone surrogates
        await form.close()
        raise _not_text() from error
    return form


def _not_text() -> ServiceError:
    return from_status(400, "The form is not text in its declared charset.")
