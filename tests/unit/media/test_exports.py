"""The rules of archives, and the ZIP format."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from services.chassis.errors import RateLimited
from services.media.exports import domain, zip_writer
from services.media.exports.domain import ExportPart, ExportPosition, ExportRecord

WHEN = (2026, 11, 21, 9, 30, 58)
NOW = 1_800_000_000.0


def archive(files: dict[str, bytes], *, compress: bool) -> bytes:
    data, entries = b"", []
    for name, body in files.items():
        packed, entry = zip_writer.pack(name, body, len(data), WHEN, compress=compress)
        data += packed
        entries.append(entry)
    return data + zip_writer.directory(entries, len(data), WHEN)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize(
    "files", [{}, {"a.json": b""}, {"a.json": b"[1]" * 999, "pictures/b.jpg": bytes(range(256))}]
)
def test_an_archive_is_a_valid_zip(files: dict[str, bytes], compress: bool) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(files, compress=compress))) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == files
        assert all(info.date_time == WHEN for info in opened.infolist())


def test_a_large_archive_is_a_valid_zip64(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a 32-bit limit of 100, offsets move to the ZIP64 fields."""
    files = {f"{n}.json": b"x" * 50 for n in range(9)}
    plain = archive(files, compress=False)
    monkeypatch.setattr(zip_writer, "_MAX_32", 100)
    far = archive(files, compress=False)
    assert b"PK\x06\x06" in far
    assert b"PK\x06\x06" not in plain
    monkeypatch.undo()
    entries = [zip_writer.ZipEntry(f"{n}", 0, 0, 0, 0, (1 << 33) + n) for n in range(70_000)]
    tail = zip_writer.directory(entries, 1 << 34, WHEN)
    sparse = _Sparse(1 << 34, tail)
    with zipfile.ZipFile(sparse) as opened:
        infos = opened.infolist()
    assert len(infos) == 70_000
    assert infos[-1].header_offset == (1 << 33) + 69_999


class _Sparse(io.RawIOBase):
    """A file that is empty except for its last bytes."""

    def __init__(self, hole: int, tail: bytes) -> None:
        self._hole, self._tail, self._at = hole, tail, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + {0: 0, 1: self._at, 2: self._hole + len(self._tail)}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        start = self._at - self._hole
        assert start >= 0, "nobody may read the hole"
        data = self._tail[start:] if size < 0 else self._tail[start : start + size]
        self._at += len(data)
        return data


def running(**more: Any) -> ExportRecord:
    return replace(ExportRecord("1", "running", NOW, holder="a", held_until=NOW + 60), **more)


def test_a_user_has_one_archive_at_a_time_and_one_a_day() -> None:
    first = domain.request(None, "1", NOW)
    assert domain.request(first, "2", NOW + 5) is first
    ready = replace(first, state="ready", finished=NOW + 9)
    with pytest.raises(RateLimited, match="24 hours"):
        domain.request(ready, "2", NOW + 10)
    again = domain.request(ready, "2", NOW + domain.REQUEST_INTERVAL)
    assert (again.id, again.state) == ("2", "running")


def test_a_failed_archive_may_be_requested_again_at_once() -> None:
    failed = domain.mark_swept(domain.end(running(tries=3), "failed"), 3)
    assert failed.state == "failed"
    assert domain.request(failed, "2", NOW + 1).state == "running"


def test_only_one_replica_holds_the_lease() -> None:
    mine = domain.lease(running(holder="", held_until=0.0), "a", NOW)
    assert domain.lease(mine, "b", NOW + domain.LEASE_TTL - 1) is mine
    theirs = domain.lease(mine, "b", NOW + domain.LEASE_TTL)
    assert theirs.holder == "b"
    assert domain.begin_part(theirs, "a", NOW + domain.LEASE_TTL) is theirs
    assert domain.renew(theirs, "a", NOW + domain.LEASE_TTL) is theirs


def test_a_renewed_lease_is_held_for_longer() -> None:
    mine = domain.lease(running(holder="", held_until=0.0), "a", NOW)
    renewed = domain.renew(mine, "a", NOW + 10)
    assert domain.lease(renewed, "b", NOW + domain.LEASE_TTL + 9) is renewed
    assert domain.lease(renewed, "b", NOW + domain.LEASE_TTL + 10).holder == "b"
    done = replace(mine, state="ready")
    assert domain.renew(done, "a", NOW + 10) is done


def test_a_part_is_added_once_and_only_to_its_own_archive() -> None:
    begun = domain.begin_part(running(), "a", NOW)
    piece = ExportPart(begun.tries, 10, ExportPosition(1), records=2)
    done = domain.add_part(begun, piece, NOW)
    assert (done.parts, done.size, done.records) == ((1,), 10, 2)
    later = domain.begin_part(done, "b" if done.holder == "b" else "a", NOW)
    assert domain.add_part(later, piece, NOW) is later
    over = domain.end(later, "failed")
    assert domain.add_part(over, ExportPart(later.tries, 10, ExportPosition(2)), NOW) is over
    anew = domain.request(domain.mark_swept(over, over.tries), "2", NOW)
    assert domain.add_part(anew, ExportPart(later.tries, 10, ExportPosition(2)), NOW) is anew


def test_only_parts_of_earlier_archives_are_removed() -> None:
    ready = running(state="ready", tries=4, parts=(1, 2, 4), finished=NOW)
    anew = domain.request(ready, "2", NOW + domain.REQUEST_INTERVAL)
    begun = domain.begin_part(domain.lease(anew, "a", NOW * 2), "a", NOW * 2)
    assert list(domain.leftover_parts(anew)) == [1, 2, 3, 4, 5]
    assert begun.tries == 6
    assert not domain.leftover_parts(domain.mark_swept(anew, 5))
    gone = domain.end(domain.mark_swept(begun, 5), "gone")
    assert list(domain.leftover_parts(gone)) == [6]
    rest = domain.mark_swept(gone, 6)
    assert (rest.state, rest.parts, list(domain.leftover_parts(rest))) == ("gone", (), [])


def test_failures_are_retried_with_backoff_until_the_archive_fails() -> None:
    once = domain.retry_later(running(), "a", NOW)
    twice = domain.retry_later(replace(once, holder="a"), "a", NOW)
    assert (once.held_until, twice.held_until) == (NOW + 1, NOW + 2)
    late = domain.retry_later(running(), "a", NOW + domain.RETRY_TIMEOUT + 1)
    assert (late.state, late.ending) == ("ending", "failed")


def test_an_unfinished_archive_with_an_older_schema_starts_again() -> None:
    place = ExportPosition(14, after="9", page=2)
    old = running(tries=7, swept=2, stale=2, parts=(3, 4, 7), size=99, records=5, place=place)
    adapter = TypeAdapter(ExportRecord)
    lifted = adapter.validate_python(domain.upgrade_from_1(adapter.dump_python(old, mode="json")))
    assert (lifted.id, lifted.state, lifted.requested) == (old.id, "running", NOW)
    assert (lifted.place, lifted.parts, lifted.size, lifted.records) == (ExportPosition(), (), 0, 0)
    assert list(domain.leftover_parts(lifted)) == [3, 4, 5, 6, 7, 8]
    assert domain.add_part(lifted, ExportPart(7, 10, ExportPosition(15)), NOW) is lifted
    ready = adapter.dump_python(replace(old, state="ready"), mode="json")
    assert domain.upgrade_from_1(ready) is ready


def test_progress_only_grows() -> None:
    steps = [
        ExportPosition(0),
        ExportPosition(1),
        ExportPosition(1, done=5, total=10),
        ExportPosition(2),
        ExportPosition(3, done=9, total=9),
    ]
    shown = [running(place=place).progress(4) for place in steps]
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[-1] < 100 == running(state="ready").progress(4)
