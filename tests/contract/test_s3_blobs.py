"""Blobs in S3: the real component, against an S3 server in memory."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import NotFound
from tests.contract.systems import REPO, RealSystem
from tests.fakes.s3 import FakeS3
from tools.runner.infra import toolchain

ACCESS_KEY = "someone"


@pytest.fixture
async def s3() -> AsyncIterator[FakeS3]:
    async with FakeS3(ACCESS_KEY) as server:
        yield server


@pytest.fixture
async def sidecar(s3: FakeS3, tmp_path: Path) -> AsyncIterator[DaprClient]:
    """A sidecar of a set that differs from `embedded` in its blobs."""
    if not toolchain.wants_official() and toolchain.find_tool(toolchain.WIDE) is None:
        pytest.skip("the wide daprd is not built: a set on PostgreSQL, MariaDB or MQTT builds it")
    resources = tmp_path / "components"
    shutil.copytree(REPO / "components", resources)
    shutil.copytree(resources / "embedded", resources / "s3")
    (resources / "s3" / "blobs.yaml").write_text(yaml.safe_dump(blobs_in(s3)))
    system = RealSystem("s3", tmp_path, resources)
    await asyncio.to_thread(system.start)
    try:
        async with system.sidecar() as client:
            yield client
    finally:
        await asyncio.to_thread(system.stop)


def blobs_in(s3: FakeS3) -> dict[str, object]:
    settings = {
        "bucket": "pictures",
        "region": "us-east-1",
        "endpoint": f"http://127.0.0.1:{s3.port}",
        "forcePathStyle": "true",
        "accessKey": ACCESS_KEY,
        "secretKey": secrets.token_hex(8),
    }
    metadata = [{"name": name, "value": value} for name, value in settings.items()]
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": "blobs"},
        "spec": {"type": "bindings.aws.s3", "version": "v1", "metadata": metadata},
    }


async def test_blobs_come_back_as_they_were_until_they_are_deleted(
    sidecar: DaprClient, s3: FakeS3
) -> None:
    data = {f"{size}.bin": secrets.token_bytes(size) for size in (0, 1, 256, 1_000_000, 2**24)}
    for name, each in data.items():
        await sidecar.put_blob(name, each)
        assert await sidecar.get_blob(name) == each
    assert {path.rpartition("/")[2]: each for path, each in s3.objects.items()} == data
    await sidecar.put_blob("1.bin", b"another one")
    assert await sidecar.get_blob("1.bin") == b"another one"
    for name in data:
        await sidecar.delete_blob(name)
        await sidecar.delete_blob(name)
        with pytest.raises(NotFound):
            await sidecar.get_blob(name)
    assert s3.objects == {}
