"""Form fields whose names nest: `a[]`, `a[b]` and `a[0][b]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from services.chassis.errors import Invalid
from services.gateway.http.params import RequestParams

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_INNER = re.compile(r"\[([^\[\]]*)\]")
_INDEX = re.compile(r"[0-9]{1,9}")
MAX_FIELDS = 200
_MAX_DEPTH = 4


def params_of(pairs: Iterable[tuple[str, Any]]) -> RequestParams:
    """The parameters of name-value pairs, nested by the brackets in their names."""
    params = RequestParams()
    for count, (name, value) in enumerate(pairs):
        if count >= MAX_FIELDS:
            raise Invalid(f"A request can have at most {MAX_FIELDS} fields.")
        match = _KEY.match(name)
        if match is None:
            continue
        path = [match[1], *_INNER.findall(match[2])]
        if len(path) > _MAX_DEPTH:
            raise Invalid(f"{name[:100]} is nested too deeply.")
        _place(params, path, value)
    return RequestParams({name: _lists_in(value) for name, value in params.items()})


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
