"""The cost of a selection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_list_type,
)
from graphql.type import get_nullable_type

PAGE_COST = 10

ASSUMED_LIST_LENGTH = 10
"""The assumed length of a list that is not a page."""

DEFAULT_PAGE_SIZE = 20
"""The size of a page without `first` and `last`."""


@dataclass(frozen=True, slots=True)
class SelectionCost:
    """The cost and the depth of a selection."""

    cost: int = 0
    depth: int = 0

    def plus(self, other: SelectionCost) -> SelectionCost:
        """The cost of two selections side by side."""
        return SelectionCost(self.cost + other.cost, max(self.depth, other.depth))


class CostVisitor:
    """Measures one operation. It need not be valid yet: fragments may be missing or cyclic."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[tuple[str, int], SelectionCost] = {}
        self._roots: dict[str, int] = {}

    def of(
        self, selected: SelectionSetNode, on: GraphQLNamedType | None, rows: int
    ) -> SelectionCost:
        """The cost of a selection set on a type; `rows` is the page size if it is a page."""
        total = SelectionCost()
        for node in selected.selections:
            if isinstance(node, FieldNode):
                total = total.plus(self._field(node, on, rows))
            elif isinstance(node, InlineFragmentNode):
                total = total.plus(self.of(node.selection_set, self._type(node, on), rows))
            elif isinstance(node, FragmentSpreadNode):
                total = total.plus(self._spread(node.name.value, rows))
        return total

    def _spread(self, name: str, rows: int) -> SelectionCost:
        key = name, rows
        if key not in self._known:
            self._known[key] = SelectionCost()  # for a cyclic fragment, which validation rejects
            fragment = self._fragments.get(name)
            if fragment is not None:
                on = self._type(fragment, None)
                self._known[key] = self.of(fragment.selection_set, on, rows)
        return self._known[key]

    def _type(
        self, node: InlineFragmentNode | FragmentDefinitionNode, on: GraphQLNamedType | None
    ) -> GraphQLNamedType | None:
        if node.type_condition is None:
            return on
        return self._schema.get_type(node.type_condition.name.value)

    def _field(self, node: FieldNode, on: GraphQLNamedType | None, rows: int) -> SelectionCost:
        if node.selection_set is None or node.name.value.startswith("__"):
            return SelectionCost(1, 1)  # introspection is enabled in development only
        field = _field_of(on, node.name.value)
        is_page = field is not None and "first" in field.args
        below = self.of(
            node.selection_set,
            get_named_type(field.type) if field else None,
            self._rows(node) if is_page else 1,
        )
        times = 1
        if field is not None and is_list_type(get_nullable_type(field.type)):
            times = rows if _is_page(on) else self._assumed_length(node)
        return SelectionCost(
            1 + (PAGE_COST if is_page else 0) + times * below.cost, 1 + below.depth
        )

    def _rows(self, node: FieldNode) -> int:
        given = [self._number(argument.value) for argument in node.arguments or ()]
        named = [argument.name.value for argument in node.arguments or ()]
        asked = [n for name, n in zip(named, given, strict=True) if name in ("first", "last")]
        return max(1, max((n for n in asked if n is not None), default=DEFAULT_PAGE_SIZE))

    def _assumed_length(self, node: FieldNode) -> int:
        """The assumed length of a list; at least the number of its ids, if it takes ids."""
        return max(
            ASSUMED_LIST_LENGTH,
            *(self._list_length(argument.value) for argument in node.arguments or ()),
            0,
        )

    def _list_length(self, value: Any) -> int:
        if isinstance(value, ListValueNode):
            return len(value.values)
        given = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        return len(given) if isinstance(given, list) else 0

    def _number(self, value: Any) -> int | None:
        if isinstance(value, IntValueNode):
            return int(value.value[:12])
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            return int(given) if isinstance(given, int | float) else None  # 40.0 is a valid Int
        return None

    def roots(self, selected: SelectionSetNode) -> int:
        """The number of root fields, also in fragments."""
        total = 0
        for node in selected.selections:
            if isinstance(node, FieldNode):
                total += 1
            elif isinstance(node, InlineFragmentNode):
                total += self.roots(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                total += self._fragment_roots(node.name.value)
        return total

    def _fragment_roots(self, name: str) -> int:
        if name not in self._roots:
            self._roots[name] = 0
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._roots[name] = self.roots(fragment.selection_set)
        return self._roots[name]


def _field_of(on: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if isinstance(on, GraphQLObjectType | GraphQLInterfaceType):
        found: GraphQLField | None = on.fields.get(name)
        return found
    return None


def _is_page(on: GraphQLNamedType | None) -> bool:
    return on is not None and on.name.endswith("Connection")
