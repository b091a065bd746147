"""A system on SQLite that was used, and what must be the same after a restore."""

from __future__ import annotations

from services.chassis.security.access_rules import read_access
from tools.runner.backup.documents import StoredDocument
from tools.runner.backup.stores import new_store, running_store
from tools.runner.commands.backup import apps_with_state
from tools.runner.config.components import SetRenderer, load_set
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import SecretsFile

DOCUMENTS = [
    StoredDocument("posts||post:1", b'{"text":"hello"}'),
    StoredDocument("feed||home:1", b"[1]", ttl=600),
    StoredDocument("insights||week:1:2026-11-30", b"{}", ttl=600),  # of a guest
]
PICTURES = {"1-abc-o.jpg": b"picture", "2-def-s.webp": b"\x00\xff" * 5_000}


def fill(run: RunDir) -> None:
    """Store documents, pictures and secrets, as a system does that has been running."""
    run.create()
    SetRenderer(run, read_access()).write_set(load_set("embedded"))
    _, store = new_store("embedded", run, apps_with_state())
    store.load(DOCUMENTS)
    for name, content in PICTURES.items():
        (run.path / "blobs" / name).write_bytes(content)
    SecretsFile(run.secrets).create_missing()


def documents_of(run: RunDir) -> list[tuple[str, bytes]]:
    """Return all documents."""
    if not run.components.exists():
        SetRenderer(run, read_access()).write_set(load_set("embedded"))
    _, store = running_store(run, apps_with_state())
    with store.snapshot() as documents:
        return sorted((each.key, each.value) for each in documents)


def pictures_of(run: RunDir) -> dict[str, bytes]:
    """Return all pictures by name."""
    return {path.name: path.read_bytes() for path in (run.path / "blobs").iterdir()}


def assert_restored(run: RunDir) -> None:
    """Fail unless everything is there."""
    assert documents_of(run) == sorted((each.key, each.value) for each in DOCUMENTS)
    assert pictures_of(run) == PICTURES
    assert not run.unfinished_restore.exists()


def assert_untouched(run: RunDir) -> None:
    """Fail unless nothing is there."""
    assert not list(run.path.glob("state/*"))
    assert not list(run.path.glob("blobs/*"))
    assert not run.secrets.exists()
    assert not run.unfinished_restore.exists()
