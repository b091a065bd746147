"""Every actor, visibility and route: no route reveals a post to a user who may not see it.

`matrix.py` has the people, the posts and the rule. Each route of the gateway that may tell of posts
is in one of the tables here; `tests/unit/gateway/test_visibility_matrix.py` fails for one that is
in none.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from operator import is_
from typing import Any

import pytest
import requests

from tests.e2e.visibility_matrix import (
    ACTORS,
    EVERYBODY,
    REFUSED,
    STREAMING,
    STREAMS,
    WHO_SEES,
    MatrixPost,
    VisibilityMatrix,
    at_home,
    by_its_words,
    by_name,
    in_conversations,
    in_public,
    notified,
    nowhere,
    on_profile,
    under_its_tag,
)
from tests.system import System, wait_until
from tests.system.streams import updated_ids

Expect = Callable[[str, MatrixPost], int]


@pytest.fixture(scope="module")
def town(system: System) -> VisibilityMatrix:
    town = VisibilityMatrix(system)
    town.build()
    return town


# ── by id ───────────────────────────────────────────────────────────────────────────────────────


def shown(actor: str, post: MatrixPost) -> int:
    """Users who see a post get it."""
    return 200


def liked(actor: str, post: MatrixPost) -> int:
    """Users cannot like posts of users they block."""
    return 403 if actor == "blocker" and post.shown.author == "author" else 200


def boosted(actor: str, post: MatrixPost) -> int:
    """Only the author can boost a followers-only post; no one can boost a direct one."""
    own = post.shown.author == actor
    barred = post.visibility == "direct" or (post.visibility == "private" and not own)
    return 403 if barred else liked(actor, post)


def pinned(actor: str, post: MatrixPost) -> int:
    """Own posts except direct ones and boosts."""
    own = post.author == actor and post.kind != "boost" and post.visibility != "direct"
    return 200 if own else 422


def edited(actor: str, post: MatrixPost) -> int:
    """Own posts except boosts."""
    if post.author != actor:
        return 403
    return 422 if post.kind == "boost" else 200


def kept(actor: str, post: MatrixPost) -> int:
    """Deletion; the author does it at the end."""
    may = actor == post.author or (post.kind == "comment" and actor == "author")
    return 200 if may else 403


def never(actor: str, post: MatrixPost) -> int:
    """Unsupported operations are refused for everyone."""
    return 422


ID = "/api/v1/statuses/{id}"
BY_ID: dict[str, tuple[Expect, dict[str, Any]]] = {
    f"GET {ID}": (shown, {}),
    f"GET {ID}/context": (shown, {}),
    f"GET {ID}/source": (shown, {}),
    f"GET {ID}/history": (shown, {}),
    f"GET {ID}/card": (shown, {}),
    f"GET {ID}/favourited_by": (shown, {}),
    f"GET {ID}/reblogged_by": (shown, {}),
    f"POST {ID}/favourite": (liked, {}),
    f"POST {ID}/unfavourite": (shown, {}),
    f"POST {ID}/bookmark": (shown, {}),
    f"POST {ID}/unbookmark": (shown, {}),
    f"POST {ID}/pin": (pinned, {}),
    f"POST {ID}/unpin": (pinned, {}),
    f"POST {ID}/reblog": (boosted, {}),
    f"POST {ID}/unreblog": (shown, {}),
    f"PUT {ID}": (edited, {"sensitive": False}),
    f"PATCH {ID}": (edited, {"sensitive": False}),
    f"POST {ID}/mute": (never, {}),
    f"POST {ID}/unmute": (never, {}),
    f"POST {ID}/{{verb}}": (never, {}),
    "POST /api/v1/statuses": (shown, {"status": "to this", "visibility": "direct"}),
    f"DELETE {ID}": (kept, {}),
}
"""What a route that names a post answers to whoever sees it. In this order."""

FOR_ALL = ("", "/context", "/history", "/card", "/favourited_by", "/reblogged_by")
"""What of them nobody in particular may ask for."""


def expected(row: str, actor: str, post: MatrixPost) -> int:
    """Return the expected status."""
    expect, _ = BY_ID[row]
    if actor in REFUSED:
        return REFUSED[actor]
    if actor == "anonymous" and row not in {f"GET {ID}{path}" for path in FOR_ALL}:
        return 401
    if expect is not never and not post.seen_by(actor):
        return 404
    return expect(actor, post)


def spared(row: str, actor: str, post: MatrixPost) -> bool:
    """Return whether a cell would change the matrix itself."""
    if row.endswith("/unreblog") and post.kind != "comment":
        return actor == ("author" if post.visibility == "private" else "booster")
    return row.startswith("DELETE") and kept(actor, post) == 200


def ask_by_id(town: VisibilityMatrix, row: str, actor: str, post: MatrixPost) -> requests.Response:
    method, path = row.split(" ")
    body = dict(BY_ID[row][1])
    if row == "POST /api/v1/statuses":
        body["in_reply_to_id"] = post.id
    path = path.format(id=post.id, verb="translate")
    return town.ask(actor, method, path, **({"json": body} if method != "GET" else {}))


@pytest.mark.parametrize("row", [row for row in BY_ID if not row.startswith("DELETE")])
def test_a_route_to_one_post(town: VisibilityMatrix, row: str) -> None:
    def probe(actor: str) -> Iterator[str]:
        for post in town.posts:
            if spared(row, actor, post):
                continue
            answer = ask_by_id(town, row, actor, post)
            right = expected(row, actor, post)
            if answer.status_code != right:
                yield f"{actor}, {post.name}: {answer.status_code} in place of {right}"
            elif row == "POST /api/v1/statuses" and answer.ok:
                town.ask(actor, "DELETE", f"/api/v1/statuses/{answer.json()['id']}")

    assert town.each(probe) == []


# ── lists ───────────────────────────────────────────────────────────────────────────────────────


def ids_in(found: Any) -> set[str]:
    """Return the ids of all statuses in a response, also nested ones."""
    if isinstance(found, dict):
        found = found.get("statuses", [])
    inner = [each.get("status", each.get("last_status", each)) for each in found]
    return {each["id"] for each in inner if each}


def holds(
    town: VisibilityMatrix,
    actor: str,
    path: str,
    who: Callable[[MatrixPost], frozenset[str]],
    *,
    public: bool = True,
    among: Callable[[MatrixPost], bool] = lambda post: True,
) -> Iterator[str]:
    """Return the faults of a list after waiting for events."""
    if actor in REFUSED or (actor == "anonymous" and not public):
        answer = town.ask(actor, "GET", path)
        right = REFUSED.get(actor, 401)
        if answer.status_code != right:
            yield f"{actor}: {answer.status_code} in place of {right}"
        return
    right_names = {post.name for post in town.posts if among(post) and actor in who(post)}

    def same() -> bool:
        assert town.named(ids_in(town.ask(actor, "GET", path).json())) == right_names
        return True

    try:
        wait_until(same)
    except AssertionError as wrong:
        yield f"{actor}: {wrong}"


def test_homes(town: VisibilityMatrix) -> None:
    path = "/api/v1/timelines/home?limit=40"
    assert town.each(lambda actor: holds(town, actor, path, at_home, public=False)) == []


def test_the_public_timeline(town: VisibilityMatrix) -> None:
    path = f"/api/v1/timelines/public?limit=40&since_id={int(town.posts[0].id) - 1}"
    assert town.each(lambda actor: holds(town, actor, path, in_public)) == []


def test_the_hashtag(town: VisibilityMatrix) -> None:
    path = f"/api/v1/timelines/tag/{town.tag}?limit=40"
    assert town.each(lambda actor: holds(town, actor, path, under_its_tag)) == []


@pytest.mark.parametrize("whose", ["author", "mentioned", "booster"])
@pytest.mark.parametrize("more", ["", "only_media=true", "exclude_replies=true", "tagged"])
def test_all_posts_of_somebody(town: VisibilityMatrix, whose: str, more: str) -> None:
    def among(post: MatrixPost) -> bool:
        if more == "only_media=true":
            return post.author == whose and post.kind == "post"
        if more == "exclude_replies=true":
            return post.author == whose and post.kind != "comment"
        return post.author == whose and (not more or post.kind != "boost")

    asked = f"tagged={town.tag}" if more == "tagged" else more
    path = f"/api/v1/accounts/{town.people[whose].id}/statuses?limit=40&{asked}"
    assert town.each(lambda actor: holds(town, actor, path, on_profile, among=among)) == []


def test_what_is_pinned(town: VisibilityMatrix) -> None:
    pins = [town.post("post", visibility) for visibility in ("public", "unlisted", "private")]
    for post in pins:
        assert town.ask("author", "POST", f"/api/v1/statuses/{post.id}/pin").ok
    path = f"/api/v1/accounts/{town.people['author'].id}/statuses?pinned=true"
    wrong = town.each(
        lambda actor: holds(town, actor, path, by_name, among=lambda post: post in pins)
    )
    assert wrong == []


def test_some_by_their_ids(town: VisibilityMatrix) -> None:
    path = "/api/v1/statuses?" + "&".join(f"id[]={post.id}" for post in town.posts)
    assert town.each(lambda actor: holds(town, actor, path, by_name)) == []


def test_search(town: VisibilityMatrix) -> None:
    """Search by id, by address, and by text (own posts)."""

    def probe(actor: str) -> Iterator[str]:
        for post in town.posts:
            address = f"{town.system.base}/@{town.people[post.author].name}/{post.id}"
            for typed in (post.id, address):
                path = f"/api/v2/search?q={typed}&type=statuses"
                yield from holds(town, actor, path, by_name, among=partial(is_, post))
            if post.kind != "boost":
                path = f"/api/v2/search?q={post.word}"
                yield from holds(town, actor, path, by_its_words, among=partial(is_, post))
        yield from holds(town, actor, f"/api/v2/search?q=%23{town.tag}", by_its_words)

    assert town.each(probe) == []


def test_what_trends(town: VisibilityMatrix) -> None:
    """Trending posts are visible to those who find them in public."""
    path = "/api/v1/trends/statuses?limit=40"

    def probe(actor: str) -> Iterator[str]:
        answer = town.ask(actor, "GET", path)
        may = {post.name for post in town.posts if actor in in_public(post)}
        if answer.ok and not town.named(ids_in(answer.json())) <= may:
            yield f"{actor} is shown more than {may}"

    assert town.each(probe) == []


def test_notifications(town: VisibilityMatrix) -> None:
    """Notifications one by one, in groups, and by id."""

    def probe(actor: str) -> Iterator[str]:
        for version in ("v1", "v2"):
            path = f"/api/{version}/notifications"
            yield from holds(town, actor, f"{path}?limit=40", notified, public=False)
            if actor not in EVERYBODY - {"anonymous"}:
                continue
            found = town.ask(actor, "GET", f"{path}?limit=40").json()
            keys = (
                [group["group_key"] for group in found["notification_groups"]]
                if (version == "v2")
                else [each["id"] for each in found]
            )
            for key in keys:
                assert town.ask(actor, "GET", f"{path}/{key}").ok
            for other in (role for role in STREAMING if role != actor and version == "v1"):
                for key in keys[:1]:
                    if town.ask(other, "GET", f"{path}/{key}").status_code != 404:
                        yield f"{other} reads what {actor} is notified of"

    assert town.each(probe) == []


@pytest.mark.parametrize(
    ("verb", "listed"), [("favourite", "favourites"), ("bookmark", "bookmarks")]
)
def test_what_one_marked(town: VisibilityMatrix, verb: str, listed: str) -> None:
    """Lists of marks contain visible posts only, also after a block."""
    likes = liked if verb == "favourite" else shown

    def who(post: MatrixPost) -> frozenset[str]:
        seen = WHO_SEES[post.kind, post.visibility] if post.kind != "boost" else set()
        return frozenset(actor for actor in seen if likes(actor, post) == 200)

    def probe(actor: str) -> Iterator[str]:
        for post in town.posts:
            town.ask(actor, "POST", f"/api/v1/statuses/{post.id}/{verb}")
        yield from holds(town, actor, f"/api/v1/{listed}?limit=40", who, public=False)

    assert town.each(probe) == []


def test_archives(town: VisibilityMatrix) -> None:
    """The archive contains no invisible post."""
    path = "/api/v1/export"

    def probe(actor: str) -> Iterator[str]:
        if actor in {"anonymous", *REFUSED}:
            if town.ask(actor, "GET", f"{path}/archive").status_code != REFUSED.get(actor, 401):
                yield f"{actor} is not turned away"
            return
        assert town.ask(actor, "POST", path).ok
        wait_until(lambda: town.ask(actor, "GET", path).json()["state"] == "ready")
        archive = town.ask(actor, "GET", f"{path}/archive")
        with zipfile.ZipFile(io.BytesIO(archive.content)) as files:
            for name in files.namelist():
                content = files.read(name).decode(errors="replace")
                town.look(actor, f"{name} of an archive", f"{name} {content}")

    assert town.each(probe) == []


def test_threads(town: VisibilityMatrix) -> None:
    """Threads contain visible posts only, without blocked authors."""

    def probe(actor: str) -> Iterator[str]:
        if actor not in EVERYBODY:
            return
        for visibility in ("public", "unlisted", "private", "direct"):
            post, comment = town.post("post", visibility), town.post("comment", visibility)
            above = {post.name} if post.seen_by(actor) and actor != "blocker" else set()
            below = {comment.name} if comment.seen_by(actor) else set()
            for of, side, right in ((comment, "ancestors", above), (post, "descendants", below)):
                if not of.seen_by(actor):
                    continue
                found = town.ask(actor, "GET", f"/api/v1/statuses/{of.id}/context").json()[side]
                if town.named(ids_in(found)) != right:
                    yield f"{actor}, {of.name}, {side}: {found}"

    assert town.each(probe) == []


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


def test_pictures_are_their_owners_to_describe(town: VisibilityMatrix) -> None:
    """Pictures by id; addresses are searched in every response above."""
    first = town.ask("author", "GET", f"/api/v1/statuses/{town.posts[0].id}").json()
    id = first["media_attachments"][0]["id"]

    def probe(actor: str) -> Iterator[str]:
        right = {"author": 200, "anonymous": 401}.get(actor, REFUSED.get(actor, 404))
        for method in ("GET", "PUT", "PATCH"):
            given = {} if method == "GET" else {"json": {"focus": "0,0"}}
            answer = town.ask(actor, method, f"/api/v1/media/{id}", **given)
            if answer.status_code != right:
                yield f"{actor}, {method}: {answer.status_code} in place of {right}"

    assert town.each(probe) == []


def test_an_address_of_a_picture_cannot_be_made_up(town: VisibilityMatrix) -> None:
    """An address is the key of a picture; no part of it can be left out."""
    name = town.post("post", "private").pictures[0]
    id, secret, part = name.split("-")
    assert len(secret) == 16
    assert town.ask("author", "GET", f"/media/{name}").ok
    for other in (f"{id}-{secret[::-1]}-{part}", f"{id}-{part}", id):
        assert town.ask("follower", "GET", f"/media/{other}").status_code == 404


# ── admins ──────────────────────────────────────────────────────────────────────────────────────

OVERSIGHT = (
    "GET /api/v1/admin/reports",
    "GET /api/v1/admin/reports/{id}",
    "POST /api/v1/admin/reports/{id}/resolve",
    "POST /api/v1/admin/reports/{id}/reopen",
    "POST /api/v1/admin/reports/{id}/assign_to_self",
    "POST /api/v1/admin/reports/{id}/unassign",
)


def test_reports_are_for_admins(town: VisibilityMatrix) -> None:
    reported = {
        "account_id": town.people["author"].id,
        "status_ids": [town.post("post", "private").id],
    }
    made = town.ask("follower", "POST", "/api/v1/reports", json=reported)
    assert made.ok

    def probe(actor: str) -> Iterator[str]:
        right = {"anonymous": 401, "suspended": 401}.get(actor, 403)
        for row in OVERSIGHT:
            method, path = row.split(" ")
            answer = town.ask(actor, method, path.format(id=made.json()["id"]))
            if answer.status_code != right:
                yield f"{actor}, {row}: {answer.status_code} in place of {right}"
        sent = {"account_id": reported["account_id"], "status_ids": reported["status_ids"]}
        if actor in EVERYBODY - {"anonymous", "author", *WHO_SEES["post", "private"]}:
            refused = town.ask(actor, "POST", "/api/v1/reports", json=sent).status_code
            if refused != 404:
                yield f"{actor} reports what they do not see: {refused}"

    assert town.each(probe) == []


# ── streams ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("actor", STREAMING)
def test_streams(town: VisibilityMatrix, actor: str) -> None:
    """Events over a WebSocket with all streams."""
    come: dict[str, set[str]] = {stream: set() for stream in STREAMS}
    streamed: set[str] = set()
    for frame in town.frames[actor]:
        if "event" in frame:
            town.look(actor, f"the stream {frame['stream']}", frame["payload"])
        if frame.get("event") == "update":
            come[frame["stream"][0]].add(json.loads(frame["payload"])["id"])
        if frame.get("event") == "conversation":
            streamed.add(json.loads(frame["payload"])["last_status"]["id"])
    assert town.each(lambda _: iter(()), [actor]) == []
    assert town.named(streamed) == {p.name for p in town.posts if actor in in_conversations(p)}
    for stream, holds_it in STREAMS.items():
        right = {post.name for post in town.posts if actor in holds_it(post)}
        assert town.named(come[stream]) == right, stream


CONVERSATIONS = "/api/v1/conversations"
ONE_CONVERSATION = (
    f"POST {CONVERSATIONS}/{{id}}/read",
    f"POST {CONVERSATIONS}/{{id}}/unread",
)


def test_conversations(town: VisibilityMatrix) -> None:
    path = f"{CONVERSATIONS}?limit=40"
    direct = [post for post in town.posts if in_conversations(post)]
    wrong = town.each(
        lambda actor: holds(
            town, actor, path, in_conversations, public=False, among=lambda post: post in direct
        )
    )
    assert wrong == []
    found = town.ask("author", "GET", path).json()
    ids = [each["id"] for each in found if town.named([each["last_status"]["id"]])]
    assert len(ids) == len(direct)

    def probe(actor: str) -> Iterator[str]:
        for row in ONE_CONVERSATION:
            for id in ids:
                method, path = row.format(id=id).split(" ")
                answer = town.ask(actor, method, path)
                lets_in = 200 if actor in ("author", "mentioned") else 404
                right = 401 if actor == "anonymous" else REFUSED.get(actor, lets_in)
                if answer.status_code != right:
                    yield f"{actor}: {answer.status_code} in place of {right} to {row}"

    assert town.each(probe) == []


@pytest.mark.parametrize("actor", STREAMING)
def test_server_sent_events(town: VisibilityMatrix, actor: str) -> None:
    """Events from the address of each stream."""
    for stream, holds_it in STREAMS.items():
        events = town.events[actor, stream]
        for name, payload in events:
            town.look(actor, f"{name} of the stream {stream}", payload)
        right = {post.name for post in town.posts if actor in holds_it(post)}
        assert town.named(updated_ids(events)) == right, stream
    assert town.each(lambda _: iter(()), [actor]) == []


EVENT_STREAMS = (
    "GET /api/v1/streaming/user",
    "GET /api/v1/streaming/user/notification",
    "GET /api/v1/streaming/public",
    "GET /api/v1/streaming/public/local",
    "GET /api/v1/streaming/public/remote",
    "GET /api/v1/streaming/hashtag",
    "GET /api/v1/streaming/hashtag/local",
    "GET /api/v1/streaming/direct",
)
"""The same streams as server-sent events: who may not listen is turned away."""


@pytest.mark.parametrize("row", EVENT_STREAMS)
def test_who_may_not_listen_is_turned_away(town: VisibilityMatrix, row: str) -> None:
    path = f"{row.removeprefix('GET ')}?tag={town.tag}"
    for actor, right in (("anonymous", 401), *REFUSED.items()):
        assert town.ask(actor, "GET", path).status_code == right, actor


# ── pages, and the end ──────────────────────────────────────────────────────────────────────────


def test_pages_are_for_nobody_in_particular(town: VisibilityMatrix) -> None:
    names = {role: person.name for role, person in town.people.items()}

    def probe(_: str) -> Iterator[str]:
        pages = ["/", f"/tags/{town.tag}", *(f"/@{name}" for name in names.values())]
        for path in pages:
            if not town.ask("anonymous", "GET", path).ok and names["suspended"] not in path:
                yield path
        for post in town.posts:
            there = 200 if post.shown is post else 302  # a boost leads to what it shows
            right = there if post.seen_by("anonymous") else 404
            path = f"/@{names[post.author]}/{post.id}"
            if town.ask("anonymous", "GET", path).status_code != right:
                yield f"{path} is not {right}"

    assert town.each(probe, ["anonymous"]) == []


def test_at_the_end_all_is_deleted_by_whoever_may_and_gone_for_all(town: VisibilityMatrix) -> None:
    row = f"DELETE {ID}"

    def refuse(actor: str) -> Iterator[str]:
        for post in town.posts:
            if spared(row, actor, post):
                continue
            answer, right = ask_by_id(town, row, actor, post), expected(row, actor, post)
            if answer.status_code != right:
                yield f"{actor}, {post.name}: {answer.status_code} in place of {right}"

    assert town.each(refuse) == []
    for post in town.posts:
        if post.kind == "post" or post.name == "direct comment":  # nobody owns a conversation
            assert ask_by_id(town, row, "author", post).status_code == 200
    assert town.each(lambda actor: is_gone(town, actor)) == []
    for name in [name for post in town.posts for name in post.pictures]:
        wait_until(partial(lacks, town, "author", f"/media/{name}"))


def lacks(town: VisibilityMatrix, actor: str, path: str) -> bool:
    return town.ask(actor, "GET", path).status_code == REFUSED.get(actor, 404)


def is_gone(town: VisibilityMatrix, actor: str) -> Iterator[str]:
    """Yield what remains of deleted posts for an actor."""
    for post in town.posts:
        wait_until(partial(lacks, town, actor, f"/api/v1/statuses/{post.id}"))
    yield from holds(town, actor, "/api/v1/timelines/home", nowhere, public=False)
    yield from holds(town, actor, f"/api/v1/timelines/tag/{town.tag}", nowhere)


COVERED = {
    "GET /api/v1/export/archive",
    *BY_ID,
    *OVERSIGHT,
    *EVENT_STREAMS,
    *ONE_CONVERSATION,
    "GET /api/v1/conversations",
    "GET /api/v1/statuses",
    "GET /api/v1/accounts/{id}/statuses",
    "GET /api/v1/timelines/home",
    "GET /api/v1/timelines/public",
    "GET /api/v1/timelines/tag/{tag}",
    "GET /api/v1/favourites",
    "GET /api/v1/bookmarks",
    "GET /api/v1/notifications",
    "GET /api/v1/notifications/{id}",
    "GET /api/v2/notifications",
    "GET /api/v2/notifications/{group_key}",
    "GET /api/v1/trends/statuses",
    "GET /api/v2/search",
    "GET /api/v1/media/{id}",
    "PUT /api/v1/media/{id}",
    "PATCH /api/v1/media/{id}",
    "GET /media/{name}",
}
"""Every route that the matrix asks."""

BY_FIELD = {"POST /graphql"}
"""Held against these routes, field by field: tests/services/gateway/test_graphql_matrix.py."""

OWN_PICTURES = {"POST /api/v1/media", "POST /api/v2/media"}
"""What gives nobody but whoever sent it something, and nothing of a post."""

assert set(ACTORS) == EVERYBODY | REFUSED.keys()
