"""What a request says, as one dict, in whichever of three ways it was written.

JSON, urlencoded and multipart all become the same: `media_ids[]` and `media_ids` are a list,
`source[privacy]` is a dict in a dict, `fields_attributes[0][name]` is a list of dicts. What stands
in the address is there too, since some clients write it there; the body wins.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Message

from services.chassis.errors import Invalid, ServiceError, TooLarge, from_status
from services.contracts import limits
from services.shared.languages import language_code

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_INNER = re.compile(r"\[([^\[\]]*)\]")
_INDEX = re.compile(r"[0-9]{1,9}")
MAX_BODY_BYTES = 1024 * 1024
_MAX_FIELDS = 200
_MAX_DEPTH = 4
_MULTIPART_OVERHEAD = 128 * 1024  # what a multipart form has around its files
_MAX_DATA_URL_BYTES = limits.PICTURE_BYTES * 3 // 2  # a picture in base64, with some of it escaped
_THREAD_THRESHOLD = 256 * 1024  # a body that takes longer to parse does so beside the event loop
_DATA_URL = re.compile(r"data:[^,]{0,200},", re.IGNORECASE)
_EXTENDED_FILENAME = re.compile(rb";\s*filename\*", re.IGNORECASE)
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


def parse_flag(written: Any) -> bool:
    """Whether a flag in an address is set: by all but the words for no, as in Mastodon."""
    return RequestParams(flag=written).boolean("flag") is True


QueryFlag = Annotated[bool, BeforeValidator(parse_flag)]
"""A flag in an address. What is written there only chooses what is shown, and is never refused."""


def query_flag(request: Request, name: str) -> bool:
    """Whether the address asks for something by a flag."""
    return parse_flag(request.query_params.get(name))


def query_flags(request: Request, *names: str) -> dict[str, str]:
    """Those flags that the address asks for, for another service's address."""
    return {name: "true" for name in names if query_flag(request, name)}


@asynccontextmanager
async def params_with_files(request: Request, files: int) -> AsyncIterator[RequestParams]:
    """All that a request says, with room for so many pictures, which are closed at the end.

    One file more may be there, since clients send thumbnails that nobody needs. Raises as `said`.
    """
    body = await read_params(request, files)
    try:
        yield body
    finally:
        if body.form is not None:
            await body.form.close()


async def read_params(request: Request, files: int = 0) -> RequestParams:
    """All that a request says. For pictures use `uploaded`.

    Raises `TooLarge` as soon as that is known, 400 for what cannot be read, else `Invalid`.
    """
    bound = files * _MAX_DATA_URL_BYTES + _MULTIPART_OVERHEAD if files else MAX_BODY_BYTES
    check_content_length(request, bound)
    spoken = params_of(request.query_params.multi_items())
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        spoken.form = await _parse_multipart(request, bound, files)
        spoken.update(params_of(spoken.form.multi_items()))
        return spoken
    body = await read_body(request, bound)
    if not body.strip():
        return spoken
    if len(body) > _THREAD_THRESHOLD:
        spoken.update(await asyncio.to_thread(_parse, kind, body))
    else:
        spoken.update(_parse(kind, body))
    return spoken


def _parse(kind: str, body: bytes) -> dict[str, Any]:
    if kind == "application/json" or kind.endswith("+json") or (not kind and body[:1] == b"{"):
        return _parse_json(body)
    if kind in ("application/x-www-form-urlencoded", ""):
        return _parse_urlencoded(body)
    raise from_status(415, f"A body of the type {kind[:100]} is not understood.")


async def read_body(request: Request, bound: int) -> bytes:
    """The body as it was sent. Raises `TooLarge` as soon as that is known."""
    check_content_length(request, bound)
    return b"".join([chunk async for chunk in _bounded_chunks(request, bound)])


class BoundedRoute(APIRoute):
    """A route that declares its body: the framework would read all of it, before any guard."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            body = await read_body(request, MAX_BODY_BYTES)

            async def receive() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handle(Request(request.scope, receive))

        return handler


def check_content_length(request: Request, bound: int) -> None:
    """Raise `TooLarge` if the request says itself that it is larger than that many bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bound:
        raise _too_large(bound)


def params_of(pairs: Iterable[tuple[str, Any]]) -> RequestParams:
    """Pairs of a form into one dict, by the brackets in their names."""
    spoken = RequestParams()
    for count, (name, value) in enumerate(pairs):
        if count >= _MAX_FIELDS:
            raise Invalid(f"More than {_MAX_FIELDS} fields are not understood.")
        match = _KEY.match(name)
        if match is None:
            continue
        path = [match[1], *_INNER.findall(match[2])]
        if len(path) > _MAX_DEPTH:
            raise Invalid(f"{name[:100]} is nested too deeply.")
        _place(spoken, path, value)
    return RequestParams({name: _lists_in(value) for name, value in spoken.items()})


def _place(where: dict[str, Any], path: list[str], value: Any) -> None:
    name, rest = path[0], path[1:]
    if not rest:
        where[name] = value
    elif rest == [""]:
        items = where.setdefault(name, [])
        if not isinstance(items, list):
            items = where[name] = [items]
        items.append(value)
    else:
        inner = where.setdefault(name, {})
        if not isinstance(inner, dict):
            raise Invalid(f"{name[:100]} is given both as a value and as an object.")
        if rest[0] == "":  # x[][name]: a new object at every repeated name
            last = str(len(inner) - 1)
            open_one = inner.get(last)
            taken = not isinstance(open_one, dict) or (len(rest) > 1 and rest[1] in open_one)
            rest = [str(len(inner)) if taken else last, *rest[1:]]
        _place(inner, rest, value)


def _lists_in(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {name: _lists_in(item) for name, item in value.items()}
    if items and all(_INDEX.fullmatch(name) for name in items):
        return [items[name] for name in sorted(items, key=int)]
    return items


def _parse_json(read_body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(read_body)
    except orjson.JSONDecodeError as error:
        raise from_status(400, "The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise from_status(400, "The body must be a JSON object.")
    return {name.removesuffix("[]"): item for name, item in value.items()}


def _parse_urlencoded(read_body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(read_body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise from_status(400, "The form cannot be read.") from error
    return params_of(pairs)


def _decode_data_url(head: str, written: str) -> bytes:
    """What a `data:` URL holds. Raises `ValueError`."""
    if not head.lower().endswith(";base64,"):
        return unquote_to_bytes(written)
    code = unquote(written) if "%" in written else written
    # A form turns a + that nobody escaped into a blank, and some libraries break lines.
    code = code.translate({ord(" "): "+", ord("\r"): None, ord("\n"): None}).rstrip("=")
    return b64decode(code + "=" * (-len(code) % 4), validate=True)


class _MultipartParser(MultiPartParser):
    """Knows files by more than a plain `filename`, and none where a browser's input is left empty.

    `filename*` is what some libraries write for names that are not ASCII: RFC 7578 forbids it, and
    Rack, on which Mastodon stands, takes it.
    """

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
        if name == b"":  # a field, for as long as it holds nothing
            self._current_files -= 1
            self._current_fields += 1
        super().on_headers_finished()
        if self._current_fields > self.max_fields:
            raise MultiPartException(f"Too many fields. At most {self.max_fields} are taken.")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._taken += end - start
        if self._current_part.file is not None and self._taken > limits.PICTURE_BYTES:
            raise _too_large(limits.PICTURE_BYTES)
        super().on_part_data(data, start, end)

    def on_part_end(self) -> None:
        file = self._current_part.file
        if file is None or file.filename:
            super().on_part_end()
        elif self._taken:
            self._current_files += 1
            if self._current_files > self.max_files:
                raise MultiPartException(f"Too many files. At most {self.max_files} are taken.")
            super().on_part_end()
        else:
            file.file.close()


def _is_image_part(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-type" and value.startswith(b"image/") for name, value in headers)


async def _parse_multipart(request: Request, bound: int, files: int) -> FormData:
    parser = _MultipartParser(
        request.headers,
        _bounded_chunks(request, bound),
        max_files=files + 1 if files else 0,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_DATA_URL_BYTES if files else MAX_BODY_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise from_status(400, f"The form cannot be read: {error.message}") from error
    except KeyError as error:
        raise from_status(400, "The form says no boundary.") from error
    except UnicodeError as error:
        raise _not_text() from error
    try:
        for name, value in form.multi_items():
            f"{name}{value if isinstance(value, str) else ''}".encode()
    except UnicodeEncodeError as error:  # a charset that makes half characters
        await form.close()
        raise _not_text() from error
    return form


async def _bounded_chunks(request: Request, bound: int) -> AsyncGenerator[bytes, None]:
    taken = 0
    async for chunk in request.stream():
        taken += len(chunk)
        if taken > bound:
            raise _too_large(bound)
        yield chunk


def _not_text() -> ServiceError:
    return from_status(400, "The form is not text, or not in its charset.")


def _too_large(bound: int) -> ServiceError:
    mib, kib = divmod(bound // 1024, 1024)
    most = f"{mib} MiB" if mib else f"{kib} KiB"
    return TooLarge(f"This is too large: at most {most} are taken here.")
