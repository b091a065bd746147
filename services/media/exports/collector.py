"""What comes into an archive: other services are asked page by page, pictures are read one by one.

A piece is a file of records (it ends with the page that brings it above `MAX_PAGE_BYTES`), or a few
pictures: never more than a few MiB, whatever somebody has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from urllib.parse import quote

import orjson

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import NotFound
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Window
from services.clients.auth import AuthClient
from services.clients.base import ExportingClient
from services.clients.catalog import CatalogClient
from services.clients.feed import FeedClient
from services.clients.notifications import NotificationsClient
from services.clients.orders import OrdersClient
from services.clients.payments import PaymentsClient
from services.clients.posts import PostsClient
from services.clients.users import UsersClient
from services.contracts.data_export import ExportPage
from services.media.domain import AttachmentRecord
from services.media.exports.domain import ExportPosition
from services.media.repository import ProfileImages, Repository

MAX_FILE_BYTES = 512 * 1024
"""Bytes of records after which a file ends, and the next one begins."""

MAX_PAGES_PER_FILE = 20
"""How many pages of records there are in one file, at most."""

PICTURES_PER_PART = 4
"""How many pictures come into one piece. Of 2048 px they have half a MiB each, rarely four."""

_BATCH_SIZE = 80

_EXPORTING: tuple[type[ExportingClient], ...] = (
    AuthClient,
    UsersClient,
    PostsClient,
    FeedClient,
    NotificationsClient,
    CatalogClient,
    OrdersClient,
    PaymentsClient,
)


@dataclass(frozen=True, slots=True)
class ExportStep:
    """One kind of things: what its files are called, and which service has them."""

    file: str
    service: str
    kind: str


STEPS = (
    ExportStep("account", "", ""),
    ExportStep("posts", "posts", "posts"),
    ExportStep("direct-posts", "posts", "directs"),
    ExportStep("favourites", "posts", "favourites"),
    ExportStep("bookmarks", "posts", "bookmarks"),
    ExportStep("following", "users", "following"),
    ExportStep("followers", "users", "followers"),
    ExportStep("follow-requests", "users", "follow-requests"),
    ExportStep("requested", "users", "requested"),
    ExportStep("blocks", "users", "blocks"),
    ExportStep("mutes", "users", "mutes"),
    ExportStep("notes", "users", "notes"),
    ExportStep("followed-tags", "users", "followed-tags"),
    ExportStep("notifications", "notifications", "notifications"),
    ExportStep("conversations", "feed", "conversations"),
    ExportStep("shops", "catalog", "shops"),
    ExportStep("products", "catalog", "products"),
    ExportStep("cart", "orders", "cart"),
    ExportStep("bought", "orders", "bought"),
    ExportStep("sold", "orders", "sold"),
    ExportStep("paid", "payments", "paid"),
    ExportStep("earned", "payments", "earned"),
    ExportStep("pictures", "", ""),
    ExportStep("files", "", ""),
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
class ExportFile:
    """A file that comes into the archive."""

    name: str
    data: bytes
    compress: bool = True


@dataclass(frozen=True, slots=True)
class CollectedFiles:
    """Some files, and where it goes on after them."""

    files: list[ExportFile]
    place: ExportPosition
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

    def file(self, name: str) -> ExportFile:
        return ExportFile(name, b"[\n" + b",\n".join(self.lines) + b"\n]\n")


Read = Callable[[str, str], Awaitable[ExportPage]]


class ExportCollector:
    """Reads what somebody has, from a place on."""

    def __init__(self, store: Repository, sidecar: DaprClient, public_url: str) -> None:
        self._store = store
        self._sidecar = sidecar
        self._users = UsersClient(sidecar)
        self._services: Mapping[str, ExportingClient] = {
            client.app_id: client(sidecar) for client in _EXPORTING
        }
        self._public_url = public_url

    async def collect(self, user: str, place: ExportPosition) -> CollectedFiles:
        """The next files. Raises `ServiceError`."""
        step = STEPS[place.step]
        if step.file == "account":
            return await self._account(user, place)
        if step.file == "files":
            return await self._files(user, place)
        if step.file == "pictures":
            return await self._records(user, place, self._pictures)

        async def read(user: str, after: str) -> ExportPage:
            page = await self._services[step.service].export_page(user, step.kind, after)
            await self._add_usernames(page.records)
            return page

        return await self._records(user, place, read)

    async def _account(self, user: str, place: ExportPosition) -> CollectedFiles:
        login = await self._services["auth"].export_page(user, "login")
        profile = await self._users.export_page(user, "profile")
        account = {"login": login.records[0], "profile": profile.records[0]}
        readme = README.format(place=self._public_url, when=timestamp())
        files = [
            ExportFile("README.txt", readme.encode()),
            ExportFile("account.json", orjson.dumps(account, option=orjson.OPT_INDENT_2)),
        ]
        return CollectedFiles(files, ExportPosition(place.step + 1), records=1)

    async def _records(self, user: str, place: ExportPosition, read: Read) -> CollectedFiles:
        """A file of records: page by page, until it is large enough."""
        written, after, total = _Records(), place.after, 0
        for _ in range(MAX_PAGES_PER_FILE):
            page = await read(user, after)
            written.add(page.records)
            after, total = page.next, page.total
            if not after or written.size >= MAX_FILE_BYTES:
                break
        name = STEPS[place.step].file
        is_whole = place.page == 1 and not after
        file = written.file(f"{name}.json" if is_whole else f"{name}-{place.page:03}.json")
        count = len(written.lines)
        further = replace(
            place, after=after, page=place.page + 1, done=place.done + count, total=total
        )
        return CollectedFiles(
            [file], further if after else ExportPosition(place.step + 1), records=count
        )

    # ── media's own ─────────────────────────────────────────────────────────────────────────

    async def _pictures(self, user: str, after: str) -> ExportPage:
        owned, head = self._store.by_owner, await self._store.by_owner.head(user)
        rows = await owned.read(head, Window(_BATCH_SIZE, max_id=after))
        found = await self._store.attachments.get_many([row[0] for row in rows])
        return ExportPage(
            records=[_described(one) for one in found.values() if not one.deleted],
            next=rows[-1][0] if len(rows) == _BATCH_SIZE else "",
            total=head.total,
        )

    async def _files(self, user: str, place: ExportPosition) -> CollectedFiles:
        """A few pictures; first of all the avatar and the header."""
        head = await self._store.by_owner.head(user)
        rows = await self._store.by_owner.read(head, Window(PICTURES_PER_PART, max_id=place.after))
        found = await self._store.attachments.get_many([row[0] for row in rows])
        names = [one.original for one in found.values() if not one.deleted]
        if not place.after:
            portraits = await self._store.profile_images.get(user) or ProfileImages()
            names = [*portraits.shown, *names]
        files = [file for name in names if (file := await self._file(name))]
        after = rows[-1][0] if len(rows) == PICTURES_PER_PART else ""
        further = replace(place, after=after, done=place.done + len(rows), total=head.total)
        return CollectedFiles(
            files, further if after else ExportPosition(place.step + 1), pictures=len(files)
        )

    async def _file(self, name: str) -> ExportFile | None:
        try:
            return ExportFile(
                f"pictures/{name}", await self._sidecar.get_blob(name), compress=False
            )
        except NotFound:  # its post was deleted a moment ago
            return None

    # ── other services ──────────────────────────────────────────────────────────────────────

    async def _add_usernames(self, records: list[dict[str, Any]]) -> None:
        """Say who is meant, and where a post is to be seen: ids alone tell people nothing."""
        ids = [one["account"] for one in records if one.get("account")]
        known = await self._users.accounts(ids)
        for record in records:
            if account := known.get(record.get("account", "")):
                name = account["profile"]["username"]
                record["username"] = name
                if post := record.get("post"):
                    record["url"] = f"{self._public_url}/@{quote(name)}/{post}"


def _described(attachment: AttachmentRecord) -> dict[str, Any]:
    shown = asdict(attachment)
    kept = ("id", "mime", "original", "original_size", "description", "focus", "blurhash")
    return {
        **{name: shown[name] for name in kept},
        "post": attachment.claimed_by or None,
        "created_at": timestamp(id_time(attachment.id)),
    }
