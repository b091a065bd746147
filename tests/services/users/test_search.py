"""The search for accounts."""

from __future__ import annotations

import pytest

from tests.services.users.harness import UsersDeployment, search


async def test_accounts_are_found_by_username_and_by_name(users: UsersDeployment) -> None:
    anna, ben, annabel = await users.new_users("anna", "ben", "annabel")
    await ben.ask("PATCH", "/accounts/me", json={"display_name": "Benno Anders"})
    await users.cluster.settle()
    before = users.calls()
    assert await search(anna, "@anna") == ["anna", "annabel"]
    assert users.calls() - before == 2
    assert await search(anna, "and") == ["ben"]
    assert await search(anna, "an") == ["anna", "annabel", "ben"]
    assert await search(anna, "an", limit="1", offset="1") == ["annabel"]
    await ben.ask("PATCH", "/accounts/me", json={"display_name": "Carl"})
    assert await search(anna, "and") == []  # even before the index is updated
    await users.cluster.settle()
    assert await search(anna, "carl") == ["ben"]
    assert users.cluster.state("users").peek("bucket:an")["data"]["entries"] == [
        {"id": id, "term": term, "handle": True}
        for id, term in ((anna.id, "anna"), (annabel.id, "annabel"))
    ]
    await ben.ask("PATCH", "/accounts/me", json={"discoverable": False})
    assert await search(anna, "be") == []
    assert await search(anna, "ben") == ["ben"]
    assert await search(anna, "") == []


async def test_longer_queries_find_accounts_beyond_full_buckets(
    users: UsersDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.users.domain.name_index.MAX_BUCKET_ENTRIES", 5)
    accounts = await users.new_users(*(f"anna{n:03}" for n in range(20)))
    assert len(await search(accounts[0], "an")) == 5
    assert len(await search(accounts[0], "anna")) == 15
    assert len(await search(accounts[0], "anna00")) == 10
    for user in accounts:
        assert await search(user, user.username) == [user.username]
