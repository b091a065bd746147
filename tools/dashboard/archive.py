"""A run as one ZIP: logs, spans, samples and states, without secrets; and how to open one."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import orjson

from tools.dashboard.collect.log_reader import processes, rotated_files
from tools.dashboard.queries import dapr
from tools.dashboard.queries.resources import list_resources
from tools.dashboard.settings import derived_token, token_file
from tools.dashboard.sources import Sources
from tools.dashboard.stores.samples import Sample, SampleStore
from tools.dashboard.stores.spans import SpanRecord, SpanStore
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

FORMAT = 1
MAX_LOG_BYTES = 20_000_000
"""Of each process: the newest part."""
MAX_OPENED_BYTES = 4_000_000_000
MAX_MEMBERS = 1_000
MAX_LINE = 4_000_000

_MEMBER = re.compile(r"about\.json|snapshot\.json|spans\.ndjson|samples\.ndjson|logs/[\w.-]+\.log")
_REMOVED = b"[removed]"
_MIN_SECRET = 12
"""Characters of what is taken for a secret; shorter values of files with secrets are words."""
_BLOCK = 1_000_000
_TEMPORARY = "export-"


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


async def take_snapshot(sources: Sources) -> dict[str, Any]:
    """Return the states of an export. What does not answer is left out.

    Dead letters are without their events, which are data of users.
    """
    letters = await dapr.list_dead_letters(sources)
    try:
        workflows = await dapr.list_workflows(sources)
    except (RunnerError, TimeoutError):
        workflows = ()
    return {
        "resources": asdict(await list_resources(sources)),
        "components": [asdict(row) for row in await dapr.list_components(sources)],
        "subscriptions": [asdict(row) for row in await dapr.list_subscriptions(sources)],
        "dead_letters": {
            "letters": [asdict(row) | {"event": None} for row in letters.letters],
            "unreachable": letters.unreachable,
        },
        "workflows": [asdict(row) for row in workflows],
    }


def create_archive(sources: Sources, snapshot: Mapping[str, Any]) -> Path:
    """Write the ZIP of a run into a new file, which the caller deletes."""
    folder = sources.settings.telemetry
    folder.mkdir(exist_ok=True, mode=0o700)
    target = folder / f"{_TEMPORARY}{secrets.token_hex(4)}.zip"
    try:
        write_archive(sources, snapshot, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def remove_left_archives(folder: Path) -> None:
    """Delete what a dashboard left that died while it exported."""
    for path in folder.glob(f"{_TEMPORARY}*.zip"):
        path.unlink(missing_ok=True)


def write_archive(sources: Sources, snapshot: Mapping[str, Any], target: Path) -> None:
    """Write the ZIP of a run. Needs little memory, and the disk for the compressed logs."""
    redactor = Redactor(known_secrets(sources))
    about = {"format": FORMAT, "exported_at": sources.now(), "run_dir": str(sources.run.path)}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", redactor.clean(orjson.dumps(about)))
        archive.writestr("snapshot.json", redactor.clean(orjson.dumps(snapshot)))
        for name in processes(sources.run.logs):
            with archive.open(f"logs/{name}.log", "w", force_zip64=True) as file:
                redactor.copy(_newest_part(sources.run.logs / f"{name}.log"), file)
        with archive.open("spans.ndjson", "w", force_zip64=True) as file:
            redactor.copy((_line(asdict(span)) for span in sources.spans.all_spans()), file)
        with archive.open("samples.ndjson", "w", force_zip64=True) as file:
            redactor.copy((_line(asdict(each)) for each in sources.samples.rounds()), file)


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _newest_part(path: Path) -> Iterator[bytes]:
    """Yield the newest bytes of a log and its older files, oldest first, in blocks."""
    parts: list[tuple[Path, int]] = []
    room = MAX_LOG_BYTES
    for each in rotated_files(path):
        size = each.stat().st_size if each.exists() else 0
        parts.append((each, max(0, size - room)))
        room = max(0, room - size)
        if not room:
            break
    for each, start in reversed(parts):
        if each.exists():
            with each.open("rb") as file:
                file.seek(start)
                while block := file.read(_BLOCK):
                    yield block


def known_secrets(sources: Sources) -> set[str]:
    """Return all secrets of a run directory: tokens, passwords, keys, and what they are part of."""
    run, found = sources.run, set[str]()
    for path in (run.operator_token, run.metrics_token, token_file(run), run.secrets, run.state):
        try:
            found |= {*_secrets_in(path.read_text().strip())}
        except (OSError, UnicodeDecodeError):
            continue
    # Alertmanager logs the address where it could not deliver.
    found |= {*_secrets_in(os.environ.get("MICROGRAM_ALERT_WEBHOOK", ""))}
    token = sources.settings.token
    found |= {token, derived_token(token, "otlp"), derived_token(token, "session")}
    return {secret for secret in found if len(secret) >= _MIN_SECRET} - _public(sources)


def _public(sources: Sources) -> set[str]:
    """Return values of state.json that are no secrets."""
    state = sources.state()
    shown = {key: value for key, value in state.items() if key not in _SECRET_KEYS}
    return {*_leaves(shown)} | {str(sources.run.path)}


_SECRET_KEYS = frozenset({"tokens", "dashboard", "observability"})


def _secrets_in(text: str) -> Iterator[str]:
    """Yield a secret, and those in it: of JSON its values, of a URL its password and query."""
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = text
    for leaf in _leaves(parsed):
        yield leaf
        if leaf != text and leaf.startswith("{"):
            yield from _secrets_in(leaf)
        if "://" in leaf:
            parts = urlsplit(leaf)
            yield from (each for each in (parts.password, parts.query.partition("=")[2]) if each)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, str):
        yield value


class Redactor:
    """Replaces secrets in bytes."""

    def __init__(self, secrets: set[str]) -> None:
        ordered = sorted(secrets, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(re.escape(each.encode()) for each in ordered))
        self._longest = max(map(len, ordered), default=1)

    def clean(self, content: bytes) -> bytes:
        """Return the content without secrets."""
        return self._pattern.sub(_REMOVED, content) if self._pattern.pattern else content

    def copy(self, blocks: Iterator[bytes], target: IO[bytes]) -> None:
        """Write blocks without secrets, also where one is divided between two blocks."""
        rest = b""
        for block in blocks:
            text = rest + block
            cut = text.rfind(b"\n") + 1 or max(0, len(text) - _BLOCK)
            target.write(self.clean(text[:cut]))
            rest = text[cut:]
        target.write(self.clean(rest))


# ── opening ─────────────────────────────────────────────────────────────────────────────────────


def open_archive(path: Path, folder: Path) -> dict[str, Any]:
    """Unpack an export into a run directory, and return its snapshot.

    Raises RunnerError for a file that is not an export.
    """
    run = RunDir(folder)
    run.create()
    try:
        with zipfile.ZipFile(path) as archive:
            about = _checked(archive)
            for name in archive.namelist():
                if name.startswith("logs/"):
                    _unpack_log(archive, name, run)
            _unpack_spans(archive, folder / "telemetry")
            _unpack_samples(archive, folder / "telemetry")
            snapshot: dict[str, Any] = json.loads(archive.read("snapshot.json"))
            return snapshot | {"exported_at": float(about["exported_at"])}
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise RunnerError(f"{path} is not an export of the dashboard: {error}") from None


def _checked(archive: zipfile.ZipFile) -> dict[str, Any]:
    members = archive.infolist()
    for member in members:
        if not _MEMBER.fullmatch(member.filename):
            raise ValueError(f"unexpected content: {member.filename}")
    if len(members) > MAX_MEMBERS or sum(each.file_size for each in members) > MAX_OPENED_BYTES:
        raise ValueError("it is too large")
    about: dict[str, Any] = json.loads(archive.read("about.json"))
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']}, and this program knows {FORMAT}")
    return about


def _unpack_log(archive: zipfile.ZipFile, name: str, run: RunDir) -> None:
    with archive.open(name) as source, (run.path / name).open("wb") as target:
        while block := source.read(_BLOCK):
            target.write(block)


def _unpack_spans(archive: zipfile.ZipFile, folder: Path) -> None:
    store, batch = SpanStore(folder, MAX_OPENED_BYTES), list[SpanRecord]()
    names = {each.name for each in fields(SpanRecord)}
    for row in _rows(archive, "spans.ndjson"):
        if row.keys() != names:
            raise ValueError("a span has other fields")
        batch.append(SpanRecord(**row))
        if len(batch) == 1_000:
            store.add(batch)
            batch = []
    store.add(batch)
    store.database.close()


def _unpack_samples(archive: zipfile.ZipFile, folder: Path) -> None:
    store = SampleStore(folder)
    for row in _rows(archive, "samples.ndjson"):
        store.add(float(row["at"]), [Sample(**each) for each in row["samples"]])
    store.database.close()


def _rows(archive: zipfile.ZipFile, name: str) -> Iterator[dict[str, Any]]:
    with archive.open(name) as file:
        while line := file.readline(MAX_LINE):
            yield orjson.loads(line)


def exported_name() -> str:
    """Return the name that a browser gives an export."""
    return time.strftime("microgram-%Y%m%d-%H%M%S.zip", time.gmtime())
