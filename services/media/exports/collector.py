"""Collects the content of an archive: records page by page from other services, pictures in turn.

A part is one file of records, which ends with the page that exceeds `MAX_FILE_BYTES`, or a few
pictures. So a part never has more than a few MiB, whatever a user has.
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
from services.clients.insights import InsightsClient
from services.clients.notifications import NotificationsClient
from services.clients.orders import OrdersClient
from services.clients.payments import PaymentsClient
from services.clients.posts import PostsClient
from services.clients.users import UsersClient
from services.contracts.data_export import ExportPage
from services.media.domain.attachments import AttachmentRecord
from services.media.domain.profile_images import ProfileImages
from services.media.exports.domain import ExportPosition
from services.media.exports.steps import ACCOUNT, FILES, INSIGHTS, PICTURES, README, STEPS
from services.media.repository import Repository

MAX_FILE_BYTES = 512 * 1024
"""Bytes of records after which a file ends, and the next one begins."""

MAX_PAGES_PER_FILE = 20
PICTURES_PER_PART = 4
"""At 2048 px a picture has about half a MiB, rarely four."""

_BATCH_SIZE = 80

_CLIENTS: tuple[type[ExportingClient], ...] = (
    AuthClient,
    UsersClient,
    PostsClient,
    FeedClient,
    NotificationsClient,
    CatalogClient,
    OrdersClient,
    PaymentsClient,
    InsightsClient,
)


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file of the archive."""

    name: str
    data: bytes
    compress: bool = True


@dataclass(frozen=True, slots=True)
class CollectedFiles:
    """Some files, and the position after them."""

    files: list[ExportFile]
    place: ExportPosition
    records: int = 0
    pictures: int = 0


@dataclass(slots=True)
class _Records:
    """Records, encoded as they arrive."""

    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, records: list[Any]) -> None:
        for record in records:
            line = orjson.dumps(record)
            self.lines.append(line)
            self.size += len(line)

    def file(self, name: str) -> ExportFile:
        return ExportFile(name, b"[\n" + b",\n".join(self.lines) + b"\n]\n")


PageReader = Callable[[str, str], Awaitable[ExportPage]]


class ExportCollector:
    """Collects the data of a user from a position on."""

    def __init__(self, repository: Repository, sidecar: DaprClient, public_url: str) -> None:
        self._repository = repository
        self._sidecar = sidecar
        self._users = UsersClient(sidecar)
        self._services: Mapping[str, ExportingClient] = {
            client.app_id: client(sidecar) for client in _CLIENTS
        }
        self._public_url = public_url

    async def collect(self, user: str, place: ExportPosition) -> CollectedFiles:
        """Return the next files. Raises `ServiceError`."""
        step = STEPS[place.step]
        if step is INSIGHTS and not InsightsClient.is_running():
            return CollectedFiles([], ExportPosition(place.step + 1))
        if step is ACCOUNT:
            return await self._account(user, place)
        if step is FILES:
            return await self._files(user, place)
        if step is PICTURES:
            return await self._records(user, place, self._pictures)

        async def read(user: str, after: str) -> ExportPage:
            page = await self._services[step.service].export_page(user, step.kind, after)
            await self._add_usernames(page.records)
            return page

        return await self._records(user, place, read)

    async def _account(self, user: str, place: ExportPosition) -> CollectedFiles:
        login = await self._services["auth"].export_page(user, "login")
        profile = await self._users.export_page(user, "profile")
        sessions = await self._services["auth"].export_page(user, "sessions")
        account = {
            "login": login.records[0],
            "sessions": sessions.records,
            "profile": profile.records[0],
        }
        readme = README.format(place=self._public_url, when=timestamp())
        files = [
            ExportFile("README.txt", readme.encode()),
            ExportFile("account.json", orjson.dumps(account, option=orjson.OPT_INDENT_2)),
        ]
        return CollectedFiles(files, ExportPosition(place.step + 1), records=1)

    async def _records(self, user: str, place: ExportPosition, read: PageReader) -> CollectedFiles:
        """Collect one file of records, page by page until it is large enough."""
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
        following = replace(
            place, after=after, page=place.page + 1, done=place.done + count, total=total
        )
        next_place = following if after else ExportPosition(place.step + 1)
        return CollectedFiles([file], next_place, records=count)

    async def _pictures(self, user: str, after: str) -> ExportPage:
        lists, head = self._repository.by_owner, await self._repository.by_owner.head(user)
        rows = await lists.read(head, Window(_BATCH_SIZE, max_id=after))
        found = await self._repository.attachments.get_many([row[0] for row in rows])
        return ExportPage(
            records=[_picture_record(one) for one in found.values() if not one.deleted],
            next=rows[-1][0] if len(rows) == _BATCH_SIZE else "",
            total=head.total,
        )

    async def _files(self, user: str, place: ExportPosition) -> CollectedFiles:
        """Collect a few pictures, starting with the avatar and the header."""
        lists, head = self._repository.by_owner, await self._repository.by_owner.head(user)
        rows = await lists.read(head, Window(PICTURES_PER_PART, max_id=place.after))
        found = await self._repository.attachments.get_many([row[0] for row in rows])
        names = [one.original for one in found.values() if not one.deleted]
        if not place.after:
            images = await self._repository.profile_images.get(user) or ProfileImages()
            names = [*images.shown, *names]
        files = [file for name in names if (file := await self._file(name))]
        after = rows[-1][0] if len(rows) == PICTURES_PER_PART else ""
        following = replace(place, after=after, done=place.done + len(rows), total=head.total)
        next_place = following if after else ExportPosition(place.step + 1)
        return CollectedFiles(files, next_place, pictures=len(files))

    async def _file(self, name: str) -> ExportFile | None:
        try:
            data = await self._sidecar.get_blob(name)
        except NotFound:  # its post was deleted a moment ago
            return None
        return ExportFile(f"pictures/{name}", data, compress=False)

    async def _add_usernames(self, records: list[dict[str, Any]]) -> None:
        """Add usernames and the addresses of posts, because ids alone tell a user nothing."""
        ids = [one["account"] for one in records if one.get("account")]
        known = await self._users.accounts(ids)
        for record in records:
            if account := known.get(record.get("account", "")):
                name = account["profile"]["username"]
                record["username"] = name
                if post := record.get("post"):
                    record["url"] = f"{self._public_url}/@{quote(name)}/{post}"


def _picture_record(attachment: AttachmentRecord) -> dict[str, Any]:
    fields = asdict(attachment)
    exported = ("id", "mime", "original", "original_size", "description", "focus", "blurhash")
    return {
        **{name: fields[name] for name in exported},
        "post": attachment.claimed_by or None,
        "created_at": timestamp(id_time(attachment.id)),
    }
