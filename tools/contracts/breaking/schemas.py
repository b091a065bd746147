"""Compares two schemas of the same value, for whoever sends it or whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]

_ALL = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_ANY: Json = {}
"""The schema of any value."""

_UPPER_BOUNDS = ("maxLength", "maxItems", "maximum", "exclusiveMaximum")
_LOWER_BOUNDS = ("minLength", "minItems", "minimum", "exclusiveMinimum")


@dataclass(slots=True)
class SchemaComparison:
    """Two documents, and whether values go to the service (`is_input`) or come from it.

    A service may take more than before, and send less: what it took must still be taken, and what
    it sends must be what readers know.
    """

    old: Json
    new: Json
    is_input: bool
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def faults(self, old: Json, new: Json, where: str = "") -> Iterator[str]:
        """What breaks between two schemas of a value, each with the place of it in the value."""
        old_choices, new_choices = _choices(old, self.old), _choices(new, self.new)
        yield from self._kinds(old_choices, new_choices, where)
        old_real = [each for each in old_choices if each.get("type") != "null"]
        new_real = [each for each in new_choices if each.get("type") != "null"]
        if len(old_real) == len(new_real) == 1:
            yield from self._plain(old_real[0], new_real[0], where)
        elif old_real and new_real:
            yield from self._unions(old_real, new_real, where)

    def _kinds(self, old: list[Json], new: list[Json], where: str) -> Iterator[str]:
        was, now = _kinds(old), _kinds(new)
        gone, added = sorted(was - now), sorted(now - was)
        if self.is_input and gone:
            yield f"{where or 'it'} may no longer be: {', '.join(gone)}"
        if not self.is_input and added:
            yield f"{where or 'it'} may now be: {', '.join(added)}"

    def _unions(self, old: list[Json], new: list[Json], where: str) -> Iterator[str]:
        """Each value that one side has must be one that the other side knows."""
        given, known = (old, new) if self.is_input else (new, old)
        for each in given:
            if not any(self._fits(each, other) for other in known):
                name = each.get("title") or each.get("type") or "a value"
                what = "no longer takes" if self.is_input else "may now be"
                yield f"{where or 'it'} {what}: {name}"

    def _fits(self, given: Json, known: Json) -> bool:
        inner = SchemaComparison(self.old, self.new, self.is_input, set(self._seen))
        pair = (given, known) if self.is_input else (known, given)
        return next(inner.faults(*pair), None) is None

    def _plain(self, old: Json, new: Json, where: str) -> Iterator[str]:
        pair = (id(old), id(new))
        if pair in self._seen:
            return  # it was compared already, or holds itself
        self._seen.add(pair)
        yield from self._values(_values(old), _values(new), where)
        if self.is_input:
            yield from _bounds(old, new, where)
        kinds = _kinds([old]) & _kinds([new])
        if "object" in kinds:
            yield from self._fields(old, new, where)
            yield from self._other_fields(old, new, where)
        if "array" in kinds and ("items" in old or "items" in new):
            yield from self.faults(old.get("items", _ANY), new.get("items", _ANY), f"{where}[]")

    def _values(
        self, old: frozenset[Any] | None, new: frozenset[Any] | None, where: str
    ) -> Iterator[str]:
        narrow, wide = (new, old) if self.is_input else (old, new)
        if narrow is None:
            return
        what = "no longer takes" if self.is_input else "may now be"
        if wide is None:
            yield f"{where or 'it'} {what} other values than {', '.join(map(str, sorted(narrow)))}"
        elif more := sorted(map(str, wide - narrow)):
            yield f"{where or 'it'} {what}: {', '.join(more)}"

    def _fields(self, old: Json, new: Json, where: str) -> Iterator[str]:
        was, now = old.get("properties", {}), new.get("properties", {})
        if self.is_input and not now and new.get("additionalProperties") is not False:
            now = was  # it takes any fields
        before = f"{where}." if where else ""
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(was.keys() - now.keys()):
            yield f"{before}{name} was removed"
        for name in sorted(needs - needed if self.is_input else (needed - needs) & now.keys()):
            yield f"{before}{name} {'is required now' if self.is_input else 'may be missing now'}"
        for name in was.keys() & now.keys():
            yield from self.faults(was[name], now[name], before + name)

    def _other_fields(self, old: Json, new: Json, where: str) -> Iterator[str]:
        """Fields that have no names in the schema."""
        was, now = (each.get("additionalProperties", True) for each in (old, new))
        if self.is_input and was is not False and now is False:
            yield f"{where or 'it'} takes no other fields any more"
        elif (isinstance(was, Mapping) or isinstance(now, Mapping)) and False not in (was, now):
            was, now = (_ANY if each is True else each for each in (was, now))
            yield from self.faults(was, now, f"{where}{{}}")


def resolved(schema: Json, document: Json) -> Json:
    """A schema, or the one that it refers to in its document."""
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/")]
        schema = found
    return schema


def _choices(schema: Json, document: Json) -> list[Json]:
    """The schemas of which a value keeps one."""
    schema = resolved(schema, document)
    given = schema.get("anyOf") or schema.get("oneOf")
    if given is None:
        return [schema]
    return [each for one in given for each in _choices(one, document)]


def _kinds(choices: list[Json]) -> frozenset[str]:
    found: set[str] = set()
    for each in choices:
        kind = each.get("type")
        if kind is None:
            found |= {_json_type(value) for value in _values(each) or ()} or _ALL
        else:
            found |= {kind} if isinstance(kind, str) else set(kind)
    return frozenset(found | {"integer"} if "number" in found else found)


def _json_type(value: Any) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return names.get(type(value), "object")


def _values(schema: Json) -> frozenset[Any] | None:
    """The values that a schema allows, or `None` for any of its type."""
    if "const" in schema:
        return frozenset({schema["const"]})
    return frozenset(schema["enum"]) if "enum" in schema else None


def _bounds(old: Json, new: Json, where: str) -> Iterator[str]:
    for names, is_narrower in ((_UPPER_BOUNDS, _is_lower), (_LOWER_BOUNDS, _is_higher)):
        for name in names:
            if name in new and is_narrower(new[name], old.get(name)):
                yield f"{where or 'it'} has a narrower {name}: {new[name]}"
    if new.get("pattern") != old.get("pattern") and "pattern" in new:
        yield f"{where or 'it'} must match another pattern: {new['pattern']}"


def _is_lower(new: float, old: float | None) -> bool:
    return old is None or new < old


def _is_higher(new: float, old: float | None) -> bool:
    return (old is None and new > 0) or (old is not None and new > old)
