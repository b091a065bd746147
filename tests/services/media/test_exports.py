"""Archives that are asked for while something else becomes of them."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.media.exports.domain import ExportRecord
from services.media.exports.repository import ALL, ExportRepository
from services.media.exports.service import ExportService
from tests.fakes import Call, FakeSidecar


async def not_gone() -> bool:
    return False


async def test_an_archive_that_is_asked_for_while_the_last_one_fails_stands_in_the_list() -> None:
    sidecar = FakeSidecar("media")
    with mock.patch("services.chassis.service.DaprClient", return_value=sidecar):
        store = ExportRepository(Service(Settings(app_id="media", app_port=1, app_api_token="-")))
    office = ExportService(store, mock.Mock(), sidecar, ids=SnowflakeGenerator().next)
    first = await office.request("1", not_gone)

    async def fails(call: Call) -> None:
        if call.name == "get" and call.about == ("exporting:all",):
            sidecar.state.faults.before.remove(fails)
            await store.exports.update("1", _failed)

    sidecar.state.faults.before.append(fails)
    second = await office.request("1", not_gone)
    assert (second["state"], second["id"] == first["id"]) == ("running", False)
    assert [second["id"], "1"] in await store.pending.all(ALL)


def _failed(kept: ExportRecord | None) -> ExportRecord | None:
    return replace(kept, state="failed", ending="failed") if kept else None
