"""The verb `restore`: fills a new system from a backup.

The backup is read completely before anything is changed. A file in the run directory says, from the
first change to the last, that its data is incomplete: nothing starts on it, and the same command
begins anew.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tools.runner.backup.archive import Archive
from tools.runner.backup.documents import read_documents
from tools.runner.backup.pictures import new_picture_folder
from tools.runner.backup.secrets import read_secrets, require_matching
from tools.runner.backup.stores import CopiedStore, new_store
from tools.runner.commands.backup import SECRETS_SUFFIX, apps_with_state
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import JWT, SecretsFile, new_signing_keys
from tools.runner.errors import RunnerError
from tools.runner.infra.servers import BROKERS
from tools.runner.supervisor.lock import RunLock, runner_pid
from tools.runner.supervisor.orphans import find_orphans

_DATABASES = ("redis", "postgresql", "mariadb")
_DATA = ("state", "blobs", *_DATABASES, *BROKERS, "scheduler")
"""Folders that must be empty. What a broker or a scheduler holds is of another system, too."""

_ROOM = 3
"""Bytes that a store may need for a byte of documents, with indexes and logs."""


def check(file: Path) -> int:
    """Read the whole of a backup, and say what it is."""
    _describe(Archive.verify(file))
    return 0


def restore(
    run: RunDir,
    file: Path,
    *,
    components: str | None = None,
    secrets_file: Path | None = None,
    without_secrets: bool = False,
    end_sessions: bool = False,
) -> int:
    """Fill an empty run directory from a backup."""
    archive = Archive.verify(file)
    secrets = {}
    if not without_secrets:
        path = secrets_file or file.with_name(file.name + SECRETS_SUFFIX)
        secrets = _chosen_secrets(archive, path, end_sessions)
    run.create()
    with while_stopped(run):
        set_name = components or archive.header.components
        store = _store(archive, set_name, run)
        pictures = new_picture_folder(set_name, run)
        again = _is_repeated(run, set_name)
        if not again:
            _require_empty(run, store, pictures)
        _require_own_secrets(run, secrets, again=again)
        _require_room(archive, run)
        run.unfinished_restore.write_text(set_name)
        _fill(archive, store, pictures)
        SecretsFile(run.secrets).update(
            secrets | ({JWT: new_signing_keys()} if end_sessions else {})
        )
        run.migration.unlink(missing_ok=True)  # of data that was here before
        os.sync()  # all of it, before the folder is said to be complete
        run.unfinished_restore.unlink()
    _describe(archive)
    print(f"restored into {run.path}: start it with up --components {set_name}")
    return 0


def _describe(archive: Archive) -> None:
    header, contents = archive.header, archive.contents
    print(
        f"{archive.path} of {header.created}: {contents.documents} documents and "
        f"{len(contents.files) - 2} pictures of {header.components}"
    )


def _chosen_secrets(archive: Archive, path: Path, end_sessions: bool) -> dict[str, str]:
    """Return the secrets to restore. Raises RunnerError if they are not those of the backup."""
    secrets, expected = read_secrets(path), dict(archive.header.fingerprints)
    if end_sessions:
        secrets.pop(JWT, None)
        expected.pop(JWT, None)
    require_matching(secrets, expected, path)
    return secrets


@contextmanager
def while_stopped(run: RunDir) -> Iterator[None]:
    """Let nothing start in a run directory. Raises RunnerError if something runs there."""
    lock = RunLock(run)
    if not lock.acquire():
        raise RunnerError(
            f"a system is running in {run.path} (pid {runner_pid(run)}): stop it with `down`, or "
            "use another --run-dir. Nothing was changed"
        )
    try:
        if find_orphans(run):
            raise RunnerError(
                f"processes of a killed runner still run in {run.path}: stop them with `down`. "
                "Nothing was changed"
            )
        yield
    finally:
        lock.release()


def _store(archive: Archive, set_name: str, run: RunDir) -> CopiedStore:
    kind, store = new_store(set_name, run, apps_with_state())
    if kind != archive.header.store:
        raise RunnerError(
            f'the backup is of {archive.header.store} ("{archive.header.components}"), and '
            f'"{set_name}" keeps its state in {kind}: restore it with the set of the backup'
        )
    return store


def _is_repeated(run: RunDir, set_name: str) -> bool:
    """Return whether a restore of the same set was interrupted here.

    Raises RunnerError if it was one of another set, whose data may be elsewhere.
    """
    if not run.unfinished_restore.exists():
        return False
    begun = run.unfinished_restore.read_text()
    if begun != set_name:
        raise RunnerError(
            f"a restore with --components {begun} into {run.path} was interrupted, and this one is "
            f'of "{set_name}": run that one again. Nothing was changed'
        )
    return True


def _require_empty(run: RunDir, store: CopiedStore, pictures: Path) -> None:
    folders = [*(run.path / name for name in _DATA), pictures]
    full = [str(folder) for folder in folders if folder.is_dir() and any(folder.iterdir())]
    if full or not store.is_empty():
        raise RunnerError(
            f"{run.path} has data already ({', '.join(full) or 'in its state store'}): restore "
            "into another --run-dir, or move these away. Nothing was changed"
        )


def _require_own_secrets(run: RunDir, secrets: Mapping[str, str], *, again: bool) -> None:
    """Raise RunnerError if a secret would be replaced by another one."""
    present = SecretsFile(run.secrets)
    other = [name for name, value in secrets.items() if present.get(name) not in (None, value)]
    if other and not again:
        raise RunnerError(
            f"{run.secrets} has another {other[0]}, which would be lost: move the file away. "
            "Nothing was changed"
        )


def _require_room(archive: Archive, run: RunDir) -> None:
    wanted = _ROOM * archive.contents.state_size + archive.contents.picture_size
    free = shutil.disk_usage(run.path).free
    if free < wanted:
        raise RunnerError(
            f"{run.path} has {free >> 20} MiB free, and the restore may need {wanted >> 20} MiB. "
            "Nothing was changed"
        )


def _fill(archive: Archive, store: CopiedStore, pictures: Path) -> None:
    store.clear()
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True, mode=0o700)
    archive.extract_pictures(pictures, _write_picture)
    with archive.open_state() as file:
        store.load(read_documents(file))


def _write_picture(path: Path, file: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("wb") as target:
        shutil.copyfileobj(file, target)
