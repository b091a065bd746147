"""Multipart forms with files."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from services.chassis.errors import ServiceError, from_status
from services.contracts import limits
from services.gateway.http.body import MAX_BODY_BYTES, bounded_chunks, too_large
from services.gateway.http.form_fields import MAX_FIELDS

MAX_DATA_URL_BYTES = limits.MAX_PICTURE_BYTES * 3 // 2  # in base64, partly percent-encoded
_MAX_TYPE_BYTES = 1024
_MAX_DISPOSITION_BYTES = 32 * 1024
"""Bytes of all `Content-Disposition` headers of a form. Parsing one takes up to 0.3 µs a byte."""

_MAX_SEMICOLONS = 32
"""In such a header, since the parser of the standard library is quadratic in them."""

_MAX_BOUNDARIES = MAX_FIELDS + 50
"""How often the boundary may occur, also in what only resembles the end of a part."""

_EXTENDED_FILENAME = re.compile(rb";\s*filename\*", re.IGNORECASE)


class _MultipartParser(MultiPartParser):
    """Recognizes files without a plain `filename`, and ignores empty file inputs of browsers.

    Some libraries write `filename*` for names that are not ASCII. RFC 7578 forbids it, but Rack,
    which Mastodon uses, accepts it.
    """

    truncates = False
    """Whether a file above the bound ends there, instead of refusing the whole form."""

    _taken = _field_bytes = _disposition_bytes = 0

    _is_in_part = False

    async def parse(self) -> FormData:
        form = await super().parse()
        if self._is_in_part:
            await form.close()
            if self._current_part.file is not None:
                await self._current_part.file.close()
            raise MultiPartException("The last part has no end.")
        return form

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._is_in_part = True
        self._taken = 0

    def on_headers_finished(self) -> None:
        part = self._current_part
        written = part.content_disposition or b""
        self._disposition_bytes += len(written)
        if self._disposition_bytes > _MAX_DISPOSITION_BYTES or (
            written.count(b";") > _MAX_SEMICOLONS
        ):
            raise MultiPartException("The names of the fields are too long.")
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
        if self._current_part.file is None:
            self._field_bytes += end - start
            if self._field_bytes > self.max_part_size:
                raise too_large(self.max_part_size)
        super().on_part_data(data, start, end)

    def on_part_end(self) -> None:
        self._is_in_part = False
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
    kind = request.headers["content-type"]
    if len(kind) > _MAX_TYPE_BYTES:
        raise from_status(400, "The content type of the form is too long.")
    parser = _MultipartParser(
        request.headers,
        _few_boundaries(bounded_chunks(request, bound), kind),
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


async def _few_boundaries(
    chunks: AsyncGenerator[bytes, None], kind: str
) -> AsyncGenerator[bytes, None]:
    """The chunks. Raises 400 if they have the boundary too often.

    The parser goes on byte by byte in Python after one that ends no part.
    """
    boundary = parse_options_header(kind)[1].get(b"boundary", b"")
    found = 0
    async for chunk in chunks:
        found += chunk.count(b"--" + boundary) if boundary else 0
        if found > _MAX_BOUNDARIES:
            raise from_status(400, "The form has too many parts.")
        yield chunk


def _not_text() -> ServiceError:
    return from_status(400, "The form is not text in its declared charset.")
