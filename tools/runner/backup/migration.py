"""The record of a migration of state, and the comparison of both stores after it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

from tools.runner.backup.documents import StoredDocument
from tools.runner.backup.stores import place_of
from tools.runner.config.paths import RunDir, write_private
from tools.runner.errors import RunnerError

_ROUNDING = 2.0
"""Seconds by which the end of a key may differ: stores keep whole seconds."""

_SHOWN = 3


@dataclass(frozen=True)
class Migration:
    """A migration from one component set to another: where state was, and where it goes.

    Until it is complete, the documents are at `source`; from then on at `target`.
    """

    source_set: str
    target_set: str
    source: str
    target: str
    is_complete: bool = False

    @classmethod
    def between(cls, source_set: str, target_set: str, run: RunDir) -> Migration:
        """Return a migration that has not begun. Raises RunnerError if there is nothing to move."""
        source, target = place_of(source_set, run), place_of(target_set, run)
        if source == target:
            raise RunnerError(
                f'"{source_set}" and "{target_set}" keep their state in the same place ({source}): '
                f"start it with up --components {target_set}"
            )
        return cls(source_set, target_set, source, target)

    @classmethod
    def last(cls, run: RunDir) -> Migration | None:
        """Return the last one of a run directory, complete or not."""
        if not run.migration.exists():
            return None
        return cls(**json.loads(run.migration.read_text()))

    def continues(self, last: Migration | None) -> bool:
        """Return whether another one was the same, and was interrupted."""
        if last is None or last.is_complete:
            return False
        return (last.source, last.target) == (self.source, self.target)

    def record(self, run: RunDir, *, is_complete: bool) -> None:
        """Store how far it is, atomically."""
        write_private(run.migration, json.dumps(asdict(replace(self, is_complete=is_complete))))


def require_current(set_name: str, run: RunDir) -> None:
    """Raise RunnerError if the documents of a run directory are not where a set would look."""
    last = Migration.last(run)
    if last is None:
        return
    place = place_of(set_name, run)
    if place == last.target and not last.is_complete:
        raise RunnerError(
            f"the migration from {last.source_set} to {last.target_set} was interrupted: run it "
            f"again, or start with --components {last.source_set}, whose state is unchanged"
        )
    if place == last.source and last.is_complete:
        raise RunnerError(
            f"the state was migrated to {last.target_set}: start with --components "
            f"{last.target_set}. What is in {place} is as it was then; to go back to that and "
            f"leave what came later, remove {run.migration}"
        )


class CopyComparison:
    """What one store gave: the digest of each document by key, and when it ends.

    It needs about 250 bytes of memory for each (243, with keys of 41 characters).
    """

    def __init__(self) -> None:
        self._expected: dict[str, tuple[bytes, float | None]] = {}
        self._began = time.time()

    def __len__(self) -> int:
        return len(self._expected)

    def note(self, documents: Iterable[StoredDocument]) -> Iterator[StoredDocument]:
        """Pass documents on, and remember them."""
        for each in documents:
            self._expected[each.key] = (_digest(each), _end(each))
            yield each

    def compare(self, documents: Iterable[StoredDocument]) -> None:
        """Raise RunnerError unless another store, filled since then, has the same documents.

        A key does not end sooner, and later at most by the time that this has taken.
        """
        late = time.time() - self._began + _ROUNDING
        missing, wrong = set(self._expected), []
        for each in documents:
            missing.discard(each.key)
            digest, end = self._expected.get(each.key, (b"", None))
            if digest != _digest(each) or not _ends_alike(end, _end(each), late):
                wrong.append(each.key)
        now = time.time()
        lost = [key for key in missing if (self._expected[key][1] or now + 1) > now]
        if lost or wrong:
            few = ", ".join(sorted([*lost, *wrong])[:_SHOWN])
            raise RunnerError(
                f"{len(lost)} documents are missing in the new store, and {len(wrong)} are not "
                f"those of the old one: {few}. The old one is unchanged"
            )


def _digest(document: StoredDocument) -> bytes:
    return hashlib.blake2b(document.value, digest_size=16).digest()


def _end(document: StoredDocument) -> float | None:
    return None if document.ttl is None else time.time() + document.ttl


def _ends_alike(before: float | None, after: float | None, late: float) -> bool:
    if before is None or after is None:
        return before is after
    return -_ROUNDING <= after - before <= late
