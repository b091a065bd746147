"""The limits of operations, checked before validation and execution.

A query costs 1 for each field, and `PAGE_COST` more for each field that is a page of another list.
The selection of a page counts once per row. Fragments are measured once, however often they are
spread, so that measuring is linear in the length of the query.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
)

from services.gateway.graphql.cost import CostVisitor
from services.gateway.graphql.document_size import DocumentSize, count_values
from services.gateway.graphql.errors import TOO_COMPLEX, RequestRejected

MAX_BODY_BYTES = 64 * 1024
MAX_TOKENS = 1_000
"""Of all operations of a request. The dearest that was found takes 33 ms."""

MAX_DEPTH = 16
MAX_ALIASES = 30
MAX_REPEATS = 10
"""Equal response names in one selection set."""

MAX_COMPARISONS = 10_000
"""Units of graphql-core's budget for comparing fields with equal response names, over fragments."""

MAX_FRAGMENTS = 50
MAX_SPREADS = 100
"""Spreads of fragments, and inline fragments."""

MAX_DIRECTIVES = 30
MAX_VARIABLES = 50
MAX_VARIABLE_VALUES = 1_000
"""Values in the variables, at any depth."""

MAX_DOCUMENT_OPERATIONS = 10
"""Operations in one document, of which one is executed."""

MAX_ROOT_FIELDS = 20
"""Root fields of an operation."""

MAX_MUTATION_FIELDS = 10
"""Root fields of a mutation."""

MAX_COMPLEXITY = 5_000
MAX_SUBSCRIPTION_COMPLEXITY = 200
"""Of a subscription, which is executed for every event."""

COMPLEXITY_PER_REQUEST = 100
"""The complexity that is charged as one request against the rate limits."""

MAX_BATCH = 5
"""Operations in one batch."""


def check(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> int:
    """The number of requests that an operation is charged. Raises `RequestRejected`."""
    _check_document(DocumentSize.of(document))
    reject_above("values in its variables", count_values(variables) - 1, MAX_VARIABLE_VALUES)
    kind = operation.operation.value
    measured = CostVisitor(schema, document, _defaults(operation) | {**variables})
    roots = measured.roots(operation.selection_set)
    reject_above(
        "fields at the top", roots, MAX_MUTATION_FIELDS if kind == "mutation" else MAX_ROOT_FIELDS
    )
    size = measured.of(operation.selection_set, schema.get_root_type(operation.operation), 1)
    reject_above("levels", size.depth, MAX_DEPTH)
    most = MAX_SUBSCRIPTION_COMPLEXITY if kind == "subscription" else MAX_COMPLEXITY
    reject_above("complexity", size.cost, most)
    return max(roots, math.ceil(size.cost / COMPLEXITY_PER_REQUEST))


def _check_document(size: DocumentSize) -> None:
    reject_above("operations in its document", size.operations, MAX_DOCUMENT_OPERATIONS)
    reject_above("aliases", size.aliases, MAX_ALIASES)
    reject_above("equal names in a selection", size.repeats, MAX_REPEATS)
    reject_above("fragments", size.fragments, MAX_FRAGMENTS)
    reject_above("spreads of fragments", size.spreads, MAX_SPREADS)
    reject_above("directives", size.directives, MAX_DIRECTIVES)
    reject_above("variables", size.variables, MAX_VARIABLES)


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """The integer defaults of variables."""
    return {
        node.variable.name.value: int(node.default_value.value[:12])
        for node in operation.variable_definitions or ()
        if isinstance(node.default_value, IntValueNode)
    }


def reject_above(what: str, found: int, most: int) -> None:
    """Raise `RequestRejected` if there is more of something than accepted."""
    if found > most:
        shown = found if found < 10**12 else "far more"
        raise RequestRejected(
            f"The operation is too large: it has {shown} {what}, and at most {most} are accepted.",
            TOO_COMPLEX,
            limit=what,
            most=most,
        )
