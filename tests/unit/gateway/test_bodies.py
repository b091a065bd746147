"""Three ways of writing the same body."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from fastapi import Request
from starlette.types import Message

from services.chassis.errors import Failure, Invalid, TooLarge
from services.gateway.bodies import BODY_BYTES, Said, gather, said
from tests.services.gateway.world import multipart


async def read(
    data: bytes, kind: str = "", *, query: str = "", files: int = 0, length: int | None = None
) -> Said:
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

    return await said(Request(scope, receive), files)


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
async def test_all_ways_of_writing_say_the_same(content: dict[str, Any]) -> None:
    body = await read(**content)
    assert body.text("status") == "hi"
    assert body.texts("media_ids") == ["1", "2"]
    assert body.flag("sensitive") is True
    assert body.within("source").text("privacy") == "private"
    fields = body.dicts("fields_attributes")
    assert fields is not None
    assert [(field.words("name"), field.words("value")) for field in fields] == [
        ("a", "b"),
        ("c", ""),
    ]


def test_a_list_of_objects_may_leave_its_numbers_out() -> None:
    body = gather([("x[][name]", "a"), ("x[][value]", "b"), ("x[][name]", "c")])
    assert body["x"] == [{"name": "a", "value": "b"}, {"name": "c"}]


def test_a_single_value_is_a_list_of_one_and_numbers_are_texts() -> None:
    assert Said(media_ids=1).texts("media_ids") == ["1"]
    assert Said().texts("media_ids") is None
    assert Said(media_ids=[]).texts("media_ids") == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [*((w, True) for w in ("1", "true", "on", 1, True)), *((w, False) for w in ("0", "false", 0))],
)
def test_flags_are_understood_however_they_are_written(written: Any, meant: bool) -> None:
    assert Said(x=written).flag("x") is meant


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Said(x={}).text("x"),
        lambda: Said(x=[{}]).texts("x"),
        lambda: Said(x="maybe").flag("x"),
        lambda: Said(x="1.5").number("x"),
        lambda: Said(x="y").within("x"),
        lambda: Said(x=["y"]).dicts("x"),
        lambda: Said(x="y").upload("x"),
        lambda: gather([("a[b][c][d][e]", "")]),
        lambda: gather([("a", "1"), ("a[b]", "2")]),
        lambda: gather([(str(n), "") for n in range(201)]),
    ],
)
def test_what_is_of_another_type_is_refused(wrong: Any) -> None:
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
async def test_what_cannot_be_read_is_refused(data: bytes, kind: str, status: int) -> None:
    with pytest.raises(Failure) as refused:
        await read(data, kind)
    assert refused.value.status == status


async def test_an_empty_body_says_nothing() -> None:
    assert await read(b"", "application/json") == {}
    assert await read(b" {} ", "application/json") == {}


async def test_too_much_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        await read(b"", "application/json", length=BODY_BYTES + 1)
    with pytest.raises(TooLarge):
        await read(b"", "multipart/form-data; boundary=b", files=1, length=100_000_000)


async def test_too_much_is_refused_where_nothing_was_declared() -> None:
    with pytest.raises(TooLarge):
        await read(b" " * (BODY_BYTES + 1), "application/json")
    content = multipart({}, {"file": b"x" * 17 * 1024 * 1024})
    with pytest.raises(TooLarge):
        await read(content["data"], content["headers"]["content-type"], files=1)


async def test_a_file_where_none_is_taken_is_refused() -> None:
    content = multipart({}, {"file": b"x"})
    with pytest.raises(Failure) as refused:
        await read(content["data"], content["headers"]["content-type"])
    assert refused.value.status == 400
