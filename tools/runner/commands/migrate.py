"""The verb `migrate`: moves the state of a stopped system into the store of another component set.

It copies, and leaves the old store as it is. A record in the run directory says which of both has
the documents: nothing starts on the other one. The copy is read again and compared before the
record changes. Interrupted, the same command begins anew.

What the engine of workflows keeps is not moved: the log of an order decides, and `orders` starts
the workflow of each open order again. Nor are messages of the broker: consumers fetch from the
journals of producers, which are documents.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from tools.runner.backup.documents import StoredDocument
from tools.runner.backup.migration import CopyComparison, Migration, require_current
from tools.runner.backup.pictures import link_pictures, new_picture_folder
from tools.runner.backup.stores import CopiedStore, new_store
from tools.runner.commands.backup import apps_with_state, require_room, staging_folder
from tools.runner.commands.restore import while_stopped
from tools.runner.config.components import load_set
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError
from tools.runner.infra.servers import BROKERS, needed_servers
from tools.runner.output.progress import Progress

_ROOM = 4
"""Bytes that are needed for a byte of the old store: the new one, and copies to read both."""

_PROGRESS_INTERVAL = 1000
"""Documents after which the progress is shown again."""

_PICTURES = "blobs"


def migrate(run: RunDir, source_set: str, target_set: str) -> int:
    """Move all documents, and the pictures if the other set has them elsewhere."""
    require_current(source_set, run)
    migration = Migration.between(source_set, target_set, run)
    _, source = new_store(source_set, run, apps_with_state())
    _, target = new_store(target_set, run, apps_with_state())
    if source.is_empty():
        raise RunnerError(f"there is nothing to migrate: {migration.source} has no data")
    with while_stopped(run):
        folders = _picture_folders(run, source_set, target_set)
        _refuse_other_data(run, migration, target, folders)
        with staging_folder(run):
            require_room(_ROOM * source.size(), run.path)
            migration.record(run, is_complete=False)
            count = _copy(source, target)
        for old, new in folders:
            link_pictures(old, new)
        # Reminders of workflows that the new store does not have; components are made at a start.
        for stale in (run.path / "scheduler", run.components):
            shutil.rmtree(stale, ignore_errors=True)
        os.sync()  # all of it, before the record says that it is there
        migration.record(run, is_complete=True)
    print(f"{count} documents moved and compared: start it with up --components {target_set}")
    print(f"{migration.source} is as it was: remove it when you are content")
    return 0


def _copy(source: CopiedStore, target: CopiedStore) -> int:
    """Fill the new store, and compare it with the old one. Returns the number of documents."""
    target.clear()
    comparison = CopyComparison()
    with source.snapshot() as documents:
        target.load(_shown("copying documents", comparison.note(documents)))
    with target.snapshot() as documents:
        comparison.compare(_shown("comparing documents", documents))
    return len(comparison)


def _shown(what: str, documents: Iterable[StoredDocument]) -> Iterator[StoredDocument]:
    progress, count = Progress(what), 0
    for count, each in enumerate(documents, 1):
        if count % _PROGRESS_INTERVAL == 0:
            progress.update(partial(str, count))
        yield each
    progress.update(partial(str, count))
    progress.finish()


def _picture_folders(run: RunDir, source_set: str, target_set: str) -> list[tuple[Path, Path]]:
    """Return the old and the new folder of pictures, if the other set has another one."""
    if _pictures(source_set) == _pictures(target_set):
        return []
    old, new = (new_picture_folder(name, run) for name in (source_set, target_set))
    return [(old, new)] if old != new else []


def _pictures(set_name: str) -> object:
    return next(each for each in load_set(set_name) if each["metadata"]["name"] == _PICTURES)


def _refuse_other_data(
    run: RunDir, migration: Migration, target: CopiedStore, folders: list[tuple[Path, Path]]
) -> None:
    """Raise RunnerError if something is where the data goes that this migration did not write."""
    if run.unfinished_restore.exists():
        raise RunnerError(f"a restore into {run.path} was interrupted: run it again first")
    others = needed_servers(load_set(migration.target_set))
    own = needed_servers(load_set(migration.source_set))
    places = [run.path / name for name in BROKERS if name in others and name not in own]
    if not migration.continues(Migration.last(run)):
        places += [new for _, new in folders]
        if not target.is_empty():
            raise _other_data(migration, migration.target)
    for place in places:
        if place.is_dir() and any(place.iterdir()):
            raise _other_data(migration, str(place))


def _other_data(migration: Migration, place: str) -> RunnerError:
    return RunnerError(
        f"{migration.target_set} has data already, of another system or time ({place}): move it "
        "away. Nothing was changed"
    )
