"""GraphQL requests to the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

from tests.fakes import FakeCluster, Response
from tests.services.gateway.deployment import GatewayDeployment, gateway_app


async def send(deployment: GatewayDeployment, token: str = "", **body: Any) -> Response:
    """One request."""
    return await deployment.ask("POST", "/graphql", token, json=body)


async def ask(deployment: GatewayDeployment, query: str, token: str = "", **variables: Any) -> Any:
    """The data of a query that must succeed."""
    answered = await send(deployment, token, query=query, variables=variables)
    assert answered.status == 200, answered.text
    said = answered.json()
    assert "errors" not in said, said
    return said["data"]


async def refused(
    deployment: GatewayDeployment, query: str, token: str = "", **variables: Any
) -> str:
    """The code of the only error of a query that must fail."""
    said = (await send(deployment, token, query=query, variables=variables)).json()
    (error,) = said["errors"]
    code: str = error["extensions"]["code"]
    return code


@asynccontextmanager
async def a_gateway(**settings: Any) -> AsyncIterator[GatewayDeployment]:
    """A gateway without other services."""
    async with FakeCluster() as cluster:
        yield GatewayDeployment(cluster, await cluster.start(gateway_app, "gateway", **settings))


@asynccontextmanager
async def invocations(deployment: GatewayDeployment) -> AsyncIterator[list[str]]:
    """The services that the gateway invokes, in order."""
    made: list[str] = []
    sidecar = deployment.gateway.sidecar
    invoke = sidecar.invoke

    async def counting(app: str, path: str, **rest: Any) -> Any:
        if app != "auth":  # whose list of revoked tokens is followed all the time
            made.append(app)
        return await invoke(app, path, **rest)

    with mock.patch.object(sidecar, "invoke", counting):
        yield made
