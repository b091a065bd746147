"""Parses, measures, validates and executes an operation. Too large ones are rejected early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, cast

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    subscribe,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged

from services.gateway.graphql import limits
from services.gateway.graphql.budget import RequestBudget
from services.gateway.graphql.context import Context
from services.gateway.graphql.errors import (
    BAD_REQUEST,
    PARSE_FAILED,
    TOO_COMPLEX,
    VALIDATION_FAILED,
    Entity,
    RequestRejected,
    error_entity,
)
from services.gateway.graphql.schema.root import build_schema

_MAX_CACHED_CHARACTERS = 128 * 1024
"""The total length of the cached queries, since clients repeat the same ones. A parsed character
costs up to 300 bytes."""

_ABORTED = "Parsing aborted."
"""The end of graphql-core's message about a document that is too long or too deep."""

_MAX_ERRORS = 20
"""The maximum number of errors reported for one document."""


@dataclass(frozen=True, slots=True)
class GraphqlRequest:
    """The operation that a client sends."""

    query: str
    variables: Mapping[str, Any]
    operation: str | None

    @classmethod
    def of(cls, payload: Any) -> GraphqlRequest:
        """From the JSON that a client sends. Raises `RequestRejected`.

        An empty string means no variables or operation, like null: some clients always send it.
        """
        if not isinstance(payload, dict):
            raise RequestRejected("The request must be an object with a query.", BAD_REQUEST)
        query, variables = payload.get("query"), payload.get("variables")
        operation = payload.get("operationName")
        if not isinstance(query, str) or not query.strip():
            raise RequestRejected("query must be a string.", BAD_REQUEST)
        if not isinstance(variables, dict | None) and variables != "":
            raise RequestRejected("variables must be an object.", BAD_REQUEST)
        if not isinstance(operation, str | None):
            raise RequestRejected("operationName must be a string.", BAD_REQUEST)
        return cls(query, variables or {}, operation or None)


@dataclass(frozen=True, slots=True)
class PreparedOperation:
    """An operation that may be executed, and how many requests it is charged."""

    request: GraphqlRequest
    document: DocumentNode
    kind: str
    charge: int


@dataclass(slots=True)
class _CachedDocument:
    document: DocumentNode
    characters: int
    errors: list[GraphQLError] | None = None


class GraphqlEngine:
    """Executes operations on the schema, and caches parsed documents."""

    def __init__(self, *, development: bool) -> None:
        self.schema = build_schema()._schema
        self._rules = [
            *specified_rules,
            *([] if development else [NoSchemaIntrospectionCustomRule]),
        ]
        overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = limits.MAX_COMPARISONS
        self._documents: LRUCache[str, _CachedDocument] = LRUCache(
            _MAX_CACHED_CHARACTERS, getsizeof=lambda cached: cached.characters
        )

    def prepare(self, request: GraphqlRequest, budget: RequestBudget) -> PreparedOperation:
        """Parse, measure, validate and charge an operation. Raises `RequestRejected`.

        It takes its tokens from the budget, and one that fails as many as it has characters.
        """
        left = budget.tokens
        budget.tokens -= min(left, len(request.query))
        prepared = self._prepare(request, left)
        budget.tokens = left - prepared.document.token_count
        budget.charge_operation(prepared.charge)
        return prepared

    def _prepare(self, request: GraphqlRequest, max_tokens: int) -> PreparedOperation:
        try:
            known = self._parse(request.query, max_tokens)
            operation = get_operation_ast(known.document, request.operation)
            if not isinstance(operation, OperationDefinitionNode):
                raise RequestRejected(
                    "operationName must name an operation of the query.", BAD_REQUEST
                )
            counts = limits.check(self.schema, known.document, operation, request.variables)
            self._validate(known)
        except RecursionError as error:
            raise RequestRejected("The query is nested too deeply.", TOO_COMPLEX) from error
        return PreparedOperation(request, known.document, operation.operation.value, counts)

    def _parse(self, query: str, max_tokens: int) -> _CachedDocument:
        known = self._documents.get(query)
        if max_tokens < (known.document.token_count if known else 1):
            raise RequestRejected(
                f"The operations of a request can have at most {limits.MAX_TOKENS} tokens.",
                TOO_COMPLEX,
                limit="tokens",
                most=limits.MAX_TOKENS,
            )
        if known is not None:
            return known
        try:
            document = parse(query, max_lexical_tokens=max_tokens, max_comments=limits.MAX_TOKENS)
        except GraphQLSyntaxError as error:
            code = TOO_COMPLEX if error.message.endswith(_ABORTED) else PARSE_FAILED
            raise RequestRejected(error.message, code) from error
        self._documents[query] = known = _CachedDocument(document, len(query))
        return known

    def _validate(self, known: _CachedDocument) -> None:
        if known.errors is None:
            known.errors = validate(
                self.schema, known.document, self._rules, _MAX_ERRORS, hide_suggestions=True
            )
        if known.errors:
            raise ValidationFailed(known.errors)

    async def subscribe(
        self, prepared: PreparedOperation, context: Context
    ) -> AsyncGenerator[Entity, None]:
        """A result for each event, or one with errors only if the subscription fails."""
        events = await self._start(subscribe, prepared, context)
        if isinstance(events, ExecutionResult):
            yield {"errors": result_entity(events)["errors"]}
            return
        async with aclosing(cast(AsyncGenerator[ExecutionResult, None], events)) as answers:
            async for event in answers:
                yield result_entity(event)

    async def run(self, prepared: PreparedOperation, context: Context) -> Entity:
        """The result, with an error for each field that failed."""
        return result_entity(await self._start(execute, prepared, context))

    async def _start(
        self, begin: Callable[..., Any], prepared: PreparedOperation, context: Context
    ) -> Any:
        found = begin(
            self.schema,
            prepared.document,
            context_value=context,
            variable_values=dict(prepared.request.variables),
            operation_name=prepared.request.operation,
            hide_suggestions=True,
        )
        return await found if isawaitable(found) else found


class ValidationFailed(RequestRejected):
    """A document that is not valid for the schema, with its errors."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("The query is not valid for the schema.", VALIDATION_FAILED)
        self.errors = errors

    def entities(self) -> list[Entity]:
        """The errors as entities."""
        return [
            {**error_entity(error), "extensions": {"code": VALIDATION_FAILED}}
            for error in self.errors
        ]


def result_entity(result: ExecutionResult) -> Entity:
    """The JSON of a result."""
    payload: Entity = {"data": result.data}
    if result.errors:
        payload["errors"] = [error_entity(error) for error in result.errors]
    return payload
