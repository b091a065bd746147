"""What the chassis requires of secrets, blobs, and what a sidecar refuses of them."""

from __future__ import annotations

import secrets

import pytest

from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.pubsub import encode_event
from services.chassis.errors import Forbidden, NotFound


@pytest.fixture
def name() -> str:
    return f"{secrets.token_hex(6)}.bin"


async def test_a_secret_is_read(sidecar: DaprClient) -> None:
    assert (await sidecar.secret("nats-url")).startswith("nats://")


async def test_a_secret_that_is_not_there_is_not_found(sidecar: DaprClient) -> None:
    with pytest.raises(NotFound):
        await sidecar.secret("no-such-secret")


async def test_a_secret_that_the_access_file_does_not_name_is_refused(sidecar: DaprClient) -> None:
    with pytest.raises(Forbidden):
        await sidecar.secret("jwt-signing-keys")


async def test_a_topic_that_the_access_file_does_not_name_is_refused(sidecar: DaprClient) -> None:
    with pytest.raises(Forbidden):
        await sidecar.publish("weather", [encode_event({"id": "1", "source": "alpha"})])


@pytest.mark.parametrize("size", [0, 1, 256, 1_000_000])
async def test_a_blob_comes_back_as_it_was(sidecar: DaprClient, name: str, size: int) -> None:
    data = secrets.token_bytes(size)
    await sidecar.put_blob(name, data)
    assert await sidecar.get_blob(name) == data


async def test_a_blob_of_16_mb_comes_back_as_it_was(sidecar: DaprClient, name: str) -> None:
    data = bytes(range(256)) * 65_536
    await sidecar.put_blob(name, data)
    assert await sidecar.get_blob(name) == data


async def test_a_blob_is_replaced_and_deleted(sidecar: DaprClient, name: str) -> None:
    await sidecar.put_blob(name, b"a longer one")
    await sidecar.put_blob(name, b"short")
    assert await sidecar.get_blob(name) == b"short"
    await sidecar.delete_blob(name)
    with pytest.raises(NotFound):
        await sidecar.get_blob(name)
    await sidecar.delete_blob(name)


async def test_a_blob_that_is_not_there_is_not_found(sidecar: DaprClient, name: str) -> None:
    with pytest.raises(NotFound):
        await sidecar.get_blob(name)
