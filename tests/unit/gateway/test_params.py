"""Three ways of writing the same body."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from services.chassis.errors import Invalid, ServiceError, TooLarge
from services.gateway.http.body import MAX_BODY_BYTES
from services.gateway.http.form_fields import params_of
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from tests.services.gateway.deployment import multipart


async def read(
    data: bytes, kind: str = "", *, query: str = "", files: int = 0, length: int | None = None
) -> RequestParams:
    headers = [(b"content-type", kind.encode())] if kind else []
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    scope["query_string"] = query.encode()
    chunks = [data[i : i + 65536] for i in range(0, len(data), 65536)] or [b""]

    async def receive() -> Message:
        await asyncio.sleep(0)
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    return await read_params(Request(scope, receive), files)


PAIRS = [
    ("status", "hi"),
    ("media_ids[]", "1"),
    ("media_ids[]", "2"),
    ("sensitive", "true"),
    ("source[privacy]", "private"),
    ("fields_attributes[0][name]", "a"),
    ("fields_attributes[0][value]", "b"),
    ("fields_attributes[1][name]", "c"),
]
JSON = {
    "status": "hi",
    "media_ids": ["1", "2"],
    "sensitive": True,
    "source": {"privacy": "private"},
    "fields_attributes": [{"name": "a", "value": "b"}, {"name": "c"}],
}


def parts() -> dict[str, Any]:
    body = b"".join(
        f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in PAIRS
    )
    return {"data": body + b"--b--\r\n", "kind": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    "content",
    [
        {"data": urlencode(PAIRS).encode(), "kind": "application/x-www-form-urlencoded"},
        {"data": orjson.dumps(JSON), "kind": "application/json; charset=utf-8"},
        {"data": b"", "query": urlencode(PAIRS)},
        parts(),
    ],
    ids=["urlencoded", "json", "query", "multipart"],
)
async def test_all_formats_give_the_same_parameters(content: dict[str, Any]) -> None:
    body = await read(**content)
    assert body.optional_string("status") == "hi"
    assert body.strings("media_ids") == ["1", "2"]
    assert body.boolean("sensitive") is True
    assert body.nested("source").optional_string("privacy") == "private"
    fields = body.objects("fields_attributes")
    assert fields is not None
    assert [(field.string("name"), field.string("value")) for field in fields] == [
        ("a", "b"),
        ("c", ""),
    ]


def test_indices_of_object_lists_are_optional() -> None:
    body = params_of([("x[][name]", "a"), ("x[][value]", "b"), ("x[][name]", "c")])
    assert body["x"] == [{"name": "a", "value": "b"}, {"name": "c"}]


def test_a_single_value_is_a_list_and_numbers_are_strings() -> None:
    assert RequestParams(media_ids=1).strings("media_ids") == ["1"]
    assert RequestParams().strings("media_ids") is None
    assert RequestParams(media_ids=[]).strings("media_ids") == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((yes, True) for yes in ("1", "true", "on", 1, True, "y", "Yes", "perhaps", 2, 0.5)),
        *((no, False) for no in ("0", "false", 0, "F", "off", "no", "N", False)),
        *((nothing, None) for nothing in (None, "", {}, [], {"a": 1}, ["true"])),
    ],
)
def test_booleans_are_parsed_in_every_spelling(written: Any, meant: bool | None) -> None:
    assert RequestParams(x=written).boolean("x") is meant


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: RequestParams(x={}).optional_string("x"),
        lambda: RequestParams(x=[{}]).strings("x"),
        lambda: RequestParams(x="maybe").strict_boolean("x"),
        lambda: RequestParams(x="1.5").integer("x"),
        lambda: RequestParams(x=["y"]).objects("x"),
        lambda: RequestParams(x="y").file("x"),
        lambda: RequestParams(x="data:image/png;base64,=a=").file("x"),
        lambda: RequestParams(x="data:image/png;base64,\u00e9").file("x"),
        lambda: params_of([("a[b][c][d][e]", "")]),
        lambda: params_of([("a", "1"), ("a[b]", "2")]),
        lambda: params_of([(str(n), "") for n in range(201)]),
    ],
)
def test_values_of_another_type_are_rejected(wrong: Any) -> None:
    with pytest.raises(Invalid):
        wrong()


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b'{"a":', "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"x"', "application/json", 400),
        (b"\xff=\xff", "application/x-www-form-urlencoded", 400),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=b", 400),
        (b"x", "text/csv", 415),
    ],
)
async def test_malformed_bodies_are_rejected(data: bytes, kind: str, status: int) -> None:
    with pytest.raises(ServiceError) as refused:
        await read(data, kind)
    assert refused.value.status == status


async def test_an_empty_body_has_no_parameters() -> None:
    assert await read(b"", "application/json") == {}
    assert await read(b" {} ", "application/json") == {}


async def test_too_large_bodies_are_rejected_by_content_length() -> None:
    with pytest.raises(TooLarge):
        await read(b"", "application/json", length=MAX_BODY_BYTES + 1)
    with pytest.raises(TooLarge):
        await read(b"", "multipart/form-data; boundary=b", files=1, length=100_000_000)


async def test_too_large_bodies_are_rejected_without_content_length() -> None:
    with pytest.raises(TooLarge):
        await read(b" " * (MAX_BODY_BYTES + 1), "application/json")
    content = multipart({}, {"file": b"x" * 17 * 1024 * 1024})
    with pytest.raises(TooLarge):
        await read(content["data"], content["headers"]["content-type"], files=1)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/json"])
async def test_a_client_that_goes_away_is_no_error_of_ours(kind: str) -> None:
    headers = [(b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ServiceError) as refused:
        await read_params(Request(scope, receive), 1)
    assert refused.value.status == 400


async def test_unexpected_files_are_rejected() -> None:
    content = multipart({}, {"file": b"x"})
    with pytest.raises(ServiceError) as refused:
        await read(content["data"], content["headers"]["content-type"])
    assert refused.value.status == 400


def one_file(disposition: str, data: bytes, kind: str = "application/octet-stream") -> bytes:
    head = f"--b\r\ncontent-disposition: form-data; {disposition}\r\ncontent-type: {kind}\r\n\r\n"
    return head.encode() + data + b"\r\n--b--\r\n"


FORM = "multipart/form-data; boundary=b"


async def sent(data: bytes, kind: str = FORM, *, name: str = "file") -> bytes | None:
    """What the file holds that a body sends."""
    body = await read(data, kind, files=1)
    file = body.file(name)
    held = None if file is None else await file.read()
    assert file is None or file.size == len(held or b"")
    if body.form is not None:
        await body.form.close()
    return held


NAMES = st.text(
    st.characters(min_codepoint=32, exclude_characters='"\\;', codec="utf-8"), min_size=1
)


@given(name=NAMES, how=st.sampled_from(["plain", "extended", "continued", "both"]))
async def test_files_are_recognized_by_any_filename(name: str, how: str) -> None:
    escaped = quote(name, safe="")
    named = {
        "plain": f'filename="{name}"',
        "extended": f"filename*=UTF-8''{escaped}",
        "continued": f"filename*0*=UTF-8''{escaped[:20]}; filename*1*={escaped[20:]}",
        "both": f"filename=\"{name}\"; filename*=UTF-8''{escaped}",
    }[how]
    assert await sent(one_file(f'name="file"; {named}', b"bytes")) == b"bytes"


async def test_images_without_filename_are_files_and_text_is_not() -> None:
    assert await sent(one_file('name="file"', b"bytes", "image/png")) == b"bytes"
    body = await read(one_file('name="status"', b"hi", "text/plain"), FORM, files=1)
    assert body.optional_string("status") == "hi"


@pytest.mark.parametrize("files", [0, 1])
async def test_empty_file_inputs_are_ignored(files: int) -> None:
    body = await read(one_file('name="avatar"; filename=""', b""), FORM, files=files)
    assert "avatar" not in body
    assert body.file("avatar") is None


async def test_a_chosen_empty_file_is_a_file() -> None:
    assert await sent(one_file('name="file"; filename="a.jpg"', b"")) == b""


async def test_many_empty_inputs_and_nameless_files_are_bounded() -> None:
    empty = one_file('name="x"; filename=""', b"").removesuffix(b"--b--\r\n")
    for part, count in ((empty, 201), (empty.replace(b"\r\n\r\n", b"\r\n\r\nx"), 3)):
        with pytest.raises(ServiceError) as refused:
            await read(part * count + b"--b--\r\n", FORM, files=1)
        assert refused.value.status == 400


@given(data=st.binary(max_size=300), way=st.sampled_from(["json", "form", "multipart", "raw form"]))
async def test_a_data_url_is_a_file_in_every_format(data: bytes, way: str) -> None:
    url = "data:image/png;base64," + b64encode(data).decode()
    content: dict[str, Any] = {
        "json": {"data": orjson.dumps({"avatar": url}), "kind": "application/json"},
        "form": {"data": urlencode({"avatar": url}).encode(), "kind": URLENCODED},
        "raw form": {"data": f"avatar={url}".encode(), "kind": URLENCODED},
        "multipart": {"data": one_file('name="avatar"', url.encode(), "text/plain"), "kind": FORM},
    }[way]
    assert await sent(**content, name="avatar") == data


URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "url",
    ["data:,a%20b", "DATA:;charset=x;BASE64,YSBi", "data:;base64,YS\r\nBi", "data:;base64,YSBi=="],
)
def test_all_spellings_of_a_data_url_are_parsed(url: str) -> None:
    file = RequestParams(x=url).file("x")
    assert file is not None
    assert file.file.read() == b"a b"


async def test_data_urls_have_the_size_limit_of_files() -> None:
    whole = orjson.dumps({"avatar": "data:;base64," + b64encode(bytes(16 << 20)).decode()})
    file = (await read(whole, "application/json", files=1)).file("avatar")
    assert file is not None
    assert file.size == 16 << 20
    with pytest.raises(TooLarge):
        await read(whole, "application/json")
    with pytest.raises(TooLarge):
        await read(whole + b" " * (9 << 20), "application/json", files=1)
