"""The GraphQL schema."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from services.gateway.graphql.schema.mutations import Mutation
from services.gateway.graphql.schema.queries import Query
from services.gateway.graphql.schema.scalars import SCALARS
from services.gateway.graphql.schema.subscriptions import SubscriptionRoot


def build_schema() -> strawberry.Schema:
    """The schema."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=SubscriptionRoot,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def sdl() -> str:
    """The schema as in docs/contracts/schema.graphql."""
    return build_schema().as_str() + "\n"
