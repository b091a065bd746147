"""Concurrent requests for archives, and damaged documents."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from unittest import mock

import pytest
from fastapi import FastAPI

from services.chassis.errors import Unavailable
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.media.app import create_app
from services.media.exports import domain
from services.media.exports import worker as worker_module
from services.media.exports.domain import ExportRecord
from services.media.exports.repository import ALL, ExportRepository
from services.media.exports.service import ExportService
from services.media.exports.worker import ExportWorker
from tests.fakes import Call, FakeCluster, FakeSidecar, until


async def not_gone() -> bool:
    return False


def export_repository(sidecar: FakeSidecar) -> ExportRepository:
    with mock.patch("services.chassis.service.DaprClient", return_value=sidecar):
        return ExportRepository(Service(Settings(app_id="media", app_port=1, app_api_token="-")))


async def test_one_damaged_export_does_not_stop_the_others() -> None:
    sidecar = FakeSidecar("media")
    repository = export_repository(sidecar)
    worker = ExportWorker(repository, mock.Mock(), sidecar)
    exports = ExportService(repository, worker, sidecar, ids=SnowflakeGenerator().next)
    await exports.request("1", not_gone)
    await exports.delete("1")
    damaged = SnowflakeGenerator().next()
    await sidecar.set("export:2", {"schema": 2, "version": 1, "data": {"id": damaged}})
    await repository.pending.insert(ALL, [[damaged, "2"]])
    await worker.process_pending()
    ended = await repository.exports.get("1")
    assert ended is not None
    assert ended.state == "gone"
    await worker.process_pending()
    assert await repository.pending.all(ALL) == [[damaged, "2"]]


async def test_a_look_for_work_that_fails_is_reported_and_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_module, "POLL_INTERVAL", 0.01)

    async def is_down(call: Call) -> None:
        if call.about == ("exporting:all",):
            raise Unavailable("not reachable")

    def media_app(settings: Settings) -> FastAPI:
        return create_app(Service(settings), mock.Mock())

    async with FakeCluster() as cluster:
        media = await cluster.start(media_app, "media")
        media.sidecar.state.faults.before.append(is_down)
        await until(lambda: media.service.failing_work() == ["exports"])
        media.sidecar.state.faults.before.remove(is_down)
        await until(lambda: not media.service.failing_work())


async def test_the_lease_is_kept_while_a_part_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "LEASE_TTL", 0.03)
    sidecar = FakeSidecar("media")
    repository = export_repository(sidecar)
    working = asyncio.Event()

    async def collect(*_: object) -> None:
        working.set()
        await asyncio.Event().wait()

    worker = ExportWorker(repository, mock.Mock(collect=collect), sidecar)
    exports = ExportService(repository, worker, sidecar, ids=SnowflakeGenerator().next)
    await exports.request("1", not_gone)

    def held_until() -> float:
        return float(sidecar.state.peek("export:1")["data"]["held_until"])

    task = asyncio.create_task(worker.process_pending())
    try:
        await working.wait()
        for _ in range(3):
            before = held_until()
            await until(lambda before=before: held_until() > before)  # type: ignore[misc]
    finally:
        task.cancel()


async def test_an_archive_requested_while_the_last_one_fails_is_pending() -> None:
    sidecar = FakeSidecar("media")
    store = export_repository(sidecar)
    export_service = ExportService(store, mock.Mock(), sidecar, ids=SnowflakeGenerator().next)
    first = await export_service.request("1", not_gone)

    async def fails(call: Call) -> None:
        if call.name == "get" and call.about == ("exporting:all",):
            sidecar.state.faults.before.remove(fails)
            await store.exports.update("1", _failed)

    sidecar.state.faults.before.append(fails)
    second = await export_service.request("1", not_gone)
    assert (second["state"], second["id"] == first["id"]) == ("running", False)
    assert [second["id"], "1"] in await store.pending.all(ALL)


def _failed(kept: ExportRecord | None) -> ExportRecord | None:
    return replace(kept, state="failed", ending="failed") if kept else None
