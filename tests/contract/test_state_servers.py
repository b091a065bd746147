"""What the chassis requires of a database server: it dies, and its logins are those of services."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
from urllib.parse import urlsplit

import pytest

from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.state import StateUpsert
from services.chassis.errors import ServiceError
from tests.contract.systems import RealSystem, SystemUnderTest, await_value
from tools.runner.config.components import load_set
from tools.runner.infra.servers import needed_servers

KEYS = 60
READERS = 8


@pytest.fixture
def store(system: SystemUnderTest) -> str:
    """The name of the server of the state store."""
    if not isinstance(system, RealSystem):
        pytest.skip("the fakes have no server")
    documents = [each for each in load_set(system.components) if _is_store(each)]
    names = needed_servers(documents)
    if not names:
        pytest.skip("the state is in files")
    return names[0]


def _is_store(document: dict[str, dict[str, str]]) -> bool:
    return document["metadata"]["name"] == "statestore"


async def test_a_bulk_get_misses_no_key_while_the_store_dies(
    system: SystemUnderTest, sidecar: DaprClient, store: str
) -> None:
    prefix = secrets.token_hex(6)
    keys = [f"{prefix}:{n}" for n in range(KEYS)]
    await sidecar.transact([StateUpsert(key, "x" * 4_000) for key in keys])
    answers: list[int | None] = []

    async def read() -> int | None:
        try:
            answers.append(len(await sidecar.get_many(keys)))
        except ServiceError:
            answers.append(None)
        return answers[-1]

    is_back = asyncio.Event()

    async def read_on() -> None:
        while not is_back.is_set():
            await read()

    readers = [asyncio.create_task(read_on()) for _ in range(READERS)]
    await await_value(lambda: asyncio.sleep(0.1, len(answers)), lambda count: count > READERS)
    await system.kill(store)
    await await_value(read, lambda found: found is not None)
    is_back.set()
    await asyncio.gather(*readers)
    assert set(answers) <= {None, KEYS}


@pytest.mark.parametrize(("reader", "owner"), [("alpha", "beta"), ("beta", "alpha")])
async def test_the_login_of_a_service_reads_its_own_data_only(
    system: SystemUnderTest, store: str, reader: str, owner: str
) -> None:
    assert isinstance(system, RealSystem)
    if store == "redis":
        pytest.skip("one password for all: sidecars keep services apart")
    for app in (reader, owner):
        async with system.sidecar(app) as sidecar:
            await sidecar.set("own", app)
    own = "SELECT * FROM {}.state"
    url = json.loads((system.run_dir / "secrets.json").read_text())[f"{store}-connection-{reader}"]
    code, said = await asyncio.to_thread(_ask, store, url, own.format(reader))
    assert (code, f"{reader}||own" in said) == (0, True), said
    code, said = await asyncio.to_thread(_ask, store, url, own.format(owner))
    assert code != 0
    assert "denied" in said


def _ask(store: str, url: str, statement: str) -> tuple[int, str]:
    """Return exit code and output of the database's own client."""
    if store == "postgresql":
        command = ["psql", url, "--command", statement]
    else:
        parts = urlsplit("//" + url.replace("@tcp(", "@").replace(")", ""))
        command = ["mariadb", f"--host={parts.hostname}", f"--port={parts.port}"]
        command += [f"--user={parts.username}", f"--password={parts.password}", "-e", statement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
