"""Reads the parameters of simple routes without FastAPI's general solver.

That solver inspects each parameter again with every request: for a page of a timeline, a third of
the service's processor time. Here this is done once, when the app is made. A request with a
parameter that is missing or invalid goes to FastAPI after all, so that errors are the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_typed_annotation
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, request_response

_SCALARS = frozenset({str, int, bool, float, type(None)})
_UNSUPPORTED = (
    "header_params",
    "cookie_params",
    "body_params",
    "websocket_param_name",
    "response_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
    "concurrency",
)


class _NotRegularError(Exception):
    """A request with a parameter that FastAPI has to judge."""


def accelerate(route: BaseRoute) -> None:
    """Let a route read its parameters fast, if it only has simple ones and returns a `Response`.

    Simple are scalars in the path and the query, and coroutine functions as dependencies.
    """
    if not isinstance(route, APIRoute) or route.body_field is not None:
        return
    if type(route).get_route_handler is not APIRoute.get_route_handler:
        return  # a route class of our own does more around the call
    if not _returns_response(route.endpoint):
        return
    call = _Call.of(route.dependant)
    if call is not None:
        route.app = request_response(_responder(call, route.app))


def _returns_response(endpoint: Any) -> bool:
    """Whether a function says so. Its other annotations are not evaluated: a start has hundreds."""
    returned = get_typed_annotation(endpoint.__annotations__.get("return"), endpoint.__globals__)
    return isinstance(returned, type) and issubclass(returned, Response)


def _responder(call: _Call, general: Any) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Any:
        """The route's response, or the app that makes it: both are ASGI applications."""
        try:
            arguments = await call.arguments(request, {})
        except _NotRegularError:
            return general
        return await call.function(**arguments)

    return respond


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A scalar parameter; without a default it is required."""

    name: str
    alias: str
    validate: Callable[..., tuple[Any, Any]]
    default: Any

    def read(self, given: Mapping[str, Any]) -> Any:
        value = given.get(self.alias)
        if value is not None:
            value, errors = self.validate(value, {}, loc=())
            if errors:
                raise _NotRegularError
            return value
        if self.default is PydanticUndefined:
            raise _NotRegularError
        return self.default


@dataclass(frozen=True, slots=True)
class _Call:
    """A coroutine function with its parameters, and its dependencies by argument."""

    function: Callable[..., Any]
    connections: tuple[str, ...]
    path: tuple[_Parameter, ...]
    query: tuple[_Parameter, ...]
    dependencies: tuple[tuple[str | None, bool, _Call], ...]

    @classmethod
    def of(cls, dependant: Dependant) -> _Call | None:
        """The call of a dependant, or None if it is not simple."""
        if any(getattr(dependant, name) for name in _UNSUPPORTED):
            return None
        if dependant.call is None or not inspect.iscoroutinefunction(dependant.call):
            return None
        path = [_parameter(field) for field in dependant.path_params]
        query = [_parameter(field) for field in dependant.query_params]
        needs = [(each.name, each.use_cache, cls.of(each)) for each in dependant.dependencies]
        connections = (dependant.request_param_name, dependant.http_connection_param_name)
        if None in path or None in query or any(call is None for _, _, call in needs):
            return None
        return cls(
            dependant.call,
            tuple(name for name in connections if name),
            tuple(each for each in path if each),
            tuple(each for each in query if each),
            tuple((name, use_cache, call) for name, use_cache, call in needs if call),
        )

    async def arguments(self, request: Request, known: dict[Any, Any]) -> dict[str, Any]:
        """The arguments for a request. `known` are the results of dependencies, by function."""
        values: dict[str, Any] = {}
        for name, use_cache, call in self.dependencies:
            if use_cache and call.function in known:
                value = known[call.function]
            else:
                value = await call.function(**await call.arguments(request, known))
                known.setdefault(call.function, value)
            if name is not None:
                values[name] = value
        for name in self.connections:
            values[name] = request
        for parameter in self.path:
            values[parameter.name] = parameter.read(request.path_params)
        if self.query:
            given = request.query_params
            for parameter in self.query:
                values[parameter.name] = parameter.read(given)
        return values


def _parameter(field: Any) -> _Parameter | None:
    """A parameter of a scalar type with one name, whose default needs no copy; None for others."""
    info = field.field_info
    kinds = get_args(info.annotation) if _is_union(info.annotation) else (info.annotation,)
    default = PydanticUndefined if info.is_required() else info.default
    if not _SCALARS.issuperset(kinds) or info.default_factory or info.validate_default:
        return None
    if default is not PydanticUndefined and type(default) not in _SCALARS:
        return None
    if info.validation_alias not in (None, field.alias):
        return None
    return _Parameter(field.name, field.alias, field.validate, default)


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)
