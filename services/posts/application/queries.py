"""What somebody sees of posts: the one place where visibility is enforced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Forbidden
from services.chassis.security.caller import Caller
from services.chassis.storage.segmented_list import ListHead
from services.chassis.storage.window import Row, Window, normalize_id
from services.posts.application.suspended_accounts import SuspendedAccounts
from services.posts.domain.interactions import BoostState, Interaction, Reaction, count_for_viewer
from services.posts.domain.posts import PUBLIC_FIELDS, PostRecord, post_not_found
from services.posts.domain.visibility import (
    Access,
    AuthorRelationship,
    check_access,
    is_shown_in_thread,
    is_visible_to,
)
from services.posts.repository import PostDetails, Repository, decode_list_head

MAX_PAGES_SCANNED = 5
"""How many pages of a list are looked through for one that has something to show."""


@dataclass(frozen=True, slots=True)
class VisiblePost:
    """A post that somebody may see, with all that is shown beside it; a boost, what it shows."""

    post: PostRecord
    version: int
    details: PostDetails
    reblog: VisiblePost | None = None

    @property
    def interaction(self) -> Interaction | None:
        return self.details.interaction

    def view(self, mark: Interaction | None = None) -> dict[str, Any]:
        """The `PostView`; with a mark that is newer than the one that was read."""
        if self.reblog is not None:
            return _boost_view(self.post, self.version, self.reblog.view(mark))
        mark = mark or self.interaction
        favourite = mark.favourite if mark else Reaction()
        reblog = mark.reblog if mark else BoostState()
        view = post_view(
            self.post,
            self.version,
            favourites=count_for_viewer(decode_list_head(self.details.favouriters), favourite),
            reblogs=count_for_viewer(decode_list_head(self.details.rebloggers), reblog),
            replies=self.details.replies,
            mark=mark,
        )
        return view | {"pinned": self.details.pinned}


def post_view(
    post: PostRecord,
    version: int,
    *,
    favourites: int = 0,
    reblogs: int = 0,
    replies: int = 0,
    mark: Interaction | None = None,
) -> dict[str, Any]:
    """A `PostView` as it goes on the wire."""
    return {
        "post": {name: getattr(post, name) for name in PUBLIC_FIELDS},
        "version": version,
        "counts": {"favourites": favourites, "reblogs": reblogs, "replies": replies},
        "favourited": mark is not None and mark.favourite.on,
        "bookmarked": mark is not None and mark.bookmark.on,
        "reblogged": mark is not None and mark.reblog.on,
        "pinned": False,
        "reblog": None,
    }


def _boost_view(boost: PostRecord, version: int, original: dict[str, Any]) -> dict[str, Any]:
    """The `PostView` of a boost: what people think of it, they think of what it shows."""
    own = {"post", "version", "pinned", "reblog"}
    shared = {name: value for name, value in original.items() if name not in own}
    return post_view(boost, version) | shared | {"reblog": original}


class AuthorRelationships:
    """How authors stand to one caller: asked of users once for all, and only where it matters."""

    def __init__(self, sidecar: DaprClient, caller: Caller | None) -> None:
        self._sidecar = sidecar
        self._caller = caller
        self._known: dict[str, AuthorRelationship] = {}

    async def load(self, authors: Iterable[str]) -> dict[str, AuthorRelationship]:
        """Asks for those that are not known yet; not at all for an app that acts for nobody."""
        new = sorted(set(authors) - self._known.keys())
        if new and self._caller is not None and self._caller.user_id:
            answer = await self._fetch(self._caller, new)
            self._known |= dict.fromkeys(new, AuthorRelationship()) | answer
        return self._known

    async def _fetch(self, caller: Caller, authors: list[str]) -> dict[str, AuthorRelationship]:
        reply = await self._sidecar.invoke(
            "users", "relationships", method="POST", token=caller.token, json={"ids": authors}
        )
        return {
            row["id"]: AuthorRelationship(
                follows=row["following"],
                blocked=row["blocked_by"],
                blocking=row["blocking"],
                hidden=row["blocking"] or row["muting"],
            )
            for row in reply.json()
        }


class PostQueries:
    """Reads posts as somebody may see them."""

    def __init__(
        self, repository: Repository, sidecar: DaprClient, suspensions: SuspendedAccounts
    ) -> None:
        self._repository = repository
        self._sidecar = sidecar
        self._suspended_accounts = suspensions

    async def get(
        self, id: str, caller: Caller | None, relations: AuthorRelationships | None = None
    ) -> VisiblePost:
        """A post. Raises `NotFound`.

        One state call, for a boost two; and for somebody else's post, where the caller is signed
        in, one invocation.
        """
        id = parse_post_id(id)
        seen = await self.get_many([id], caller, relations)
        if id not in seen:
            raise post_not_found()
        return seen[id]

    async def get_own(self, id: str, caller: Caller) -> VisiblePost:
        """A post to change. Raises `NotFound`, or `Forbidden` for somebody else's."""
        seen = await self.get(id, caller)
        if seen.post.author != caller.user_id:
            raise Forbidden("This is somebody else's post.")
        return seen

    async def get_original(
        self, id: str, caller: Caller | None, relations: AuthorRelationships | None = None
    ) -> VisiblePost:
        """A post to ask more about: for a boost, what it shows. As `one`."""
        seen = await self.get(id, caller, relations)
        return seen.reblog or seen

    async def get_reactable(self, id: str, caller: Caller) -> VisiblePost:
        """A post to react to for all to see. As `target`, and raises `Forbidden`."""
        relations = AuthorRelationships(self._sidecar, caller)
        seen = await self.get_original(id, caller, relations)
        known = await relations.load([])
        if known.get(seen.post.author, AuthorRelationship()).blocking:
            raise Forbidden("You block whoever made this post.")
        return seen

    async def get_many(
        self,
        ids: Sequence[str],
        caller: Caller | None,
        relations: AuthorRelationships | None = None,
    ) -> dict[str, VisiblePost]:
        """Those of some posts that are visible, in that order.

        One state call, with boosts among them two; and at most one invocation.
        """
        viewer = caller.user_id if caller else ""
        records = await self._load(ids, viewer)
        suspended = await self._suspended_accounts.ids()
        found = {
            id: (doc, record)
            for id, record in records.items()
            if (doc := record.doc) and doc.value.author not in suspended
        }
        sights = {id: check_access(doc.value, viewer) for id, (doc, _) in found.items()}
        asked = [doc.value.author for id, (doc, _) in found.items() if sights[id] is Access.DEPENDS]
        known = await (relations or AuthorRelationships(self._sidecar, caller)).load(asked)
        seen = {
            id: VisiblePost(doc.value, doc.version, record)
            for id, (doc, record) in found.items()
            if sights[id] is Access.ALLOWED
            or (
                sights[id] is Access.DEPENDS
                and is_visible_to(doc.value, viewer, known[doc.value.author])
            )
        }
        return {id: whole for id in ids if (whole := _with_original(id, seen))}

    async def _load(self, ids: Sequence[str], viewer: str) -> dict[str, PostDetails]:
        """Posts with all that is shown beside them, and with those that boosts among them show."""
        records = await self._repository.post_details(list(dict.fromkeys(ids)), viewer)
        posts = [record.post for record in records.values()]
        shown = {post.reblog_of_id for post in posts if post and post.reblog_of_id}
        more = sorted(shown - records.keys())
        return records | await self._repository.post_details(more, viewer) if more else records

    async def get_thread(
        self, id: str, ids: Sequence[str], caller: Caller | None
    ) -> list[VisiblePost]:
        """A post, and those of its thread that are visible and wanted. Raises `NotFound`.

        One state call; and for somebody signed in at most two invocations, where others take part.
        """
        relations = AuthorRelationships(self._sidecar, caller)
        seen = await self.get_many([id, *ids], caller, relations)
        if id not in seen:
            raise post_not_found()
        me = caller.user_id if caller else ""
        known = await relations.load({one.post.author for one in seen.values()} - {me})
        return [
            seen[each]
            for each in dict.fromkeys(ids)
            if each == id
            or (each in seen and is_shown_in_thread(known.get(seen[each].post.author)))
        ]

    async def get_unrestricted(self, ids: Sequence[str]) -> list[VisiblePost]:
        """Those of some posts that are there, whoever may see them: for admins. One state call."""
        records = await self._repository.post_details(list(dict.fromkeys(ids)), "")
        return [
            VisiblePost(doc.value, doc.version, record)
            for record in records.values()
            if (doc := record.doc) and not doc.value.deleted
        ]

    async def history(self, id: str, caller: Caller | None) -> list[Any]:
        """All versions of a post, oldest first. Two state calls."""
        seen = await self.get_original(id, caller)
        return await self._repository.versions(seen.post)

    # ── lists ───────────────────────────────────────────────────────────────────────────────

    async def favourited_by(self, id: str, window: Window, caller: Caller | None) -> dict[str, Any]:
        """Who likes a post. One state call, or two beyond the newest hundred."""
        seen = await self.get_original(id, caller)
        lists = self._repository.favouriters
        doc = lists.heads.decode(seen.details.favouriters)
        rows = await lists.read(doc.value if doc else ListHead(), window)
        return _reactor_page(rows, window.next_cursor(rows))

    async def reblogged_by(self, id: str, window: Window, caller: Caller | None) -> dict[str, Any]:
        """Who boosts a post, but for those who do so for their own followers alone.

        One state call, or two beyond the newest hundred.
        """
        seen = await self.get_original(id, caller)
        viewer = caller.user_id if caller else ""
        lists = self._repository.rebloggers
        doc = lists.heads.decode(seen.details.rebloggers)
        kept: list[Row] = []
        for _ in range(MAX_PAGES_SCANNED):
            rows = await lists.read(doc.value if doc else ListHead(), window)
            kept = [row for row in rows if _is_listed_boost(row, seen.post, viewer)]
            if kept or len(rows) < window.limit:
                break
            window = _next_window(window, rows)
        return _reactor_page(kept, window.next_cursor(rows))

    async def reacted_posts(self, kind: str, window: Window, caller: Caller) -> dict[str, Any]:
        """What somebody likes or keeps, newest first. Two state calls, or three further down.

        A page on which nothing is visible any more is passed over, since an empty one would end
        the list.
        """
        lists = self._repository.favourites if kind == "favourite" else self._repository.bookmarks
        for _ in range(MAX_PAGES_SCANNED):
            rows = await lists.page(caller.user_id, window)
            shown = await self._reacted_page(kind, rows, caller)
            if shown["ids"] or len(rows) < window.limit:
                break
            window = _next_window(window, rows)
        return shown | {"more": window.next_cursor(rows)}

    async def _reacted_page(self, kind: str, rows: list[Row], caller: Caller) -> dict[str, Any]:
        seen = await self.get_many([row[1] for row in rows], caller) if rows else {}
        kept = [
            row
            for row in rows
            if row[1] in seen and _is_current_reaction(kind, row[0], seen[row[1]])
        ]
        return {
            "ids": [row[0] for row in kept],
            "views": [seen[row[1]].view() for row in kept],
        }


def parse_post_id(id: str) -> str:
    """An id as it is kept. Raises `NotFound` for what cannot be one."""
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise post_not_found()
    return normalize_id(id)


def _with_original(id: str, seen: dict[str, VisiblePost]) -> VisiblePost | None:
    """A post that is visible; a boost with what it shows, if that is visible too."""
    found = seen.get(id)
    if found is None or not found.post.reblog_of_id:
        return found
    original = seen.get(found.post.reblog_of_id)
    return replace(found, reblog=original) if original else None


def _is_listed_boost(row: Row, original: PostRecord, viewer: str) -> bool:
    return row[2] != "private" or original.visibility == "private" or row[1] == viewer


def _reactor_page(rows: list[Row], more: str) -> dict[str, Any]:
    return {"ids": [row[0] for row in rows], "accounts": [row[1] for row in rows], "more": more}


def _is_current_reaction(kind: str, id: str, seen: VisiblePost) -> bool:
    mark = seen.interaction or Interaction("", "")
    return (mark.favourite if kind == "favourite" else mark.bookmark).position == id


def _next_window(window: Window, rows: list[Row]) -> Window:
    if window.ascending:
        return Window(window.limit, window.max_id, window.since_id, rows[0][0])
    return Window(window.limit, rows[-1][0], window.since_id, window.min_id)
