"""Deleting an account deletes everything that it created."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import requests

from tests.e2e.page_assertions import await_page, ids, names
from tests.system import LoggedInUser, System, wait_until
from tests.system.browser import WebBrowser
from tests.system.users import PASSWORD


def test_who_deletes_their_account_leaves_nothing_behind(
    system: System, anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    theirs = ben.client.status_post("of ben's")
    shown = anna.upload(picture, description="gone soon")
    post = anna.client.status_post("with a picture", media_ids=[shown])
    secret = anna.client.status_post(f"@{ben.name} psst", visibility="direct")
    said = anna.client.status_post("a comment", in_reply_to_id=theirs)
    answer = ben.client.status_post("what others wrote stays", in_reply_to_id=said)
    anna.client.account_update_credentials(
        avatar=picture.read_bytes(), avatar_mime_type="image/jpeg"
    )
    avatar = anna.client.me().avatar
    anna.client.status_favourite(theirs)
    anna.client.status_bookmark(theirs)
    anna.client.account_follow(ben.id)
    ben.client.account_follow(anna.id)
    assert anna.toot("whoami")
    wait_until(lambda: ben.client.me().followers_count == 1)
    wait_until(lambda: ben.client.status(theirs.id).favourites_count == 1)
    wrong = anna.call("POST", "/api/v1/accounts/delete", json={"password": "wrong"})
    assert wrong.status_code == 403
    assert anna.call("POST", "/api/v1/accounts/delete", json={"password": PASSWORD}).ok

    me = "/api/v1/accounts/verify_credentials"
    wait_until(lambda: anna.call("GET", me).status_code == 401)
    for path in (
        f"/api/v1/accounts/{anna.id}",
        f"/api/v1/accounts/lookup?acct={anna.name}",
        f"/api/v1/statuses/{post.id}",
        f"/api/v1/statuses/{secret.id}",
        f"/api/v1/statuses/{said.id}",
    ):
        wait_until(partial(_is_missing, ben, path))
    for url in (shown.url, shown.preview_url, avatar):
        wait_until(partial(_is_gone, url))
    wait_until(lambda: ben.client.status(theirs.id).favourites_count == 0)
    wait_until(lambda: ben.client.me().followers_count == 0)
    wait_until(lambda: ben.client.me().following_count == 0)
    await_page(lambda: ben.client.status_context(theirs).descendants, [answer])
    wait_until(lambda: ben.client.status(answer).in_reply_to_id == theirs.id)
    wait_until(lambda: ben.client.status(theirs.id).replies_count == 1)
    assert anna.name not in names(ben.client.account_search(anna.name))
    assert ben.client.account_relationships(anna.id) == []
    with WebBrowser(system.base) as browser:
        page = browser.try_log_in(anna.app.authorize_url(), anna.name, PASSWORD)
    assert "do not match" in page.text


def _is_missing(reader: LoggedInUser, path: str) -> bool:
    return reader.call("GET", path).status_code == 404


def _is_gone(url: str) -> bool:
    return requests.get(url, timeout=60).status_code == 404


def test_a_replaced_avatar_is_removed(anna: LoggedInUser, picture: Path) -> None:
    def change() -> str:
        data = picture.read_bytes()
        anna.client.account_update_credentials(avatar=data, avatar_mime_type="image/jpeg")
        return str(anna.client.me().avatar)

    first = change()
    second = change()
    wait_until(partial(_is_gone, first))
    assert requests.get(second, timeout=60).ok
    anna.client.account_delete_avatar()
    wait_until(partial(_is_gone, second))


def test_boosts_and_pins_go_with_whoever_made_them_and_counts_are_right(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    carl = someone("carl")
    carl.client.account_follow(ben.id)
    carl.client.account_follow(anna.id)
    theirs, kept = ben.client.status_post("of ben's"), ben.client.status_post("also of ben's")
    post = anna.client.status_post("on top")
    private = anna.client.status_post("for friends", visibility="private")
    anna.client.status_pin(post.id)
    boosts = [
        anna.client.status_reblog(theirs.id),
        anna.client.status_reblog(private.id),
        ben.client.status_reblog(post.id),
    ]
    carl.client.status_reblog(theirs.id)
    ben.client.status_pin(kept.id)
    wait_until(lambda: ben.client.status(theirs.id).reblogs_count == 2)
    wait_until(lambda: ben.client.me().statuses_count == 3)
    wait_until(lambda: len(carl.client.timeline_home()) == 4)
    assert anna.call("POST", "/api/v1/accounts/delete", json={"password": PASSWORD}).ok

    for id in [str(each.id) for each in (post, private, *boosts)]:
        wait_until(partial(_is_missing, carl, f"/api/v1/statuses/{id}"))
    wait_until(lambda: ben.client.status(theirs.id).reblogs_count == 1)
    wait_until(lambda: names(ben.client.status_reblogged_by(theirs.id)) == [carl.name])
    wait_until(lambda: ben.client.me().statuses_count == 2)
    wait_until(lambda: ids(carl.client.account_statuses(ben.id)) == ids([kept, theirs]))
    await_page(carl.client.timeline_home, [kept, theirs])
    assert ids(carl.client.account_statuses(ben.id, pinned=True)) == [str(kept.id)]
    wait_until(lambda: not [n for n in ben.client.notifications() if str(n.account.id) == anna.id])
    missing = carl.call("GET", f"/api/v1/accounts/{anna.id}/statuses?pinned=true")
    assert missing.status_code == 404 or missing.json() == []
