from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.unit.dashboard.asgi import OWNER, running, send
from tests.unit.dashboard.conftest import TOKEN, json_line, write_log
from tests.unit.dashboard.fake_system import METRICS_TOKEN, SECRET, fake_system
from tests.unit.dashboard.spans import message, span, trace_id
from tools.dashboard import archive
from tools.dashboard.app import create_app
from tools.dashboard.archive import Redactor, open_archive, write_archive
from tools.dashboard.collect.otlp import decode
from tools.dashboard.settings import Settings, derived_token
from tools.dashboard.sources import Sources
from tools.dashboard.stores.samples import Sample
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

SECRETS = (
    TOKEN,
    derived_token(TOKEN, "otlp"),
    derived_token(TOKEN, "session"),
    METRICS_TOKEN,
    SECRET,
    f"nats://posts:{SECRET}@127.0.0.1:4222",
    "token-of-the-sidecar",
    "token-of-the-application",
    "token-of-the-operator",
)
SAMPLED_AT = time.time() - 60.0
ROOT = span("GET /posts", attributes={"url": f"/?token={TOKEN}"})


async def exported(settings: Settings, target: Path) -> Path:
    """The export of a run whose logs, spans and dead letters contain secrets."""
    async with fake_system(settings.run) as system, running(create_app(settings)) as app:
        sources = app.state.sources
        for secret in SECRETS:
            write_log(settings.run, "posts.log", json_line(1, f"connects with {secret} to it"))
        write_log(settings.run, "posts.log", json_line(2, "last", "error"))
        sources.spans.add(list(decode(message([ROOT, span("state", parent=ROOT)]))))
        sources.samples.add(SAMPLED_AT, [Sample("cpu", "posts", "", 0.5)])
        letters = [{"id": "a", "topic": "users", "why": f"used {SECRET}", "at": "t", "event": {}}]
        system.answers["GET", "/v1.0/invoke/posts/method/deadletters"] = letters
        answer = await send(app, "GET", "/export.zip")
        assert answer.status == 200
        assert "attachment" in answer.headers["content-disposition"]
    target.write_bytes(answer.body)  # noqa: ASYNC240 (a test)
    assert not list(settings.telemetry.glob("export-*"))
    return target


async def test_an_export_has_no_secrets(settings: Settings, tmp_path: Path) -> None:
    with zipfile.ZipFile(await exported(settings, tmp_path / "run.zip")) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    assert {*contents} == {
        "about.json",
        "snapshot.json",
        "spans.ndjson",
        "samples.ndjson",
        "logs/posts.log",
        "logs/posts.daprd.log",
    }
    for name, content in contents.items():
        assert not [secret for secret in SECRETS if secret.encode() in content], name
    assert contents["logs/posts.log"].count(b"connects with") == len(SECRETS)
    assert b"embedded" in contents["snapshot.json"]  # what is no secret in state.json stays
    assert json.loads(contents["snapshot.json"])["dead_letters"]["letters"][0]["event"] is None


async def test_an_export_is_shown_as_it_was_and_cannot_be_changed(
    settings: Settings, tmp_path: Path
) -> None:
    path = await exported(settings, tmp_path / "run.zip")
    run = RunDir(tmp_path / "opened")
    snapshot = open_archive(path, run.path)
    shown = Settings(run, settings.port, TOKEN, is_read_only=True)
    async with running(create_app(shown, snapshot=snapshot)) as app:

        async def read(path: str) -> Any:
            return (await send(app, "GET", path)).json()

        assert (await read("/api/logs?level=error&text=last"))["entries"][0]["process"] == "posts"
        assert [each["spans"] for each in (await read("/api/traces"))["traces"]] == [2]
        assert len((await read(f"/api/traces/{trace_id(ROOT)}"))["spans"]) == 2
        assert (await read("/api/metrics"))["series"][0]["points"][:1] == [[SAMPLED_AT, 0.5]]
        resources = await read("/api/resources")
        assert [each["name"] for each in resources["resources"]] == ["posts", "posts.daprd", "nats"]
        assert resources["is_running"] is False
        assert len((await read("/api/dapr/components"))["rows"]) == 2
        assert len((await read("/api/dapr/dead-letters"))["letters"]) == 1
        for target in ("/api/resources/posts/stop", "/api/dapr/dead-letters/posts/replay"):
            answer = await send(app, "POST", target)
            assert (answer.status, "this is an export" in answer.json()["error"]) == (409, True)
        assert (await send(app, "GET", "/export.zip")).status == 409
        sender = {"authorization": f"Bearer {derived_token(TOKEN, 'otlp')}"}
        assert (await send(app, "POST", "/v1/traces", sender)).status == 404


@pytest.mark.parametrize(
    "members",
    [
        {"../../etc/cron.d/x.log": b""},
        {"logs/../../x.log": b""},
        {"/x.log": b""},
        {"state.json": b"{}"},
        {"about.json": b'{"format": 99, "exported_at": 1}'},
        {"about.json": b"[]"},
        {"about.json": b'{"format": 1, "exported_at": 1}', "spans.ndjson": b'{"x": 1}\n'},
        {"about.json": b'{"format": 1, "exported_at": 1}', "spans.ndjson": b"{", "logs/a.log": b""},
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    with pytest.raises(RunnerError, match="is not an export"):
        open_archive(path, tmp_path / "opened")
    assert not [each for each in (tmp_path / "opened").rglob("*.log") if each.name == "x.log"]
    path.write_bytes(b"no zip")
    with pytest.raises(RunnerError, match="is not an export"):
        open_archive(path, tmp_path / "opened")


def test_a_huge_export_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_OPENED_BYTES", 1_000)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("logs/a.log", bytes(2_000))
    with pytest.raises(RunnerError, match="too large"):
        open_archive(path, tmp_path / "opened")


def test_only_the_newest_part_of_long_logs_is_exported(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_LOG_BYTES", 1_000)
    write_log(settings.run, "posts.log.2", "oldest\n" * 1_000)
    write_log(settings.run, "posts.log.1", "older\n" * 100)
    write_log(settings.run, "posts.log", "newest\n" * 100)
    write_archive(Sources.create(settings), {}, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as opened:
        text = opened.read("logs/posts.log")
    assert len(text) == 1_000
    assert text.endswith(b"older\n" + b"newest\n" * 100)


def test_a_secret_between_two_blocks_is_removed(tmp_path: Path) -> None:
    redactor = Redactor({"the-secret-word", "the-secret"})
    blocks = iter([b"a the-sec", b"ret-word b", b" the-secret\nend the-", b"secret"])
    with (tmp_path / "x").open("wb") as file:
        redactor.copy(blocks, file)
    assert (tmp_path / "x").read_bytes() == b"a [removed] b [removed]\nend [removed]"
    assert Redactor(set()).clean(b"x") == b"x"


async def test_what_a_killed_export_left_is_deleted(settings: Settings) -> None:
    settings.telemetry.mkdir()
    (settings.telemetry / "export-1234.zip").touch()
    async with running(create_app(settings)):
        assert not list(settings.telemetry.glob("export-*"))


async def test_only_the_owner_gets_an_export(settings: Settings) -> None:
    async with running(create_app(settings)) as app:
        for headers in ({}, {**OWNER, "host": "evil.example"}):
            assert (await send(app, "GET", "/export.zip", headers)).status in (401, 421)
