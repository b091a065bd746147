"""Methods of Mastodon.py and commands of `toot` that no other test uses.

tests/unit/test_clients_covered.py sees to it that none is left out.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from mastodon import Mastodon, MastodonError, MastodonNotFoundError

from tests.e2e.page_assertions import await_page, ids, names
from tests.system import ClientApplication, LoggedInUser, System, WebBrowser, wait_until
from tests.system.checked_session import CheckedSession
from tests.system.streams import mastodon_listener
from tests.system.toot import TootError
from tests.system.users import OOB, SCOPES


def test_the_place_introduces_itself_in_every_way(system: System, anna: LoggedInUser) -> None:
    client = anna.client
    assert client.instance().domain == client.instance_v2().domain
    assert client.instance_v1().uri in system.base
    assert client.instance_health() is True
    assert client.instance_nodeinfo().software.name == "microgram"
    assert [rule.id for rule in client.instance_rules()][:2] == ["1", "2"]
    assert client.instance_extended_description().content.startswith("<p>")
    assert [language.code for language in client.instance_languages()] == ["en"]
    assert len(client.instance_activity()) == 12
    assert client.instance_peers() == client.instance_domain_blocks() == []
    assert client.instance_translation_languages() == {}
    with pytest.raises(MastodonNotFoundError):
        client.instance_terms_of_service()
    assert client.oauth_authorization_server_info() == {}, "over plain http there is none"
    assert client.retrieve_mastodon_version() == "4.3.0"
    assert client.verify_minimum_version("4.3.0") is True
    assert str(client.get_approx_server_time()) > "2020"


def test_what_nothing_stands_behind_is_empty(anna: LoggedInUser, ben: LoggedInUser) -> None:
    client = anna.client
    post = client.status_post("hello")
    assert client.lists() == client.account_lists(ben.id) == []
    assert client.filters() == client.filters_v2() == []
    assert client.announcements() == client.custom_emojis() == client.conversations() == []
    assert client.featured_tags() == client.featured_tag_suggestions() == []
    assert client.account_featured_tags(anna.id) == client.endorsements() == []
    assert client.domain_blocks() == client.scheduled_statuses() == client.trending_links() == []
    assert client.status_card(post) is None


def test_an_application_is_made_logged_in_with_and_logged_out_of(
    system: System, anna: LoggedInUser
) -> None:
    id, secret = Mastodon.create_app(
        "by hand", scopes=SCOPES, api_base_url=system.base, session=CheckedSession()
    )
    client = ClientApplication(system.base, id, secret).client()
    url = client.auth_request_url(redirect_uris=OOB, scopes=SCOPES)
    with WebBrowser(system.base) as browser:
        code = browser.log_in(url, anna.email, anna.password)
    token = client.log_in(code=code, redirect_uri=OOB, scopes=SCOPES)
    assert client.app_verify_credentials().name == "by hand"
    assert str(client.account_verify_credentials().id) == anna.id
    assert token in client.persistable_login_credentials()  # type: ignore[no-untyped-call]
    client.revoke_access_token()

    def is_refused() -> bool:
        reply = system.get(
            "/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {token}"}
        )
        return reply.status_code == 401

    wait_until(is_refused)


def test_people_are_read_noted_and_listed_together(anna: LoggedInUser, ben: LoggedInUser) -> None:
    client = anna.client
    assert ids(client.accounts([ben.id, anna.id])) == [ben.id, anna.id]
    assert client.account_note_set(ben.id, "from school").note == "from school"
    assert client.preferences().posting_default_visibility == "public"
    assert client.account_delete_header().header.endswith(".png")
    wait_until(lambda: ben.name in names(client.directory(order="new", limit=80)))
    assert anna.id not in ids(one.account for one in client.suggestions_v2())
    assert client.search_v2(f"@{ben.name}").accounts[0].username == ben.name


def test_posts_are_boosted_pinned_and_read_together(anna: LoggedInUser, ben: LoggedInUser) -> None:
    client = anna.client
    one, two = client.toot("one"), client.status_post("two")
    assert ids(client.statuses([one.id, two.id])) == ids([one, two])
    assert client.status_pin(one).pinned is True
    wait_until(lambda: ids(client.account_statuses(anna.id, pinned=True)) == ids([one]))
    assert client.status_unpin(one).pinned is False
    ben.client.status_reblog(one.id)
    wait_until(lambda: names(client.status_reblogged_by(one)) == [ben.name])
    ben.client.status_unreblog(one.id)
    wait_until(lambda: client.status_reblogged_by(one) == [])


def test_pages_are_walked_in_every_way(anna: LoggedInUser) -> None:
    client = anna.client
    posts = [client.status_post(str(number)) for number in range(5)][::-1]
    await_page(lambda: client.timeline(), posts)
    first = client.timeline_home(limit=2)
    assert client.get_pagination_info(first, "next") is not None
    assert ids(client.fetch_remaining(first)) == ids(posts)
    assert ids(islice(client.pagination_iterator(first), 5)) == ids(posts)
    pages = list(islice(client.pagination_page_iterator(first), 3))
    assert [ids(page) for page in pages] == [ids(posts[:2]), ids(posts[2:4]), ids(posts[4:])]
    wait_until(lambda: set(ids(posts)) <= set(ids(client.timeline_local(limit=40))))
    assert client.timeline_is_available("home") is True


def test_what_trends_can_be_asked_for_in_every_way(anna: LoggedInUser) -> None:
    assert isinstance(anna.client.trends(), list)
    assert isinstance(anna.client.trending_tags(), list)
    assert isinstance(anna.client.trending_statuses(), list)


def test_the_description_of_a_picture_is_changed_with_its_post(
    anna: LoggedInUser, picture: Path
) -> None:
    client = anna.client
    media = anna.upload(picture)
    assert len(client.decode_blurhash(media)) > 1
    post = client.status_post("look", media_ids=[media])
    attributes = client.generate_media_edit_attributes(media.id, description="a boat")
    edited = client.status_update(post, "look", media_attributes=[attributes])
    assert edited.media_attachments[0].description == "a boat"


def test_streams_of_every_kind_begin(anna: LoggedInUser) -> None:
    with mastodon_listener(anna, "local") as local, mastodon_listener(anna, "direct") as direct:
        post = anna.client.status_post("for everybody")
        local.received("update", lambda status: status.id == post.id)
        assert direct.events == []


def test_toot_boosts_and_pins(anna: LoggedInUser) -> None:
    post = anna.toot.json("post", "look at this")["id"]
    anna.toot("reblog", post)
    wait_until(lambda: anna.name in anna.toot("reblogged-by", post))
    anna.toot("unreblog", post)
    anna.toot("pin", post)
    wait_until(lambda: ids(anna.client.account_statuses(anna.id, pinned=True)) == [post])
    anna.toot("unpin", post)
    wait_until(lambda: anna.client.account_statuses(anna.id, pinned=True) == [])


def test_toot_shows_what_trends_and_what_it_runs_on(anna: LoggedInUser) -> None:
    assert isinstance(anna.toot.json("timelines", "trending"), list)
    assert "toot 0." in anna.toot("diag")


def test_toot_turns_a_request_to_follow_down(anna: LoggedInUser, ben: LoggedInUser) -> None:
    anna.client.account_update_credentials(locked=True)
    ben.client.account_follow(anna.id)
    wait_until(lambda: ben.name in anna.toot("follow-requests", "list"))
    anna.toot("follow-requests", "reject", ben.name)
    wait_until(lambda: ben.name not in anna.toot("follow-requests", "list"))
    assert ben.client.account_relationships(anna.id)[0].requested is False


def test_toot_changes_between_two_accounts(anna: LoggedInUser, ben: LoggedInUser) -> None:
    anna.toot.log_in(ben.email, ben.password)
    assert anna.toot.json("whoami")["username"] == ben.name
    listed = [line.split()[1] for line in anna.toot("auth").splitlines() if "@" in line]
    anna.toot("activate", next(line for line in listed if line.startswith(anna.name)))
    assert anna.toot.json("whoami")["username"] == anna.name


def test_toot_gets_an_error_for_what_is_not_offered(anna: LoggedInUser) -> None:
    with pytest.raises(TootError, match="not supported"):
        anna.toot("tags", "feature", "sea")
    with pytest.raises(TootError, match="not supported"):
        anna.toot("lists", "create", "friends")
    with pytest.raises(MastodonError, match="not supported"):
        anna.client.status_mute(anna.client.status_post("hello"))
