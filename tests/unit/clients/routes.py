"""What a client sends, and what the service's generated OpenAPI says of it."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import itertools
import json
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel

from services import clients
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients import feed
from services.clients.base import CacheAge, ServiceClient
from tools.runner.config.guests import contract_file

_CALLER = Caller("1", "app", "token id", frozenset(), token="a token")
_TIMELINES = (
    feed.HOME,
    feed.public_timeline(only_media=True),
    feed.account_timeline(
        "1", only_media=True, exclude_replies=True, exclude_reblogs=True, tagged="sea"
    ),
    feed.tag_timeline("sea", only_media=True, or_with=["a"], with_all=["b"], with_none=["c"]),
)
_SAMPLES: Mapping[Any, Sequence[Any]] = {
    str: ["1"],
    int: [1],
    float: [1.0],
    bool: [True],
    bytes: [b"x"],
    Caller: [_CALLER],
    Window: [Window(5, "3", "1", "2")],
    feed.Timeline: _TIMELINES,
    CacheAge: [CacheAge(1.0, "a", 0.5)],
}


def client_classes() -> list[type[ServiceClient]]:
    """Every client of a service that a module of services/clients defines."""
    modules = [
        importlib.import_module(f"{clients.__name__}.{found.name}")
        for found in pkgutil.iter_modules(clients.__path__)
    ]
    return [
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, ServiceClient)
        and kind.__module__ == module.__name__
        and hasattr(kind, "app_id")
    ]


class _SentError(Exception):
    """The request has been recorded; nothing answers it."""


@dataclass(frozen=True)
class Sent:
    """A request of a client's method."""

    client: type
    function: Callable[..., Any]
    app: str
    path: str
    method: str
    body: Any
    query: frozenset[str]
    headers: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.client.__name__}.{self.function.__name__}"


class Recorder:
    """An invoker that records one request and answers none."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}

    async def invoke(
        self,
        app: str,
        path: str,
        *,
        method: str = "GET",
        token: str = "",
        json: Any = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = 0,
    ) -> Any:
        self.sent = {
            "app": app,
            "path": "/" + path,
            "method": method.lower(),
            "body": data if json is None else json,
            "query": frozenset(params or {}),
            "headers": frozenset(headers or {}),
        }
        raise _SentError


def requests_of(client: type) -> Iterator[Sent]:
    """A request for each way in which each method can be called."""
    for _, function in inspect.getmembers(client, inspect.iscoroutinefunction):
        if not function.__name__.startswith("_"):
            yield from _requests_of_method(client, function)


def _requests_of_method(client: type, function: Callable[..., Any]) -> Iterator[Sent]:
    hints = get_type_hints(function)
    hints.pop("return")
    for values in itertools.product(*(_samples(hint) for hint in hints.values())):
        recorder = Recorder()
        try:
            asyncio.run(function(client(recorder), **dict(zip(hints, values, strict=True))))
        except _SentError:
            yield Sent(client, function, **recorder.sent)


def _samples(hint: Any) -> Sequence[Any]:
    """Values for an argument: all that a `Literal` has, a full one of anything else."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return args
    if origin in (Union, UnionType):
        return _samples(next(arg for arg in args if arg is not NoneType))
    if is_typeddict(hint):
        return [{name: _samples(part)[0] for name, part in get_type_hints(hint).items()}]
    if origin in (list, Sequence) or (origin is not None and "Iterable" in str(origin)):
        return [[_samples(args[0])[0]]]
    if origin is not None:
        return [{"if-match": '"1"', "if-none-match": '"2"'}]
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return [hint.model_construct()]
    return _SAMPLES[hint]


def document_of(app: str) -> Any:
    """A service's OpenAPI."""
    return json.loads(contract_file(app).read_bytes())


def routes_of(app: str) -> set[tuple[str, str]]:
    """Method and path of all routes of a service."""
    return {(method, path) for path, some in document_of(app)["paths"].items() for method in some}


def route_of(sent: Sent) -> tuple[str, str] | None:
    """The route that a request is for; one with a fixed path comes before one with a parameter."""
    found = [
        path
        for method, path in routes_of(sent.app)
        if method == sent.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), sent.path)
    ]
    return (sent.method, min(found, key=lambda path: path.count("{"))) if found else None


def operation_of(sent: Sent) -> Any:
    """What OpenAPI says of the route of a request."""
    method, path = route_of(sent) or ("", "")
    return document_of(sent.app)["paths"][path][method]


def shape_of_schema(schema: Any) -> str:
    """A JSON schema as the name of a type."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(shape_of_schema(part) for part in schema["anyOf"])
    kind = schema.get("type", "Any")
    if kind == "array":
        return f"list[{shape_of_schema(schema['items'])}]"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"dict[{shape_of_schema(schema['additionalProperties'])}]"
    return str({"string": "str", "object": "dict[Any]"}.get(kind, kind))


def shape_of_type(hint: Any) -> str:
    """A type in the same words: `PostViewJson` and `PostView` are both `PostView`."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Annotated, NotRequired):
        return shape_of_type(args[0])
    if origin is Literal:
        return "str"
    if origin in (Union, UnionType):
        return " | ".join(shape_of_type(arg) for arg in args)
    if origin in (list, tuple):
        return f"list[{shape_of_type(args[0])}]"
    if origin is dict:
        return f"dict[{shape_of_type(args[1])}]"
    return str(getattr(hint, "__name__", hint)).removesuffix("Json")
