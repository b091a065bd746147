"""For which of the people who are connected right now a post is.

State calls: one for the post, its author and, where many are asked for, the author's followers
among them; one for how those who are left stand to the author. Where many are asked for a post
with hashtags, at most one more, for who of them follows any: of that something small is read of
each, and kept for a moment. The same however many followers there are; what is read grows with the
people asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends

from services.chassis.dapr.client import ABSENT
from services.chassis.ids import id_time
from services.chassis.security.token_verifier import require_service
from services.contracts.accounts import Account, AccountCounts, Profile
from services.contracts.audiences import Audience, AudienceQuestion
from services.contracts.posts import Post, PostCounts, PostView
from services.feed.conversation import id_of, places_of
from services.feed.domain import (
    BY_TAG,
    Card,
    Person,
    Reader,
    Row,
    Stance,
    audience,
    lists_of,
    row_of,
    shard_of,
)
from services.feed.store import Store

_FEW = 50
"""Up to so many people it is cheaper to ask each how they stand than who follows the author."""


class Audiences:
    """Answers for streaming."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, asked: AudienceQuestion) -> Audience:
        """The audience of a post, by the newest that is known of it.

        What is known here may be older than what is asked about, or newer.
        """
        author = asked.post.author
        known = await self._known(asked)
        card = known.card.heard(asked.post.model_dump(mode="json"), asked.version)
        followers = known.followers
        tags = _tags(card.post, asked.post)
        near = asked.users
        if followers is not None:
            has_it = {*audience(card.post, followers), *await self._fans(asked.users, tags)}
            near = [user for user in asked.users if user in has_it]
        people = {*near, *asked.viewers}
        authors = {author, asked.post.reblog_of_account_id or author}
        heard = await self._store.stances.get_many(people)
        stances = await self._store.towards(heard, authors)
        readers = {id: Reader(id, stances.get(id, Stance())) for id in people}
        sees = {id for id, reader in readers.items() if _sees(reader, card.post, known.shown)}
        row = row_of(card.post)
        return Audience(
            home=[id for id in near if id in sees and _is_at_home(row, tags, readers[id])],
            hidden=[id for id in asked.viewers if id not in sees],
            view=_view(card, known.shown),
            authors={id: _account(person) for id, person in known.people.items()},
            conversation=id_of(card.post) if places_of(card.post) else "",
        )

    async def _fans(self, users: Iterable[str], tags: set[str]) -> list[str]:
        """Who of some people has what is under any of some hashtags at home."""
        if not tags:
            return []
        keys = {self._store.home_tags.key(user): user for user in users}
        docs = await self._store.home_tags_memory.read(keys)
        return [keys[key] for key, doc in docs.items() if not tags.isdisjoint(doc["data"]["tags"])]

    async def _known(self, asked: AudienceQuestion) -> _Known:
        """A post, what it shows, who made both, and where that helps its author's followers.

        One state call.
        """
        store, post, author = self._store, asked.post, asked.post.author
        shown = post.reblog_of_id or ""
        named = [mention.id for mention in post.mentions if post.visibility == "direct"]
        concerned = {author, post.reblog_of_account_id, *named}
        people = {id: store.people.key(id) for id in concerned if id}
        cards = [store.cards.key(id) for id in (post.id, shown) if id]
        shards = [
            store.shards.key(f"{author}:{shard}")
            for shard in sorted({shard_of(user) for user in asked.users})
            if len(asked.users) > _FEW
        ]
        rows = await store.state.get_many([*cards, *people.values(), *shards])
        found = [store.cards.decode(rows.get(card, ABSENT)) for card in cards]
        there = {id: store.people.decode(rows.get(key, ABSENT)) for id, key in people.items()}
        opened = [store.shards.decode(rows.get(shard, ABSENT)) for shard in shards]
        followers = [person for doc in opened if doc for person in doc.value.followers]
        return _Known(
            found[0].value if found[0] else Card(),
            found[-1].value if shown and found[-1] else Card(),
            {id: doc.value for id, doc in there.items() if doc and doc.value.is_there},
            followers if shards else None,
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a post; `shown` is empty but for a boost."""

    card: Card
    shown: Card
    people: dict[str, Person]
    followers: list[str] | None


def _sees(reader: Reader, post: dict[str, Any], shown: Card) -> bool:
    """Whether a post is visible to somebody, and what it shows if it is a boost."""
    author = post.get("reblog_of_account_id")
    if not reader.may_see(post) or (author and not reader.stance.sees(author)):
        return False
    return not shown.post or (shown.is_there and reader.may_see(shown.post))


def _tags(post: dict[str, Any], asked: Post) -> set[str]:
    """The hashtags under which a post is found.

    A tombstone has none: whoever asks about one says under which the post was.
    """
    return lists_of({**post, "tags": asked.tags} if asked.deleted else post)["tag"]


def _is_at_home(row: Row, tags: set[str], reader: Reader) -> bool:
    """Whether a post belongs into somebody's home, by its author or by one of its hashtags."""
    if tags.isdisjoint(reader.stance.tags_at_home):
        return reader.wants_at_home(row)
    return reader.wants_at_home([*row[:2], row[2] | BY_TAG, *row[3:]])


def _view(card: Card, shown: Card) -> PostView:
    reblog = _view(shown, Card()) if shown.is_there else None
    own = PostCounts(
        favourites=card.favourites.total, reblogs=card.reblogs.total, replies=card.replies.total
    )
    return PostView(
        post=Post.model_validate(card.post),
        version=card.version,
        counts=reblog.counts if reblog else own,
        reblog=reblog,
    )


def _account(person: Person) -> Account:
    counts = AccountCounts(
        followers=person.followers.total,
        following=person.following.total,
        statuses=person.statuses.total,
        last_status_at=id_time(person.last_post).date().isoformat() if person.last_post else None,
    )
    profile = Profile.model_validate(person.profile)
    return Account(profile=profile, counts=counts, version=person.version)


def create_router(audiences: Audiences) -> APIRouter:
    """The route, for the gateway."""
    router = APIRouter(tags=["streaming"], dependencies=[Depends(require_service("gateway"))])

    @router.post("/audiences", response_model=Audience)
    async def audience_of(asked: AudienceQuestion) -> Audience:
        """For which of those who are connected a post is, and what they are to be shown."""
        return await audiences.of(asked)

    return router
