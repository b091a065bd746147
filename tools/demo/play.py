"""The demo itself: everybody comes in, and does what they have not done yet."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import aiohttp

from tools.demo import pictures
from tools.demo.cast import Cast, Person, Post
from tools.demo.door import Door, picture

_AT_ONCE = 6
_PAGE = 40
_TAGS = re.compile(r"<[^>]+>")

Shown = Callable[[str, int], Callable[[], None]]
"""Begins to show the progress of something, of so many steps; gives what counts one."""


@dataclass
class Known:
    """Somebody who has come in: their token, and what they have said so far."""

    person: Person
    token: str
    account: dict[str, Any]
    said: dict[tuple[str, str], str] = field(default_factory=dict)
    """The ids of their posts, by text and by what they answer."""


class Play:
    """Fills one system."""

    def __init__(self, door: Door, cast: Cast, shown: Shown) -> None:
        self._door = door
        self._cast = cast
        self._shown = shown
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.known: dict[int, Known] = {}
        self.posts: dict[str, str] = {}
        self.made = 0
        """How many posts and comments were not there before."""

    async def run(self) -> None:
        """All of it."""
        cast = self._cast
        await self._door.enter()
        await self.each("people", cast.people, self._come_in)
        await self.each("follows", list(cast.follows()), self._follow)
        for number in range(len(cast.people[0].posts)):
            label = f"photos {number + 1}"
            await self.each(label, [person.posts[number] for person in cast.people], self._post)
        await self.each("comments", list(cast.comments()), self._comment)
        await self.each("likes", list(cast.likes()), self._like)
        await self.each("boosts", list(cast.boosts()), self._boost)

    async def each(
        self, label: str, items: list[Any], do: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Do something with each, a few at once; the first failure ends all."""
        count = self._shown(label, len(items))

        async def one(item: Any) -> None:
            async with self._slots:
                await do(item)
                count()

        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(one(item))

    # ── people ──────────────────────────────────────────────────────────────────────────────

    async def _come_in(self, person: Person) -> None:
        door = self._door
        is_known = await door.is_known(person)
        token = await (door.log_in(person) if is_known else door.register(person))
        account = await door.ask("GET", "/api/v1/accounts/verify_credentials", token)
        if not account["display_name"] or account["display_name"] == person.username:
            account = await self._dress(person, token)
        known = Known(person, token, account)
        if is_known:
            await self._remember(known)
        self.known[person.number] = known

    async def _dress(self, person: Person, token: str) -> dict[str, Any]:
        face = await asyncio.to_thread(pictures.portrait, person.number)
        above = await asyncio.to_thread(pictures.header, person.number)

        def form() -> aiohttp.FormData:
            form = aiohttp.FormData()
            form.add_field("display_name", person.name)
            form.add_field("note", person.note)
            form.add_field("avatar", face, filename="face.jpg", content_type="image/jpeg")
            form.add_field("header", above, filename="header.jpg", content_type="image/jpeg")
            return form

        path = "/api/v1/accounts/update_credentials"
        dressed: dict[str, Any] = await self._door.ask("PATCH", path, token, form=form)
        return dressed

    async def _remember(self, known: Known) -> None:
        """Read all that somebody has said."""
        path, max_id = f"/api/v1/accounts/{known.account['id']}/statuses", ""
        while True:
            params = {"limit": str(_PAGE), **({"max_id": max_id} if max_id else {})}
            page = await self._door.ask("GET", path, known.token, params=params)
            for status in page:
                if not status["reblog"]:
                    key = (_plain(status["content"]), status["in_reply_to_id"] or "")
                    known.said[key] = status["id"]
            if len(page) < _PAGE:
                return
            max_id = page[-1]["id"]

    async def _follow(self, pair: tuple[Person, Person]) -> None:
        one, other = (self.known[person.number] for person in pair)
        await self._door.ask("POST", f"/api/v1/accounts/{other.account['id']}/follow", one.token)

    # ── posts ───────────────────────────────────────────────────────────────────────────────

    async def _post(self, post: Post) -> None:
        author = self.known[post.author.number]
        id = author.said.get((_plain(post.caption), ""))
        if id is None:
            drawn = await asyncio.to_thread(pictures.draw, post.motif, post.seed)
            form = picture(drawn, description=post.description)
            shown = await self._door.ask("POST", "/api/v2/media", author.token, form=form)
            said = {"status": post.caption, "media_ids": [shown["id"]], "language": "en"}
            id = await self.say(author, post.key, said)
        self.posts[post.key] = id

    async def _comment(self, comment: tuple[Person, Post, str]) -> None:
        person, post, words = comment
        known, above = self.known[person.number], self.posts[post.key]
        if (_plain(words), above) not in known.said:
            said = {"status": words, "in_reply_to_id": above, "language": "en"}
            await self.say(known, f"{person.username}-to-{post.key}", said)

    async def say(self, known: Known, key: str, said: dict[str, Any]) -> str:
        """Make a post: once, also where the answer is lost."""
        headers = {"idempotency-key": f"demo-{key}"}
        made = await self._door.ask(
            "POST", "/api/v1/statuses", known.token, json=said, headers=headers
        )
        self.made += 1
        return str(made["id"])

    async def _like(self, pair: tuple[Person, Post]) -> None:
        await self._react(pair, "favourite")

    async def _boost(self, pair: tuple[Person, Post]) -> None:
        await self._react(pair, "reblog")

    async def _react(self, pair: tuple[Person, Post], how: str) -> None:
        person, post = pair
        path = f"/api/v1/statuses/{self.posts[post.key]}/{how}"
        await self._door.ask("POST", path, self.known[person.number].token)


def _plain(html: str) -> str:
    """The words of a status, as they can be compared."""
    return " ".join(unescape(_TAGS.sub("", html)).split())
