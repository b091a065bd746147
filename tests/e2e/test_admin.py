"""An admin suspends an account, and lifts the suspension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mastodon import Mastodon
from mastodon.errors import MastodonError

from tests.system import ClientApplication, LoggedInUser, System, wait_until
from tests.system.users import SCOPES

OVERSIGHT = [*SCOPES, "admin:read", "admin:write"]


@pytest.fixture
def judge(system: System) -> Mastodon:
    """An account that the operator made an admin."""
    person = system.register("judge")
    assert person.name in system.command("admin", person.name)
    app = ClientApplication.register(system.base, "moderation", OVERSIGHT)
    client = app.client(person.token_for(app))
    wait_until(lambda: client.me().role.name == "Admin")
    return client


def gone(client: Mastodon, post: str) -> bool:
    """Return whether a post is invisible to a user."""
    try:
        client.status(post)
    except MastodonError:
        return True
    return False


def test_who_is_suspended_is_out_and_out_of_sight_and_comes_back_whole(
    judge: Mastodon, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    ben.client.account_follow(anna.id)
    anna.client.account_update_credentials(note="hello")
    post = str(anna.client.status_post("the sea").id)
    wait_until(lambda: [str(s.id) for s in ben.client.timeline_home()] == [post])
    judge.admin_account_moderate(anna.id, action="suspend")
    wait_until(lambda: anna.call("GET", "/api/v1/timelines/home").status_code == 401)
    wait_until(lambda: ben.client.timeline_home() == [])
    wait_until(lambda: gone(ben.client, post))
    wait_until(lambda: bool(ben.client.account(anna.id).suspended))
    assert ben.client.account(anna.id).note == ""
    assert judge.admin_account(anna.id).suspended
    with pytest.raises(AssertionError):
        anna.token_for(anna.app)
    judge.admin_account_unsuspend(anna.id)
    wait_until(lambda: [str(s.id) for s in ben.client.timeline_home()] == [post])
    wait_until(lambda: not gone(ben.client, post))
    wait_until(lambda: "hello" in ben.client.account(anna.id).note)
    assert anna.app.client(anna.token_for(anna.app)).me().username == anna.name


def test_an_admin_removes_a_post(judge: Mastodon, anna: LoggedInUser, ben: LoggedInUser) -> None:
    post = str(anna.client.status_post("bad").id)
    judge.status_delete(post)
    wait_until(lambda: gone(anna.client, post))
    wait_until(lambda: ben.client.account_statuses(anna.id) == [])


def test_who_is_no_admin_may_not(anna: LoggedInUser, ben: LoggedInUser, system: System) -> None:
    app = ClientApplication.register(system.base, "moderation", OVERSIGHT)
    client = app.client(anna.token_for(app))
    assert client.me().role.name == ""
    acts: list[Callable[[], Any]] = [
        lambda: client.admin_account(ben.id),
        lambda: client.admin_account_moderate(ben.id, action="suspend"),
        lambda: client.admin_account_unsuspend(ben.id),
    ]
    for act in acts:
        with pytest.raises(MastodonError):
            act()
    assert not ben.client.me().suspended


def test_the_role_can_be_taken_and_its_tokens_with_it(system: System, judge: Mastodon) -> None:
    system.command("admin", str(judge.me().username), "--remove")

    def refused() -> bool:
        try:
            judge.me()
        except MastodonError:
            return True
        return False

    wait_until(refused)


def test_a_report_is_made_seen_and_dealt_with(
    judge: Mastodon, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    post = anna.client.status_post("bad")
    made = ben.client.report(
        anna.id, status_ids=[post.id], comment="Look.", category="violation", rule_ids=["2"]
    )
    (seen,) = judge.admin_reports(target_account_id=anna.id)
    assert (seen.id, seen.comment, seen.account.id) == (made.id, "Look.", ben.client.me().id)
    assert [str(status.id) for status in seen.statuses] == [str(post.id)]
    assert judge.admin_report_assign(made.id).assigned_account.id == judge.me().id
    assert judge.admin_report_unassign(made.id).assigned_account is None
    assert judge.admin_report_resolve(made.id).action_taken
    assert judge.admin_reports(target_account_id=anna.id) == []
    (seen,) = judge.admin_reports(resolved=True, target_account_id=anna.id)
    assert not judge.admin_report_reopen(seen.id).action_taken
    assert judge.admin_report(seen.id).id == made.id
    with pytest.raises(MastodonError):
        ben.client.admin_reports()
