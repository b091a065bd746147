"""What somebody sees of posts: the one place where visibility is enforced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import Forbidden
from services.chassis.security.token_verifier import Caller
from services.chassis.storage.segmented_list import ListHead
from services.chassis.storage.window import Row, Window, normalize_id
from services.posts.domain.marks import Boost, Mark, Reaction, total_for
from services.posts.domain.posts import PUBLIC_FIELDS, Post, no_such_post
from services.posts.domain.visibility import Relation, Sight, is_wanted, sees, sight
from services.posts.store import Record, Store, opened
from services.posts.suspensions import Suspensions

ROUNDS = 5
"""How many pages of a list are looked through for one that has something to show."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A post that somebody may see, with all that is shown beside it; a boost, what it shows."""

    post: Post
    version: int
    record: Record
    reblog: Seen | None = None

    @property
    def mark(self) -> Mark | None:
        return self.record.mark

    def view(self, mark: Mark | None = None) -> dict[str, Any]:
        """The `PostView`; with a mark that is newer than the one that was read."""
        if self.reblog is not None:
            return _boost_view(self.post, self.version, self.reblog.view(mark))
        mark = mark or self.mark
        favourite = mark.favourite if mark else Reaction()
        reblog = mark.reblog if mark else Boost()
        view = view_of(
            self.post,
            self.version,
            favourites=total_for(opened(self.record.favouriters), favourite),
            reblogs=total_for(opened(self.record.rebloggers), reblog),
            replies=self.record.replies,
            mark=mark,
        )
        return view | {"pinned": self.record.pinned}


def view_of(
    post: Post,
    version: int,
    *,
    favourites: int = 0,
    reblogs: int = 0,
    replies: int = 0,
    mark: Mark | None = None,
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


def _boost_view(boost: Post, version: int, original: dict[str, Any]) -> dict[str, Any]:
    """The `PostView` of a boost: what people think of it, they think of what it shows."""
    own = {"post", "version", "pinned", "reblog"}
    shared = {name: value for name, value in original.items() if name not in own}
    return view_of(boost, version) | shared | {"reblog": original}


class Relations:
    """How authors stand to one caller: asked of users once for all, and only where it matters."""

    def __init__(self, sidecar: DaprClient, caller: Caller | None) -> None:
        self._sidecar = sidecar
        self._caller = caller
        self._known: dict[str, Relation] = {}

    async def of(self, authors: Iterable[str]) -> dict[str, Relation]:
        """Asks for those that are not known yet; not at all for an app that acts for nobody."""
        new = sorted(set(authors) - self._known.keys())
        if new and self._caller is not None and self._caller.user_id:
            answer = await self._ask(self._caller, new)
            self._known |= dict.fromkeys(new, Relation()) | answer
        return self._known

    async def _ask(self, caller: Caller, authors: list[str]) -> dict[str, Relation]:
        reply = await self._sidecar.invoke(
            "users", "relationships", method="POST", token=caller.token, json={"ids": authors}
        )
        return {
            row["id"]: Relation(
                follows=row["following"],
                blocked=row["blocked_by"],
                blocking=row["blocking"],
                hidden=row["blocking"] or row["muting"],
            )
            for row in reply.json()
        }


class Views:
    """Reads posts as somebody may see them."""

    def __init__(self, store: Store, sidecar: DaprClient, suspensions: Suspensions) -> None:
        self._store = store
        self._sidecar = sidecar
        self._suspensions = suspensions

    async def one(self, id: str, caller: Caller | None, relations: Relations | None = None) -> Seen:
        """A post. Raises `NotFound`.

        One state call, for a boost two; and for somebody else's post, where the caller is signed
        in, one invocation.
        """
        id = post_id(id)
        seen = await self.many([id], caller, relations)
        if id not in seen:
            raise no_such_post()
        return seen[id]

    async def own(self, id: str, caller: Caller) -> Seen:
        """A post to change. Raises `NotFound`, or `Forbidden` for somebody else's."""
        seen = await self.one(id, caller)
        if seen.post.author != caller.user_id:
            raise Forbidden("This is somebody else's post.")
        return seen

    async def target(
        self, id: str, caller: Caller | None, relations: Relations | None = None
    ) -> Seen:
        """A post to ask more about: for a boost, what it shows. As `one`."""
        seen = await self.one(id, caller, relations)
        return seen.reblog or seen

    async def likeable(self, id: str, caller: Caller) -> Seen:
        """A post to react to for all to see. As `target`, and raises `Forbidden`."""
        relations = Relations(self._sidecar, caller)
        seen = await self.target(id, caller, relations)
        known = await relations.of([])
        if known.get(seen.post.author, Relation()).blocking:
            raise Forbidden("You block whoever made this post.")
        return seen

    async def many(
        self, ids: Sequence[str], caller: Caller | None, relations: Relations | None = None
    ) -> dict[str, Seen]:
        """Those of some posts that are visible, in that order.

        One state call, with boosts among them two; and at most one invocation.
        """
        viewer = caller.user_id if caller else ""
        records = await self._records(ids, viewer)
        suspended = await self._suspensions.ids()
        found = {
            id: (doc, record)
            for id, record in records.items()
            if (doc := record.doc) and doc.value.author not in suspended
        }
        sights = {id: sight(doc.value, viewer) for id, (doc, _) in found.items()}
        asked = [doc.value.author for id, (doc, _) in found.items() if sights[id] is Sight.ASK]
        known = await (relations or Relations(self._sidecar, caller)).of(asked)
        seen = {
            id: Seen(doc.value, doc.version, record)
            for id, (doc, record) in found.items()
            if sights[id] is Sight.YES
            or (sights[id] is Sight.ASK and sees(doc.value, viewer, known[doc.value.author]))
        }
        return {id: whole for id in ids if (whole := _whole(id, seen))}

    async def _records(self, ids: Sequence[str], viewer: str) -> dict[str, Record]:
        """Posts with all that is shown beside them, and with those that boosts among them show."""
        records = await self._store.records(list(dict.fromkeys(ids)), viewer)
        posts = [record.post for record in records.values()]
        shown = {post.reblog_of_id for post in posts if post and post.reblog_of_id}
        more = sorted(shown - records.keys())
        return records | await self._store.records(more, viewer) if more else records

    async def around(self, id: str, ids: Sequence[str], caller: Caller | None) -> list[Seen]:
        """A post, and those of its thread that are visible and wanted. Raises `NotFound`.

        One state call; and for somebody signed in at most two invocations, where others take part.
        """
        relations = Relations(self._sidecar, caller)
        seen = await self.many([id, *ids], caller, relations)
        if id not in seen:
            raise no_such_post()
        me = caller.user_id if caller else ""
        known = await relations.of({one.post.author for one in seen.values()} - {me})
        return [
            seen[each]
            for each in dict.fromkeys(ids)
            if each == id or (each in seen and is_wanted(known.get(seen[each].post.author)))
        ]

    async def every(self, ids: Sequence[str]) -> list[Seen]:
        """Those of some posts that are there, whoever may see them: for admins. One state call."""
        records = await self._store.records(list(dict.fromkeys(ids)), "")
        return [
            Seen(doc.value, doc.version, record)
            for record in records.values()
            if (doc := record.doc) and not doc.value.deleted
        ]

    async def history(self, id: str, caller: Caller | None) -> list[Any]:
        """All versions of a post, oldest first. Two state calls."""
        seen = await self.target(id, caller)
        return await self._store.versions(seen.post)

    # ── lists ───────────────────────────────────────────────────────────────────────────────

    async def favourited_by(self, id: str, window: Window, caller: Caller | None) -> dict[str, Any]:
        """Who likes a post. One state call, or two beyond the newest hundred."""
        seen = await self.target(id, caller)
        lists = self._store.favouriters
        doc = lists.heads.decode(seen.record.favouriters)
        rows = await lists.read(doc.value if doc else ListHead(), window)
        return _reactors(rows, window.next_cursor(rows))

    async def reblogged_by(self, id: str, window: Window, caller: Caller | None) -> dict[str, Any]:
        """Who boosts a post, but for those who do so for their own followers alone.

        One state call, or two beyond the newest hundred.
        """
        seen = await self.target(id, caller)
        viewer = caller.user_id if caller else ""
        lists = self._store.rebloggers
        doc = lists.heads.decode(seen.record.rebloggers)
        kept: list[Row] = []
        for _ in range(ROUNDS):
            rows = await lists.read(doc.value if doc else ListHead(), window)
            kept = [row for row in rows if _is_told(row, seen.post, viewer)]
            if kept or len(rows) < window.limit:
                break
            window = _beyond(window, rows)
        return _reactors(kept, window.next_cursor(rows))

    async def marked(self, kind: str, window: Window, caller: Caller) -> dict[str, Any]:
        """What somebody likes or keeps, newest first. Two state calls, or three further down.

        A page on which nothing is visible any more is passed over, since an empty one would end
        the list.
        """
        lists = self._store.favourites if kind == "favourite" else self._store.bookmarks
        for _ in range(ROUNDS):
            rows = await lists.page(caller.user_id, window)
            shown = await self._shown(kind, rows, caller)
            if shown["ids"] or len(rows) < window.limit:
                break
            window = _beyond(window, rows)
        return shown | {"more": window.next_cursor(rows)}

    async def _shown(self, kind: str, rows: list[Row], caller: Caller) -> dict[str, Any]:
        seen = await self.many([row[1] for row in rows], caller) if rows else {}
        kept = [row for row in rows if row[1] in seen and _is_still(kind, row[0], seen[row[1]])]
        return {
            "ids": [row[0] for row in kept],
            "views": [seen[row[1]].view() for row in kept],
        }


def post_id(id: str) -> str:
    """An id as it is kept. Raises `NotFound` for what cannot be one."""
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise no_such_post()
    return normalize_id(id)


def _whole(id: str, seen: dict[str, Seen]) -> Seen | None:
    """A post that is visible; a boost with what it shows, if that is visible too."""
    found = seen.get(id)
    if found is None or not found.post.reblog_of_id:
        return found
    original = seen.get(found.post.reblog_of_id)
    return replace(found, reblog=original) if original else None


def _is_told(row: Row, original: Post, viewer: str) -> bool:
    return row[2] != "private" or original.visibility == "private" or row[1] == viewer


def _reactors(rows: list[Row], more: str) -> dict[str, Any]:
    return {"ids": [row[0] for row in rows], "accounts": [row[1] for row in rows], "more": more}


def _is_still(kind: str, id: str, seen: Seen) -> bool:
    mark = seen.mark or Mark("", "")
    return (mark.favourite if kind == "favourite" else mark.bookmark).place == id


def _beyond(window: Window, rows: list[Row]) -> Window:
    if window.ascending:
        return Window(window.limit, window.max_id, window.since_id, rows[0][0])
    return Window(window.limit, rows[-1][0], window.since_id, window.min_id)
