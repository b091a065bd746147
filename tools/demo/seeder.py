"""Seeds a system with the demo data; existing data is left alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import aiohttp

from tools.demo import image_generator
from tools.demo.api_client import DemoApiClient, picture
from tools.demo.dataset import DemoDataset, DemoPerson, DemoPost

_CONCURRENCY = 6
_PAGE_SIZE = 40
_TAGS = re.compile(r"<[^>]+>")

Shown = Callable[[str, int], Callable[[], None]]
"""Starts a progress display for a number of steps; returns a function that counts one."""


@dataclass
class SignedInPerson:
    """A person with a token, and their statuses so far."""

    person: DemoPerson
    token: str
    account: dict[str, Any]
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)
    """Status ids, by text and by the answered status."""


class DemoSeeder:
    """Seeds one system."""

    def __init__(self, client: DemoApiClient, cast: DemoDataset, shown: Shown) -> None:
        self._client = client
        self._cast = cast
        self._shown = shown
        self._slots = asyncio.Semaphore(_CONCURRENCY)
        self.known: dict[int, SignedInPerson] = {}
        self.posts: dict[str, str] = {}
        self.made = 0
        """The number of new posts and comments."""

    async def run(self) -> None:
        """Seed everything."""
        cast = self._cast
        await self._client.sign_in()
        await self.each("people", cast.people, self._sign_in)
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
        """Process all items, a few at once; the first failure ends all."""
        count = self._shown(label, len(items))

        async def one(item: Any) -> None:
            async with self._slots:
                await do(item)
                count()

        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(one(item))

    # ── people ──────────────────────────────────────────────────────────────────────────────

    async def _sign_in(self, person: DemoPerson) -> None:
        client = self._client
        is_known = await client.is_known(person)
        token = await (client.log_in(person) if is_known else client.register(person))
        account = await client.request("GET", "/api/v1/accounts/verify_credentials", token)
        if not account["display_name"] or account["display_name"] == person.username:
            account = await self._set_profile(person, token)
        known = SignedInPerson(person, token, account)
        if is_known:
            await self._load_statuses(known)
        self.known[person.number] = known

    async def _set_profile(self, person: DemoPerson, token: str) -> dict[str, Any]:
        face = await asyncio.to_thread(image_generator.portrait, person.number)
        above = await asyncio.to_thread(image_generator.header, person.number)

        def form() -> aiohttp.FormData:
            form = aiohttp.FormData()
            form.add_field("display_name", person.name)
            form.add_field("note", person.note)
            form.add_field("avatar", face, filename="face.jpg", content_type="image/jpeg")
            form.add_field("header", above, filename="header.jpg", content_type="image/jpeg")
            return form

        path = "/api/v1/accounts/update_credentials"
        dressed: dict[str, Any] = await self._client.request("PATCH", path, token, form=form)
        return dressed

    async def _load_statuses(self, known: SignedInPerson) -> None:
        """Read all statuses of a person."""
        path, max_id = f"/api/v1/accounts/{known.account['id']}/statuses", ""
        while True:
            params = {"limit": str(_PAGE_SIZE), **({"max_id": max_id} if max_id else {})}
            page = await self._client.request("GET", path, known.token, params=params)
            for status in page:
                if not status["reblog"]:
                    key = (_plain(status["content"]), status["in_reply_to_id"] or "")
                    known.statuses[key] = status["id"]
            if len(page) < _PAGE_SIZE:
                return
            max_id = page[-1]["id"]

    async def _follow(self, pair: tuple[DemoPerson, DemoPerson]) -> None:
        one, other = (self.known[person.number] for person in pair)
        await self._client.request(
            "POST", f"/api/v1/accounts/{other.account['id']}/follow", one.token
        )

    # ── posts ───────────────────────────────────────────────────────────────────────────────

    async def _post(self, post: DemoPost) -> None:
        author = self.known[post.author.number]
        id = author.statuses.get((_plain(post.caption), ""))
        if id is None:
            drawn = await asyncio.to_thread(image_generator.draw, post.motif, post.seed)
            form = picture(drawn, description=post.description)
            shown = await self._client.request("POST", "/api/v2/media", author.token, form=form)
            said = {"status": post.caption, "media_ids": [shown["id"]], "language": "en"}
            id = await self.publish(author, post.key, said)
        self.posts[post.key] = id

    async def _comment(self, comment: tuple[DemoPerson, DemoPost, str]) -> None:
        person, post, words = comment
        known, above = self.known[person.number], self.posts[post.key]
        if (_plain(words), above) not in known.statuses:
            said = {"status": words, "in_reply_to_id": above, "language": "en"}
            await self.publish(known, f"{person.username}-to-{post.key}", said)

    async def publish(self, known: SignedInPerson, key: str, said: dict[str, Any]) -> str:
        """Publish a post exactly once, also if the response is lost."""
        headers = {"idempotency-key": f"demo-{key}"}
        made = await self._client.request(
            "POST", "/api/v1/statuses", known.token, json=said, headers=headers
        )
        self.made += 1
        return str(made["id"])

    async def _like(self, pair: tuple[DemoPerson, DemoPost]) -> None:
        await self._react(pair, "favourite")

    async def _boost(self, pair: tuple[DemoPerson, DemoPost]) -> None:
        await self._react(pair, "reblog")

    async def _react(self, pair: tuple[DemoPerson, DemoPost], how: str) -> None:
        person, post = pair
        path = f"/api/v1/statuses/{self.posts[post.key]}/{how}"
        await self._client.request("POST", path, self.known[person.number].token)


def _plain(html: str) -> str:
    """Return the plain text of a status, for comparison."""
    return " ".join(unescape(_TAGS.sub("", html)).split())
