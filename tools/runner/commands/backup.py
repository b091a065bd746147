"""The verb `backup`: a copy of all data of a system, as of one instant, while it runs."""

import fcntl
import os
import secrets as random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from services.chassis.security.access_rules import read_access
from tools.runner.backup.archive import PICTURES, STATE, ArchiveWriter, BackupHeader
from tools.runner.backup.documents import DocumentTotals, write_documents
from tools.runner.backup.pictures import folder_size, link_pictures, picture_folder, pictures_until
from tools.runner.backup.secrets import fingerprints, secrets_of, write_secrets
from tools.runner.backup.stores import STATE_STORE, CopiedStore, running_store
from tools.runner.config.guests import known_access_files
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.secrets import SecretsFile
from tools.runner.config.topology import read_topology
from tools.runner.errors import RunnerError

SECRETS_SUFFIX = ".secrets"


def back_up(run: RunDir, file: Path | None, *, with_secrets: bool) -> int:
    """Write a backup, and the secrets that belong to it into a file beside it."""
    began = time.monotonic()
    path = file or _default_file()
    secrets_path = path.with_name(path.name + SECRETS_SUFFIX)
    for each in (path, *([secrets_path] if with_secrets else [])):
        if each.exists():
            raise RunnerError(f"{each} exists already: name a new file")
    if run.unfinished_restore.exists():
        raise RunnerError(f"a restore into {run.path} was interrupted: run it again first")
    kind, store = running_store(run, apps_with_state())
    pictures = picture_folder(run)
    require_room(store.size() + folder_size(pictures), path.parent, run.path)
    with staging_folder(run) as staging:
        totals, moment = _gather(store, pictures, staging)
        secrets = secrets_of(SecretsFile(run.secrets))
        header = _header(run, kind, moment, fingerprints(secrets))
        if with_secrets:  # first: a backup that is there has its secrets beside it
            write_secrets(secrets_path, secrets)
        try:
            count = _write(path, header, totals, staging, moment)
        except BaseException:
            if with_secrets:
                secrets_path.unlink()
            raise
    waited = getattr(store, "barrier_seconds", None)
    print(f"{path}: {totals.documents} documents and {count} pictures, as of {header.created}")
    if waited is not None:
        print(f"writes waited {waited * 1000:.0f} ms; all took {time.monotonic() - began:.1f} s")
    if with_secrets:
        print(f"{secrets_path}: keep it apart; who has it can sign tokens of any user")
    return 0


def apps_with_state() -> list[str]:
    """Return the services that have a state store, with guests that are services of their own.

    A guest has documents from when it ran, whether it runs or not.
    """
    access = read_access(additions=known_access_files())
    return [name for name, own in access.items() if STATE_STORE in own.components]


def _default_file() -> Path:
    folder = REPO / "backups"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.tar"


def require_room(wanted: int, *folders: Path) -> None:
    """Raise RunnerError if a folder has too little room for a copy of everything."""
    for folder in folders:
        free = shutil.disk_usage(folder).free
        if free < wanted:
            raise RunnerError(
                f"{folder} has {free >> 20} MiB free, and the copy may need {wanted >> 20} MiB"
            )


@contextmanager
def staging_folder(run: RunDir) -> Iterator[Path]:
    """Give an empty folder for one backup at a time; remove it at the end."""
    with (run.path / "backup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunnerError(f"another backup of {run.path} is running") from None
        staging = run.backup_staging
        shutil.rmtree(staging, ignore_errors=True)  # of one that was killed
        staging.mkdir(mode=0o700)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _gather(store: CopiedStore, pictures: Path, staging: Path) -> tuple[DocumentTotals, float]:
    """Copy documents and link pictures; return also the moment of which they are."""
    link_pictures(pictures, staging / PICTURES)
    with store.snapshot() as documents:
        moment = time.time()
        link_pictures(pictures, staging / PICTURES)
        return write_documents(staging / STATE, documents), moment


def _header(run: RunDir, kind: str, moment: float, fingerprints: dict[str, str]) -> BackupHeader:
    return BackupHeader(
        id=random.token_hex(8),
        created=f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}",
        components=run.read_state().get("components") or read_topology().default_set,
        store=kind,
        fingerprints=fingerprints,
    )


def _write(
    path: Path, header: BackupHeader, totals: DocumentTotals, staging: Path, moment: float
) -> int:
    """Write the file under another name, and rename it when it is on disk. Returns the pictures."""
    partial = path.with_name(path.name + ".partial")
    count = 0
    partial.unlink(missing_ok=True)
    partial.touch(0o600)
    try:
        with partial.open("wb") as file:
            archive = ArchiveWriter(file, header)
            archive.contents.documents, archive.contents.state_size = (
                totals.documents,
                totals.size,
            )
            archive.add(STATE, staging / STATE)
            for name, picture in pictures_until(staging / PICTURES, moment):
                archive.contents.picture_size += archive.add(PICTURES + name, picture)
                count += 1
            archive.finish()
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return count
