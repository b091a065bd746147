from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.sessions import (
    MAX_SESSIONS,
    SessionRecord,
    SessionRecords,
    TooManySessions,
    clean_user_agent,
)
from services.contracts.logins import MAX_USER_AGENT_CHARACTERS, WEB_CLIENT_ID


def record(number: int, *, created_at: int = 10, expires_at: int = 1_000) -> SessionRecord:
    return SessionRecord(str(number), "app", created_at, expires_at)


def full() -> SessionRecords:
    return SessionRecords([record(number) for number in range(MAX_SESSIONS)])


def ids(records: list[SessionRecord]) -> list[str]:
    return [one.token_id for one in records]


def test_expired_and_revoked_tokens_are_not_valid() -> None:
    kept = SessionRecords([record(1, expires_at=20), record(2, created_at=5), record(3)])
    assert ids(kept.valid(now=19, tokens_from=0)) == ["1", "2", "3"]
    assert ids(kept.valid(now=20, tokens_from=0)) == ["2", "3"]
    assert ids(kept.valid(now=20, tokens_from=6)) == ["3"]


def test_the_oldest_must_be_revoked_before_a_full_list_takes_another() -> None:
    kept = full()
    with pytest.raises(TooManySessions):
        kept.add(record(99), (), 10, 0)
    surplus = ids(kept.surplus(10, 0))
    assert surplus == ["0"]
    after = kept.add(record(99), surplus, 10, 0)
    assert ids(after.records) == [*(str(n) for n in range(1, MAX_SESSIONS)), "99"]
    assert ids(after.surplus(10, 0)) == ["1"]


def test_what_is_no_longer_valid_makes_place() -> None:
    kept = full()
    assert kept.surplus(10, tokens_from=11) == []
    assert ids(kept.add(record(99, created_at=11), (), 10, 11).records) == ["99"]
    assert kept.surplus(1_000, 0) == []


def test_a_repeated_addition_adds_once() -> None:
    once = SessionRecords().add(record(1), (), 10, 0)
    assert once.add(record(1), (), 10, 0) == once
    assert once.remove("1").records == []
    assert once.remove("2") == once


def test_the_kind_follows_from_the_client() -> None:
    kinds = [SessionRecord("1", client, 0, 1).kind for client in ("", WEB_CLIENT_ID, "other")]
    assert kinds == ["archive", "web", "app"]


def test_a_user_agent_is_one_line_of_visible_text() -> None:
    assert clean_user_agent(" a\x00\r\nb\u202e\u200b c\td ") == "a b c d"
    assert clean_user_agent("x" * 500) == "x" * MAX_USER_AGENT_CHARACTERS


@given(st.text())
def test_any_user_agent_is_bounded_and_printable(text: str) -> None:
    cleaned = clean_user_agent(text)
    assert len(cleaned) <= MAX_USER_AGENT_CHARACTERS
    assert cleaned == "" or cleaned.isprintable()
    assert clean_user_agent(cleaned) == cleaned.strip()
