"""The rules of the index of names."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.users.domain.name_index import (
    MAX_BUCKET_ENTRIES,
    MAX_KEY_CHARACTERS,
    IndexedNames,
    NameBucket,
    NameEntry,
    NameQuery,
    bucket_keys,
    index_entries,
    matches_query,
    rank_matches,
)
from services.users.domain.profiles import UserProfile, new_profile, tombstone


def profile(id: str, username: str, display_name: str = "") -> UserProfile:
    return replace(new_profile(id, username), display_name=display_name)


def found(text: str, *profiles: UserProfile) -> list[str]:
    buckets: dict[str, NameBucket] = {}
    for one in profiles:
        for entry in index_entries(one):
            first = bucket_keys(entry.term)[0]
            buckets[first] = buckets.get(first, NameBucket()).with_entry(entry)
    query = NameQuery.parse(text)
    exact = [one.id for one in profiles if one.username.lower() == query.handle]
    by_id = {one.id: one for one in profiles}
    ids = rank_matches(query, buckets, exact[0] if exact else "")
    assert all(matches_query(query, by_id[id]) for id in ids)
    return [by_id[id].username for id in ids]


def test_the_exact_username_comes_first_then_usernames_then_names() -> None:
    crowd = [
        profile("1", "zoe", "Anna Zoe"),
        profile("2", "annabel"),
        profile("3", "Anna"),
        profile("4", "annalisa", "Anna"),
        profile("5", "ben", "Ben"),
    ]
    assert found("anna", *crowd) == ["Anna", "annabel", "annalisa", "zoe"]
    assert found("@ANNA", *crowd) == ["Anna", "annabel", "annalisa", "zoe"]
    assert found("@anna@example.org", *crowd)[0] == "Anna"
    assert found("zo", *crowd) == ["zoe"]
    assert found("anna zo", *crowd) == ["zoe"]
    assert found("nobody", *crowd) == []
    assert found("  ", *crowd) == []
    assert found("!?", *crowd) == []


def test_accents_and_case_are_ignored() -> None:
    assert found("bergstrom", profile("1", "ab", "Anna Bergström")) == ["ab"]
    assert found("BERGSTRÖM", profile("1", "ab", "Anna bergstrom")) == ["ab"]
    assert found("山田", profile("1", "yamada", "山田太郎")) == ["yamada"]


def test_parts_of_names_match_in_scripts_without_spaces() -> None:
    yamada, other = profile("1", "yamada", "山田太郎 Taro"), profile("2", "anna", "Annabel")
    for part in ("山田", "太郎", "田", "郎", "山田太郎", "太郎 ta"):
        assert found(part, yamada, other) == ["yamada"], part
    assert found("郎太", yamada, other) == found("bel", yamada, other) == []


def test_hidden_accounts_match_their_exact_username_only() -> None:
    shy = replace(profile("1", "anna", "Anna"), discoverable=False)
    assert found("ann", shy) == []
    assert found("anna", shy) == ["anna"]
    assert index_entries(tombstone("1")) == ()


def test_a_bucket_is_bounded() -> None:
    bucket = NameBucket()
    for number in range(MAX_BUCKET_ENTRIES + 5):
        bucket = bucket.with_entry(NameEntry(str(number), "anna", handle=False))
    assert len(bucket.entries) == MAX_BUCKET_ENTRIES
    assert bucket.without(bucket.entries[0]).entries == bucket.entries[1:]


@given(st.text(alphabet="abc", min_size=1, max_size=12))
def test_the_buckets_of_a_prefix_contain_every_longer_term(term: str) -> None:
    for length in range(1, len(term) + 1):
        typed = term[:length]
        if length >= min(2, len(term)):
            assert set(bucket_keys(typed)) <= set(bucket_keys(term))
            assert bucket_keys(typed) == bucket_keys(term)[: len(bucket_keys(typed))]
    assert len(bucket_keys(term)) < MAX_KEY_CHARACTERS


def test_entries_are_recorded_before_and_cleared_after_an_update() -> None:
    old, new, newer = (NameEntry("1", term, handle=False) for term in ("old", "new", "newer"))
    before = IndexedNames((old,), 1, whole=True)
    begun = before.begin_update((new,), 2)
    assert begun.entries == (old, new)
    assert begun.finish_update((new,), 2) == IndexedNames((new,), 2, whole=True)
    overtaken = begun.begin_update((newer,), 3)
    assert overtaken.finish_update((new,), 2) == overtaken
    assert before.begin_update((old,), 5) == before
