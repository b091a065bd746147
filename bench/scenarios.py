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
    is_picture,
    is_post,
    is_relationship,
)

PAGE_SIZE = 20

FLOOR, HOME, ACCOUNT, COMPOSE, PICTURE, MIX = (
    "floor",
    "home",
    "account",
    "compose",
    "picture",
    "mix",
)
LIKE, COMMENT, FOLLOW, NOTIFICATIONS, SEARCH, THREAD = (
    "like",
    "comment",
    "follow",
    "notifications",
    "search",
    "thread",
)
SCENARIOS = {
    FLOOR: "an empty route: gateway, two sidecars, feed",
    HOME: f"home timeline, {PAGE_SIZE} posts",
    ACCOUNT: "somebody's posts",
    COMPOSE: "a post of text",
    PICTURE: "an upload and a post with it",
    MIX: "60 % home, 30 % account, 10 % post",
    LIKE: "a like of somebody's post",
    COMMENT: "an answer to somebody's post",
    FOLLOW: "a follow, or its end, among guests",
    NOTIFICATIONS: f"notifications, {PAGE_SIZE} at most",
    SEARCH: "people, posts and hashtags by a name",
    THREAD: "the context of a post with 500 comments",
}
WRITE_SCENARIOS = frozenset({COMPOSE, PICTURE, MIX, LIKE, COMMENT, FOLLOW})
"""Scenarios after which the system still processes events."""

_SHARES = (60, 30, 10)
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

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class ScenarioRequests:
    """Creates requests of a scenario, for and by random users."""

    def __init__(self, data: ScenarioData) -> None:
        self._data = data
        self._random = random.Random(data.seed)
        self._people = range(len(data.ids))
        self._builder = RequestBuilder(data.url)
        self._floor = self._builder.get("/ping", is_empty_object)
        self._homes = [self._home(person) for person in self._people]
        self._accounts = [self._account(person) for person in self._people]
        self._changes = self._follows()
        self._numbers = count(1)

    def draw(self, kind: str) -> RequestSource:
        """Return a source of requests for a scenario."""
        draws: dict[str, RequestSource] = {
            FLOOR: lambda: self._floor,
            HOME: lambda: self._random.choice(self._homes),
            ACCOUNT: lambda: self._random.choice(self._accounts),
            COMPOSE: self._compose,
            PICTURE: self._picture,
            MIX: self._mix,
            LIKE: self._like,
            COMMENT: self._comment,
            FOLLOW: lambda: next(self._changes),
            NOTIFICATIONS: self._notifications,
            SEARCH: self._search,
            THREAD: self._thread,
        }
        return draws[kind]

    def _mix(self) -> PreparedRequest:
        kind = self._random.choices((HOME, ACCOUNT, COMPOSE), _SHARES)[0]
        return self.draw(kind)()

    def _home(self, person: int) -> PreparedRequest:
        check = IsPage(min(PAGE_SIZE, self._data.home_rows[person]))
        path = f"/api/v1/timelines/home?limit={PAGE_SIZE}"
        return self._builder.get(path, check, self._data.tokens[person])

    def _account(self, person: int) -> PreparedRequest:
        check = IsPage(min(PAGE_SIZE, self._data.author_rows[person]))
        path = f"/api/v1/accounts/{self._data.ids[person]}/statuses?limit={PAGE_SIZE}"
        return self._builder.get(path, check, self._data.tokens[self._random.choice(self._people)])

    def _compose(self) -> PreparedRequest:
        person = self._random.choice(self._people)
        return self._post(person, form(status=self._text()))

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

    def _notifications(self) -> PreparedRequest:
        person = self._random.choice(self._people)
        check = ContainsAtLeast(NOTIFICATION, min(PAGE_SIZE, self._data.notices[person]))
        path = f"/api/v1/notifications?limit={PAGE_SIZE}"
        return self._builder.get(path, check, self._data.tokens[person])

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
