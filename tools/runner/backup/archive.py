"""The file of a backup: a tar with a header first, checksums last, and nothing secret.

    microgram-backup.json   the header: format, id, time, component set, kind of store
    state.ndjson.gz         documents, one a line (documents.py)
    blobs/NAME              pictures
    contents.json           SHA-256 of each of these, and how much there is

A file is complete when it has its name: it is written under another one, and renamed. One that was
damaged or cut off later is found before anything is restored from it.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tools.runner.errors import RunnerError

FORMAT = 1
HEADER, STATE, CONTENTS, PICTURES = (
    *("microgram-backup.json", "state.ndjson.gz", "contents.json"),
    "blobs/",
)
_CHUNK = 1 << 20
_MAX_HEADER = 1 << 16


@dataclass(frozen=True)
class BackupHeader:
    """What a backup is of. `fingerprints` tell whether secrets belong to it, and reveal none."""

    id: str
    created: str
    components: str
    store: str
    fingerprints: dict[str, str]
    format: int = FORMAT


@dataclass
class BackupContents:
    """What a backup holds: SHA-256 by member, documents, and bytes when they are unpacked."""

    files: dict[str, str] = field(default_factory=dict)
    documents: int = 0
    state_size: int = 0
    picture_size: int = 0


class ArchiveWriter:
    """Writes the members of a backup, and their checksums at the end."""

    def __init__(self, file: IO[bytes], header: BackupHeader) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w")
        self.contents = BackupContents()
        self._add_json(HEADER, asdict(header))

    def add(self, name: str, path: Path) -> int:
        """Add a file, and return its size."""
        with path.open("rb") as file:
            size = path.stat().st_size
            self._add(name, file, size)
        return size

    def finish(self) -> None:
        """Write the checksums."""
        self._add_json(CONTENTS, asdict(self.contents))
        self._tar.close()

    def _add_json(self, name: str, value: object) -> None:
        raw = json.dumps(value).encode()
        self._add(name, io.BytesIO(raw), len(raw))

    def _add(self, name: str, file: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        reader = _HashingReader(file)
        self._tar.addfile(info, reader)
        self.contents.files[name] = reader.digest.hexdigest()


class _HashingReader:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


@dataclass(frozen=True)
class Archive:
    """A backup that was read completely, and is what was written."""

    path: Path
    header: BackupHeader
    contents: BackupContents

    @classmethod
    def verify(cls, path: Path) -> Archive:
        """Read all of a backup. Raises RunnerError if it is damaged, cut off, or no backup."""
        try:
            with tarfile.open(path, "r:") as tar:
                header = _read_header(path, tar)
                found, contents = _checksums(tar)
        except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
            raise RunnerError(f"{path} is damaged, or no backup: {error or 'cut off'}") from None
        if contents is None:
            raise RunnerError(f"{path} is cut off: its end is missing. Nothing was changed")
        wrong = sorted(
            name
            for name in found.keys() | contents.files
            if found.get(name) != contents.files.get(name)
        )
        if wrong:
            raise RunnerError(f"{path} is damaged ({', '.join(wrong[:3])}). Nothing was changed")
        return cls(path, header, contents)

    @contextmanager
    def open_state(self) -> Iterator[IO[bytes]]:
        """Give the compressed documents."""
        with tarfile.open(self.path, "r:") as tar:
            file = tar.extractfile(STATE)
            assert file is not None  # noqa: S101 (for mypy: it was verified)
            yield file

    def extract_pictures(self, folder: Path, write: Callable[[Path, IO[bytes]], None]) -> None:
        """Pass the path in a folder, and the bytes, of each picture."""
        with tarfile.open(self.path, "r:") as tar:
            for member in tar:
                if member.name.startswith(PICTURES) and (file := tar.extractfile(member)):
                    write(folder / member.name.removeprefix(PICTURES), file)


def _read_header(path: Path, tar: tarfile.TarFile) -> BackupHeader:
    first = tar.next()
    if first is None or first.name != HEADER or first.size > _MAX_HEADER:
        raise RunnerError(f"{path} is no backup of Microgram")
    raw = json.loads(_content(tar, first))
    if raw.get("format") != FORMAT:
        raise RunnerError(
            f"{path} has format {raw.get('format')}, and this runner reads format {FORMAT}: use "
            "the release that wrote it, or a newer one"
        )
    return BackupHeader(**raw)


def _checksums(tar: tarfile.TarFile) -> tuple[dict[str, str], BackupContents | None]:
    """Return the checksum of each member, and what the last one says that they are."""
    found: dict[str, str] = {}
    contents: BackupContents | None = None
    for member in tar:
        if contents is not None or not _is_allowed(member):
            raise ValueError(f"it holds {member.name!r}")
        if member.name == CONTENTS:
            contents = BackupContents(**json.loads(_content(tar, member)))
        else:
            found[member.name] = _digest(tar, member)
    return found, contents


def _is_allowed(member: tarfile.TarInfo) -> bool:
    parts = PurePosixPath(member.name).parts
    is_named = member.name in (HEADER, STATE, CONTENTS) or member.name.startswith(PICTURES)
    return member.isfile() and is_named and ".." not in parts and not member.name.startswith("/")


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    digest, left = hashlib.sha256(), member.size
    file: Any = tar.extractfile(member)
    while data := file.read(_CHUNK):
        digest.update(data)
        left -= len(data)
    if left:
        raise EOFError
    return digest.hexdigest()


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file: Any = tar.extractfile(member)
    return bytes(file.read())
