"""Lets FastAPI read a route's function once per process, however many apps have the route.

A test of the gateway starts nine apps with 630 routes. To read all their signatures again, and to
build the validators of their parameters, is three quarters of the time that the start takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from types import CodeType, FunctionType
from typing import Any

from fastapi import routing
from fastapi.dependencies import models
from fastapi.dependencies.models import Dependant

_read = routing._populate_api_route_state
_read_place = routing._extract_endpoint_context
_known: dict[Any, tuple[Any, dict[str, Any]]] = {}

_APP = "dependency_overrides_provider"
"""The one option that is another in each app."""

_SOURCE = ("__module__", "__name__", "__doc__", "__defaults__", "__kwdefaults__", "__annotations__")
"""What FastAPI reads of a function. What the function is closed over only matters to calls."""

_DEPENDANT = tuple(field.name for field in fields(Dependant))
_CONTAINERS = (dict, list, set)


def install() -> None:
    """Share between the routes of this process what was read of the same functions."""
    routing._populate_api_route_state = _populate
    routing._extract_endpoint_context = _context
    setattr(models, "_CallIdentity", _CallIdentity)  # noqa: B010 (mypy knows it as a class)


def _populate(route: Any, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
    """Give a route what FastAPI makes of its function and options."""
    function = getattr(endpoint, "__func__", endpoint)
    is_plain = isinstance(function, FunctionType) and not hasattr(function, "__wrapped__")
    if not is_plain or not isinstance(route, routing.APIRoute):
        _read(route, path, endpoint, **options)
        return
    own = {"endpoint": endpoint, _APP: options.pop(_APP, None)}
    key = (function.__code__, path, *(options.get("methods") or ()))
    source = (type(endpoint), *(getattr(function, name) for name in _SOURCE), options)
    known = _known.get(key)
    if known is None or known[0] != source:
        known = _known[key] = source, _read_state(route, path, endpoint, options)
    state = {name: _copied(value) for name, value in known[1].items()}
    vars(route).update(state | own | _calling(endpoint, state))


class _CallIdentity:
    """What FastAPI knows a function by, to remember whether it is a coroutine function.

    FastAPI takes the function itself, and so keeps the apps of the last 4,096 functions alive.
    """

    __slots__ = ("_key", "call")

    def __init__(self, call: Any) -> None:
        self.call = call
        self._key = call if hasattr(call, "__wrapped__") else getattr(call, "__code__", call)

    def __hash__(self) -> int:
        return id(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _CallIdentity) and self._key is other._key


def _context(func: Any) -> Any:
    """Where a route's function is."""
    return _place(func.__code__)


@cache
def _place(code: CodeType) -> Any:
    """Where some code is: to find its line, FastAPI reads the whole module."""
    return _read_place(code)


def _read_state(route: Any, path: str, endpoint: Any, options: dict[str, Any]) -> dict[str, Any]:
    """What FastAPI reads, without the function itself, which would keep its app alive."""
    before = set(vars(route))
    _read(route, path, endpoint, **options)
    state = {name: value for name, value in vars(route).items() if name not in before}
    return state | {"endpoint": None} | _calling(None, state)


def _calling(endpoint: Any, state: dict[str, Any]) -> dict[str, Any]:
    read = state["dependant"]
    dependant = Dependant(**{name: getattr(read, name) for name in _DEPENDANT})
    dependant.call = endpoint
    return {"dependant": dependant}


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, _CONTAINERS) else value
