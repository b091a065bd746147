"""What is too much of a query, measured before anything else is done with it.

A query costs 1 for each field, and `PAGE_COST` more for each field that is a page of another list.
What is below a page counts as often as the page has rows. Fragments are measured once, however
often they are spread, so that measuring takes no longer than reading.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
)

from services.gateway.graphql.cost import CostVisitor, count_aliases
from services.gateway.graphql.errors import TOO_COMPLEX, RequestRejected

MAX_BODY_BYTES = 64 * 1024
MAX_TOKENS = 2_000
MAX_DEPTH = 16
MAX_ALIASES = 30
MAX_ROOT_FIELDS = 20
"""Fields at the top of one operation."""

MAX_MUTATION_FIELDS = 10
"""The same, of a mutation."""

MAX_COMPLEXITY = 5_000
MAX_SUBSCRIPTION_COMPLEXITY = 200
"""Of a subscription, which is answered at every event."""

COMPLEXITY_PER_REQUEST = 100
"""As much complexity as counts as one request with the rate limits, if fields at the top do not."""

MAX_BATCH = 5
"""Operations in one request."""


def check(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> int:
    """As how many requests an operation counts. Raises `RequestRejected` for what is too much."""
    kind = operation.operation.value
    measured = CostVisitor(schema, document, _defaults(operation) | {**variables})
    roots = measured.roots(operation.selection_set)
    _reject_above(
        "fields at the top", roots, MAX_MUTATION_FIELDS if kind == "mutation" else MAX_ROOT_FIELDS
    )
    aliases = sum(
        count_aliases(node.selection_set)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
    )
    _reject_above("aliases", aliases, MAX_ALIASES)
    size = measured.of(operation.selection_set, schema.get_root_type(operation.operation), 1)
    _reject_above("levels", size.depth, MAX_DEPTH)
    most = MAX_SUBSCRIPTION_COMPLEXITY if kind == "subscription" else MAX_COMPLEXITY
    _reject_above("complexity", size.cost, most)
    return max(roots, math.ceil(size.cost / COMPLEXITY_PER_REQUEST))


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """The numbers that variables are where nothing is given for them."""
    return {
        node.variable.name.value: int(node.default_value.value[:12])
        for node in operation.variable_definitions or ()
        if isinstance(node.default_value, IntValueNode)
    }


def _reject_above(what: str, found: int, most: int) -> None:
    if found > most:
        shown = found if found < 10**12 else "far more"
        raise RequestRejected(
            f"This asks for too much: {shown} {what}, at most {most} are taken.",
            TOO_COMPLEX,
            limit=what,
            most=most,
        )
