"""The real daprd goes on with what a restore stored, and a backup reads what daprd wrote."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.state import VersionConflict
from services.chassis.security.access_rules import read_access
from tests.conftest import SETS
from tests.system.waiting import DEADLINE
from tools.runner.backup.documents import StoredDocument
from tools.runner.backup.stores import STATE_STORE, new_store, running_store
from tools.runner.config.components import Overrides, SetRenderer, component_type, load_set
from tools.runner.config.environment_secrets import environment_secrets
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import SecretsFile
from tools.runner.http_client import tcp_probe
from tools.runner.infra import redis, servers, toolchain
from tools.runner.infra.ports import free_ports
from tools.runner.supervisor.process import ManagedProcess, ProcessSpec

APP = "posts"
CREATED, OVERWRITTEN = f"{APP}||post:1", f"{APP}||journal:posts:abc"
DOCUMENTS = [
    StoredDocument(CREATED, '{"text":"ä"}'.encode(), first_write=True),
    StoredDocument(OVERWRITTEN, b"[1]", ttl=600),
]


@asynccontextmanager
async def sidecar_of(run: RunDir, components: str) -> AsyncIterator[DaprClient]:
    """A daprd with the store of a component set, and the server that this needs."""
    async with AsyncExitStack() as stack:
        overrides = await _server(run, components, stack)
        SetRenderer(run, read_access(), overrides).write_set(load_set(components))
        resources = run.path / "resources"
        resources.mkdir(exist_ok=True)
        for name in ("statestore", "secretstore"):
            shutil.copy(run.components / APP / f"component-{name}.yaml", resources)
        secrets = SecretsFile(run.secrets).all()
        env = os.environ | environment_secrets(resources, read_access()[APP], secrets)
        port, grpc_port = (port for port, _ in zip(free_ports(), range(2), strict=False))
        argv = (
            *(str(toolchain.require_tool("daprd")), f"--app-id={APP}", "--enable-metrics=false"),
            *(f"--dapr-http-port={port}", f"--dapr-grpc-port={grpc_port}"),
            *(f"--resources-path={resources}", "--dapr-graceful-shutdown-seconds=1"),
        )
        await _run(ProcessSpec("daprd", argv, run.path, env, tcp_probe(port)), run, stack)
        yield await stack.enter_async_context(DaprClient(port))


async def _server(run: RunDir, components: str, stack: AsyncExitStack) -> Overrides:
    documents = load_set(components)
    if "redis" not in servers.needed_servers(documents):
        return {}
    context = servers.ServerContext(
        run, SecretsFile(run.secrets), free_ports(), toolchain.require_tool, documents=documents
    )
    server = redis.set_up(context)
    assert server.spec is not None
    await _run(server.spec, run, stack)
    return server.overrides


async def _run(spec: ProcessSpec, run: RunDir, stack: AsyncExitStack) -> None:
    process = ManagedProcess(spec, run.logs)
    stack.push_async_callback(process.stop)
    process.start()
    async with asyncio.timeout(DEADLINE):
        await process.is_ready.wait()


def is_copied(components: str) -> bool:
    """Return whether a backup of the runner has the state of a set."""
    (store,) = (each for each in load_set(components) if each["metadata"]["name"] == STATE_STORE)
    return component_type(store) in ("state.redis", "state.sqlite")


@pytest.mark.parametrize("components", [*filter(is_copied, SETS)])
async def test_daprd_goes_on_with_restored_documents(components: str, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    run.create()
    SecretsFile(run.secrets).create_missing()
    _, store = new_store(components, run, [APP])
    store.load(DOCUMENTS)
    async with sidecar_of(run, components) as sidecar:
        post = await sidecar.get("post:1")
        assert post.value == {"text": "ä"}
        with pytest.raises(VersionConflict):  # it exists, so it cannot be created
            await sidecar.compare_and_set("post:1", {"text": "other"}, etag="")
        await sidecar.compare_and_set("post:1", {"text": "b"}, etag=post.etag)
        with pytest.raises(VersionConflict):
            await sidecar.compare_and_set("post:1", {"text": "c"}, etag=post.etag)
        await sidecar.set("journal:posts:abc", [1, 2], ttl=600)
        await sidecar.compare_and_set("post:2", {"text": "new"}, etag="")
        _, running = running_store(run, [APP])
        with running.snapshot() as documents:
            found = {each.key: each for each in documents}
    assert {key: each.value for key, each in found.items()} == {
        CREATED: b'{"text":"b"}',
        OVERWRITTEN: b"[1,2]",
        f"{APP}||post:2": b'{"text":"new"}',
    }
    assert found[CREATED].ttl is None
    assert 0 < (found[OVERWRITTEN].ttl or 0) <= 600
