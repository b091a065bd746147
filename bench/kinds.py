"""What is asked of the system, kind by kind."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from bench.lane import Draw
from bench.requests import (
    FORM,
    IsPage,
    Maker,
    Request,
    form,
    is_empty_object,
    is_picture,
    is_post,
)

PAGE = 20

FLOOR, HOME, ACCOUNT, COMPOSE, PICTURE, MIX = (
    "floor",
    "home",
    "account",
    "compose",
    "picture",
    "mix",
)
KINDS = {
    FLOOR: "an empty route: gateway, two sidecars, feed",
    HOME: f"home timeline, {PAGE} posts",
    ACCOUNT: "somebody's posts",
    COMPOSE: "a post of text",
    PICTURE: "an upload and a post with it",
    MIX: "60 % home, 30 % account, 10 % post",
}
WRITING = frozenset({COMPOSE, PICTURE, MIX})
"""Kinds after which the system still has something to digest."""

_SHARES = (60, 30, 10)
_BOUNDARY = "microgram-bench"


@dataclass(frozen=True)
class Stage:
    """What requests are made of: everybody's token and id, and what must be on their pages."""

    url: str
    tokens: list[str]
    ids: list[str]
    home_rows: list[int]
    author_rows: list[int]
    seed: int
    picture: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Deck:
    """Draws requests of a kind, for and by people at random."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._random = random.Random(stage.seed)
        self._people = range(len(stage.ids))
        self._maker = Maker(stage.url)
        self._floor = self._maker.get("/ping", is_empty_object)
        self._homes = [self._home(person) for person in self._people]
        self._accounts = [self._account(person) for person in self._people]
        self._numbers = count(1)

    def draw(self, kind: str) -> Draw:
        """What draws requests of a kind."""
        draws: dict[str, Draw] = {
            FLOOR: lambda: self._floor,
            HOME: lambda: self._random.choice(self._homes),
            ACCOUNT: lambda: self._random.choice(self._accounts),
            COMPOSE: self._compose,
            PICTURE: self._picture,
            MIX: self._mix,
        }
        return draws[kind]

    def _mix(self) -> Request:
        kind = self._random.choices((HOME, ACCOUNT, COMPOSE), _SHARES)[0]
        return self.draw(kind)()

    def _home(self, person: int) -> Request:
        check = IsPage(min(PAGE, self._stage.home_rows[person]))
        path = f"/api/v1/timelines/home?limit={PAGE}"
        return self._maker.get(path, check, self._stage.tokens[person])

    def _account(self, person: int) -> Request:
        check = IsPage(min(PAGE, self._stage.author_rows[person]))
        path = f"/api/v1/accounts/{self._stage.ids[person]}/statuses?limit={PAGE}"
        return self._maker.get(path, check, self._stage.tokens[self._random.choice(self._people)])

    def _compose(self) -> Request:
        person = self._random.choice(self._people)
        return self._post(person, form(status=self._text()))

    def _post(self, person: int, body: bytes) -> Request:
        token = self._stage.tokens[person]
        return self._maker.post("/api/v1/statuses", body, FORM, is_post, token, author=person)

    def _text(self) -> str:
        return (
            f"Post {next(self._numbers)} of the benchmark: light on the water, at seven. #morning"
        )

    def _picture(self) -> Request:
        person = self._random.choice(self._people)

        def then(body: bytes) -> Request:
            fields = {"status": self._text(), "media_ids[]": orjson.loads(body)["id"]}
            return self._post(person, form(**fields))

        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        token = self._stage.tokens[person]
        body = _multipart(bytes.fromhex(self._stage.picture))
        return self._maker.post("/api/v2/media", body, kind, is_picture, token, then=then)


def _multipart(picture: bytes) -> bytes:
    head = (
        f"--{_BOUNDARY}\r\n"
        'content-disposition: form-data; name="file"; filename="bench.jpg"\r\n'
        "content-type: image/jpeg\r\n\r\n"
    )
    return head.encode() + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()


def make_picture(side: int = 1080) -> bytes:
    """A JPEG of a common size that no encoder finds trivial."""
    import io

    from PIL import Image

    noise = Image.effect_noise((side // 8, side // 8), 90).resize((side, side))
    out = io.BytesIO()
    Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180))).save(out, "JPEG", quality=85)
    return out.getvalue()
