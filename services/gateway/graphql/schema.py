"""All of it together."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from services.gateway.graphql.mutations import Mutation
from services.gateway.graphql.queries import Query
from services.gateway.graphql.subscriptions import Subscription
from services.gateway.graphql.values import SCALARS


def build() -> strawberry.Schema:
    """The schema."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def sdl() -> str:
    """The schema as it is written down in docs/contracts/schema.graphql."""
    return build().as_str() + "\n"
