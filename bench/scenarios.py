"""The scenarios: kinds of requests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle, permutations
from typing import Any

import orjson

from bench.http_connection import RequestSource
from bench.requests import (
    FORM,
    NOTIFICATION,
    STATUS,
    ContainsAtLeast,
    IsPage,
    PreparedRequest,
    RequestBuilder,
    finds_people,
    form,
    is_empty_object,
    is_object,
    is_picture,
    is_post,
    is_relationship,
)

PAGE_SIZE = 20

FLOOR, COMPOSE, PICTURE, MIX = "floor", "compose", "picture", "mix"
HOME, ACCOUNT, NOTIFICATIONS = "home", "account", "notifications"
HOME_HTML = "home-html"
_MISS = "-miss"
HOME_HTML_MISS = HOME_HTML + _MISS
HOME_MISS, ACCOUNT_MISS, NOTIFICATIONS_MISS = HOME + _MISS, ACCOUNT + _MISS, NOTIFICATIONS + _MISS
LIKE, COMMENT, FOLLOW, SEARCH, THREAD = "like", "comment", "follow", "search", "thread"
CHECKOUT, BARE_WORKFLOW = "checkout", "bare workflow"

SCENARIOS = {
    FLOOR: "an empty route: gateway, two sidecars, feed",
    HOME: f"home timeline, {PAGE_SIZE} posts, by people who come back to it",
    HOME_MISS: "the same posts, of which no page is kept",
    HOME_HTML: "the home page as HTML, by people who come back to it",
    HOME_HTML_MISS: "the same posts as HTML, of which no page is kept",
    ACCOUNT: "somebody's posts, by people who come back to them",
    ACCOUNT_MISS: "the same posts, of which no page is kept",
    NOTIFICATIONS: f"notifications, {PAGE_SIZE} at most, by people who come back to them",
    NOTIFICATIONS_MISS: "the same notifications, of which no page is kept",
    COMPOSE: "a post of text",
    PICTURE: "an upload and a post with it",
    MIX: "60 % home, 30 % account, 10 % post",
    LIKE: "a like of somebody's post",
    COMMENT: "an answer to somebody's post",
    FOLLOW: "a follow, or its end, among guests",
    SEARCH: "people, posts and hashtags by a name",
    THREAD: "the context of a post with 500 comments",
    CHECKOUT: "an order, and a bare workflow beside it",
}
OWN_SCENARIOS = frozenset({FLOOR, CHECKOUT, HOME_HTML, HOME_HTML_MISS})
"""Scenarios that are not of the client API, so that no other server has them."""

WRITE_SCENARIOS = frozenset({COMPOSE, PICTURE, MIX, LIKE, COMMENT, FOLLOW})
"""Scenarios after which the system still processes events."""

MIX_SHARES = (60, 30, 10)
_BOUNDARY = "microgram-bench"


@dataclass(frozen=True)
class ScenarioData:
    """The data for requests: tokens, ids, and the expected sizes of pages."""

    url: str
    tokens: list[str]
    ids: list[str]
    home_rows: list[int]
    author_rows: list[int]
    seed: int
    picture: str = ""
    names: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    notices: list[int] = field(default_factory=list)
    """The minimum number of notifications of each user."""
    guests: list[list[str]] = field(default_factory=list)
    """Ids and tokens of the side accounts."""
    thread: str = ""
    comments: int = 0
    """The number of comments below the post `thread`."""
    newest: str = "9" * 18
    """An id above all others: a page below it is the first one, but is not asked for as such."""
    floor_path: str = "/ping"
    floor_headers: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class ScenarioRequests:
    """Creates requests of a scenario, for and by random users."""

    def __init__(self, data: ScenarioData) -> None:
        self._data = data
        self._random = random.Random(data.seed)
        self._people = range(len(data.ids))
        self._builder = RequestBuilder(data.url)
        self._pages: dict[str, list[PreparedRequest]] = {}
        self._changes = self._follows()
        self._numbers = count(1)

    def draw(self, kind: str) -> RequestSource:
        """Return a source of requests for a scenario."""
        draws: dict[str, RequestSource] = {
            FLOOR: self._floor,
            COMPOSE: self._compose,
            PICTURE: self._picture,
            MIX: self._mix,
            LIKE: self._like,
            COMMENT: self._comment,
            FOLLOW: lambda: next(self._changes),
            SEARCH: self._search,
            THREAD: self._thread,
        }
        return draws[kind] if kind in draws else lambda: self._page(kind)

    def _floor(self) -> PreparedRequest:
        data = self._data
        check = is_object if data.floor_headers else is_empty_object
        return self._builder.get(data.floor_path, check, headers=data.floor_headers)

    def _mix(self) -> PreparedRequest:
        kind = self._random.choices((HOME, ACCOUNT, COMPOSE), MIX_SHARES)[0]
        return self._compose() if kind == COMPOSE else self._page(kind)

    # ── pages: one request for each person, the same each time ──────────────────────────────

    def _page(self, kind: str) -> PreparedRequest:
        if kind not in self._pages:
            page, is_missed = kind.removesuffix(_MISS), kind.endswith(_MISS)
            create = {
                HOME: self._home,
                HOME_HTML: self._home_html,
                ACCOUNT: self._account,
                NOTIFICATIONS: self._notifications,
            }
            window = f"limit={PAGE_SIZE}" + (f"&max_id={self._data.newest}" if is_missed else "")
            self._pages[kind] = [create[page](person, window) for person in self._people]
        return self._random.choice(self._pages[kind])

    def _home(self, person: int, window: str) -> PreparedRequest:
        check = IsPage(min(PAGE_SIZE, self._data.home_rows[person]))
        path = f"/api/v1/timelines/home?{window}"
        return self._builder.get(path, check, self._data.tokens[person])

    def _home_html(self, person: int, window: str) -> PreparedRequest:
        check = ContainsAtLeast(b"<post-card", min(PAGE_SIZE, self._data.home_rows[person]))
        cookie = {"cookie": f"session={self._data.tokens[person]}"}
        return self._builder.get(f"/?{window}", check, headers=cookie)

    def _account(self, person: int, window: str) -> PreparedRequest:
        check = IsPage(min(PAGE_SIZE, self._data.author_rows[person]))
        path = f"/api/v1/accounts/{self._data.ids[person]}/statuses?{window}"
        return self._builder.get(path, check, self._random_person())

    def _notifications(self, person: int, window: str) -> PreparedRequest:
        check = ContainsAtLeast(NOTIFICATION, min(PAGE_SIZE, self._data.notices[person]))
        path = f"/api/v1/notifications?{window}"
        return self._builder.get(path, check, self._data.tokens[person])

    # ── writes, and other reads ─────────────────────────────────────────────────────────────

    def _compose(self) -> PreparedRequest:
        person = self._random.choice(self._people)
        return self._post(person, form(status=self._text(), visibility="public"))

    def _post(self, person: int, body: bytes) -> PreparedRequest:
        token = self._data.tokens[person]
        return self._builder.post("/api/v1/statuses", body, FORM, is_post, token, author=person)

    def _like(self) -> PreparedRequest:
        path = f"/api/v1/statuses/{self._random.choice(self._data.posts)}/favourite"
        return self._builder.post(path, b"", FORM, is_post, self._random_person())

    def _comment(self) -> PreparedRequest:
        person = self._random.choice(self._people)
        answered = self._random.choice(self._data.posts)
        return self._post(person, form(status=self._text(), in_reply_to_id=answered))

    def _follows(self) -> Iterator[PreparedRequest]:
        """Yield pairs of side accounts: all follow each other, then unfollow, and so on."""
        for verb in cycle(("follow", "unfollow")):
            for (_, token), (other, _) in permutations(self._data.guests, 2):
                path = f"/api/v1/accounts/{other}/{verb}"
                yield self._builder.post(path, b"", FORM, is_relationship, token)

    def _search(self) -> PreparedRequest:
        path = f"/api/v2/search?q={self._random.choice(self._data.names)}"
        return self._builder.get(path, finds_people, self._random_person())

    def _thread(self) -> PreparedRequest:
        path = f"/api/v1/statuses/{self._data.thread}/context"
        return self._builder.get(
            path, ContainsAtLeast(STATUS, self._data.comments), self._random_person()
        )

    def _random_person(self) -> str:
        return self._random.choice(self._data.tokens)

    def _text(self) -> str:
        return (
            f"Post {next(self._numbers)} of the benchmark: light on the water, at seven. #morning"
        )

    def _picture(self) -> PreparedRequest:
        person = self._random.choice(self._people)

        def then(body: bytes) -> PreparedRequest:
            fields = {"status": self._text(), "media_ids[]": orjson.loads(body)["id"]}
            return self._post(person, form(**fields))

        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        token = self._data.tokens[person]
        body = _multipart(bytes.fromhex(self._data.picture))
        return self._builder.post("/api/v2/media", body, kind, is_picture, token, then=then)


def _multipart(picture: bytes) -> bytes:
    head = (
        f"--{_BOUNDARY}\r\n"
        'content-disposition: form-data; name="file"; filename="bench.jpg"\r\n'
        "content-type: image/jpeg\r\n\r\n"
    )
    return head.encode() + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()


def make_picture(side: int = 1080) -> bytes:
    """Return a JPEG of a common size that is not trivial to encode."""
    import io

    from PIL import Image

    noise = Image.effect_noise((side // 8, side // 8), 90).resize((side, side))
    out = io.BytesIO()
    Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180))).save(out, "JPEG", quality=85)
    return out.getvalue()
