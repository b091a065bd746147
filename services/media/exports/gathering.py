"""What comes into an archive: other services are asked page by page, pictures are read one by one.

A piece is a file of records (it ends with the page that brings it above `MAX_PAGE_BYTES`), or a few
pictures: never more than a few MiB, whatever somebody has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from urllib.parse import quote

import orjson

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import NotFound
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Window
from services.media.domain import Attachment
from services.media.exports.domain import Place
from services.media.store import Portraits, Store

ENOUGH = 512 * 1024
"""Bytes of records after which a file ends, and the next one begins."""

PAGES = 20
"""How many pages of records there are in one file, at most."""

PICTURES = 4
"""How many pictures come into one piece. Of 2048 px they have half a MiB each, rarely four."""

_AT_ONCE = 80


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of things: what its files are called, and which service has them."""

    file: str
    service: str
    kind: str


STEPS = (
    Step("account", "", ""),
    Step("posts", "posts", "posts"),
    Step("direct-posts", "posts", "directs"),
    Step("favourites", "posts", "favourites"),
    Step("bookmarks", "posts", "bookmarks"),
    Step("following", "users", "following"),
    Step("followers", "users", "followers"),
    Step("follow-requests", "users", "follow-requests"),
    Step("requested", "users", "requested"),
    Step("blocks", "users", "blocks"),
    Step("mutes", "users", "mutes"),
    Step("notes", "users", "notes"),
    Step("followed-tags", "users", "followed-tags"),
    Step("notifications", "notifications", "notifications"),
    Step("conversations", "feed", "conversations"),
    Step("shops", "catalog", "shops"),
    Step("products", "catalog", "products"),
    Step("cart", "orders", "cart"),
    Step("bought", "orders", "bought"),
    Step("sold", "orders", "sold"),
    Step("paid", "payments", "paid"),
    Step("earned", "payments", "earned"),
    Step("pictures", "", ""),
    Step("files", "", ""),
)
"""In this order; pictures themselves come last."""

README = """Everything that you have at {place}, as of {when}.

account.json        your login and your profile, with all settings
posts.json          what you wrote, newest first: posts, comments (in_reply_to_id) and boosts
                    (reblog_of_id), with earlier versions of what you edited
direct-posts.json   what you wrote to some people alone
conversations.json  with whom you write so, and what was said last
favourites.json, bookmarks.json     what you like and what you keep, by its address
following.json, followers.json, follow-requests.json, requested.json, blocks.json, mutes.json,
notes.json          people, since when, and how; requested: whom you asked
followed-tags.json  the hashtags that you follow
notifications.json  what you were told
shops.json, products.json           what you sell, its prices and stock, also what is archived
cart.json           what lies in your cart, with what it costs now
bought.json, sold.json              your orders, with all that happened to each
paid.json, earned.json              what changed your accounts as a buyer and as a seller: for
                    which order, by which step
pictures.json       your pictures: what you said of them, and the post or product that shows them
pictures/           the pictures themselves, by the name that the JSON gives (original)

Long lists are in several files, as in posts-001.json and posts-002.json.
Times are in UTC; ids are those of the place. Money is in the currency's smallest units, such as
cents; what an account loses is negative.
"""


@dataclass(frozen=True, slots=True)
class File:
    """A file that comes into the archive."""

    name: str
    data: bytes
    squeeze: bool = True


@dataclass(frozen=True, slots=True)
class Gathered:
    """Some files, and where it goes on after them."""

    files: list[File]
    place: Place
    records: int = 0
    pictures: int = 0


@dataclass(slots=True)
class _Records:
    """Records as they come, written as a list."""

    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, records: list[Any]) -> None:
        for record in records:
            line = orjson.dumps(record)
            self.lines.append(line)
            self.size += len(line)

    def file(self, name: str) -> File:
        return File(name, b"[\n" + b",\n".join(self.lines) + b"\n]\n")


Read = Callable[[str, str], Awaitable[dict[str, Any]]]


class Gathering:
    """Reads what somebody has, from a place on."""

    def __init__(self, store: Store, sidecar: DaprClient, public_url: str) -> None:
        self._store = store
        self._sidecar = sidecar
        self._public_url = public_url

    async def gather(self, user: str, place: Place) -> Gathered:
        """The next files. Raises `ServiceError`."""
        step = STEPS[place.step]
        if step.file == "account":
            return await self._account(user, place)
        if step.file == "files":
            return await self._files(user, place)
        if step.file == "pictures":
            return await self._records(user, place, self._pictures)

        async def ask(user: str, after: str) -> dict[str, Any]:
            answer = await self._ask(step.service, user, step.kind, after)
            await self._name(answer["records"])
            return answer

        return await self._records(user, place, ask)

    async def _account(self, user: str, place: Place) -> Gathered:
        login = await self._ask("auth", user, "login")
        profile = await self._ask("users", user, "profile")
        account = {"login": login["records"][0], "profile": profile["records"][0]}
        readme = README.format(place=self._public_url, when=timestamp())
        files = [
            File("README.txt", readme.encode()),
            File("account.json", orjson.dumps(account, option=orjson.OPT_INDENT_2)),
        ]
        return Gathered(files, Place(place.step + 1), records=1)

    async def _records(self, user: str, place: Place, read: Read) -> Gathered:
        """A file of records: page by page, until it is large enough."""
        written, after, total = _Records(), place.after, 0
        for _ in range(PAGES):
            answer = await read(user, after)
            written.add(answer["records"])
            after, total = answer["next"], answer["total"]
            if not after or written.size >= ENOUGH:
                break
        name = STEPS[place.step].file
        is_whole = place.page == 1 and not after
        file = written.file(f"{name}.json" if is_whole else f"{name}-{place.page:03}.json")
        count = len(written.lines)
        further = replace(
            place, after=after, page=place.page + 1, done=place.done + count, total=total
        )
        return Gathered([file], further if after else Place(place.step + 1), records=count)

    # ── media's own ─────────────────────────────────────────────────────────────────────────

    async def _pictures(self, user: str, after: str) -> dict[str, Any]:
        owned, head = self._store.owned, await self._store.owned.head(user)
        rows = await owned.read(head, Window(_AT_ONCE, max_id=after))
        found = await self._store.attachments.get_many([row[0] for row in rows])
        return {
            "records": [_described(one) for one in found.values() if not one.deleted],
            "next": rows[-1][0] if len(rows) == _AT_ONCE else "",
            "total": head.total,
        }

    async def _files(self, user: str, place: Place) -> Gathered:
        """A few pictures; first of all the avatar and the header."""
        head = await self._store.owned.head(user)
        rows = await self._store.owned.read(head, Window(PICTURES, max_id=place.after))
        found = await self._store.attachments.get_many([row[0] for row in rows])
        names = [one.original for one in found.values() if not one.deleted]
        if not place.after:
            portraits = await self._store.portraits.get(user) or Portraits()
            names = [*portraits.shown, *names]
        files = [file for name in names if (file := await self._file(name))]
        after = rows[-1][0] if len(rows) == PICTURES else ""
        further = replace(place, after=after, done=place.done + len(rows), total=head.total)
        return Gathered(files, further if after else Place(place.step + 1), pictures=len(files))

    async def _file(self, name: str) -> File | None:
        try:
            return File(f"pictures/{name}", await self._sidecar.get_blob(name), squeeze=False)
        except NotFound:  # its post was deleted a moment ago
            return None

    # ── other services ──────────────────────────────────────────────────────────────────────

    async def _ask(self, service: str, user: str, kind: str, after: str = "") -> dict[str, Any]:
        reply = await self._sidecar.invoke(
            service, f"belongings/{user}/{kind}", params={"after": after} if after else None
        )
        answer: dict[str, Any] = reply.json()
        return answer

    async def _name(self, records: list[dict[str, Any]]) -> None:
        """Say who is meant, and where a post is to be seen: ids alone tell people nothing."""
        ids = list(dict.fromkeys(one["account"] for one in records if one.get("account")))
        known: dict[str, Any] = {}
        for start in range(0, len(ids), _AT_ONCE):
            part = ",".join(ids[start : start + _AT_ONCE])
            known |= (await self._sidecar.invoke("users", "accounts", params={"ids": part})).json()
        for record in records:
            if account := known.get(record.get("account", "")):
                name = account["profile"]["username"]
                record["username"] = name
                if post := record.get("post"):
                    record["url"] = f"{self._public_url}/@{quote(name)}/{post}"


def _described(attachment: Attachment) -> dict[str, Any]:
    shown = asdict(attachment)
    kept = ("id", "mime", "original", "original_size", "description", "focus", "blurhash")
    return {
        **{name: shown[name] for name in kept},
        "post": attachment.claimed_by or None,
        "created_at": timestamp(id_time(attachment.id)),
    }
