"""For which of the people who are connected right now a post is.

State calls: one for the post, its author and, where many are asked for, the author's followers
among them; one for how those who are left stand to the author. The same however many followers
there are; what is read grows with the people asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends

from services.chassis.identity import service
from services.chassis.ids import instant
from services.chassis.sidecar import ABSENT
from services.contracts.accounts import Account, AccountCounts, Profile
from services.contracts.audiences import Audience, AudienceQuestion
from services.contracts.posts import Post, PostCounts, PostView
from services.feed.domain import Card, Person, Reader, Stance, audience, row_of, shard_of
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
        near = asked.users
        if followers is not None:
            has_it = {*audience(card.post, followers)}
            near = [user for user in asked.users if user in has_it or user == author]
        people = {*near, *asked.viewers}
        authors = {author, asked.post.reblog_of_account_id or author}
        heard = await self._store.stances.get_many(people)
        stances = await self._store.towards(heard, authors)
        readers = {id: Reader(id, stances.get(id, Stance())) for id in people}
        row = row_of(card.post)
        sees = {id for id, reader in readers.items() if _sees(reader, card.post, known.shown)}
        return Audience(
            home=[id for id in near if id in sees and readers[id].wants_at_home(row)],
            hidden=[id for id in asked.viewers if id not in sees],
            view=_view(card, known.shown),
            authors={id: _account(person) for id, person in known.people.items()},
        )

    async def _known(self, asked: AudienceQuestion) -> _Known:
        """A post, what it shows, who made both, and where that helps its author's followers.

        One state call.
        """
        store, post, author = self._store, asked.post, asked.post.author
        shown = post.reblog_of_id or ""
        people = {id: store.people.key(id) for id in {author, post.reblog_of_account_id} if id}
        cards = [store.cards.key(id) for id in (post.id, shown) if id]
        shards = [
            store.shards.key(f"{author}:{shard}")
            for shard in sorted({shard_of(user) for user in asked.users})
            if len(asked.users) > _FEW
        ]
        rows = await store.state.get_many([*cards, *people.values(), *shards])
        found = [store.cards.open(rows.get(card, ABSENT)) for card in cards]
        there = {id: store.people.open(rows.get(key, ABSENT)) for id, key in people.items()}
        opened = [store.shards.open(rows.get(shard, ABSENT)) for shard in shards]
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
        last_status_at=instant(person.last_post).date().isoformat() if person.last_post else None,
    )
    profile = Profile.model_validate(person.profile)
    return Account(profile=profile, counts=counts, version=person.version)


def create_router(audiences: Audiences) -> APIRouter:
    """The route, for the gateway."""
    router = APIRouter(tags=["streaming"], dependencies=[Depends(service("gateway"))])

    @router.post("/audiences", response_model=Audience)
    async def audience_of(asked: AudienceQuestion) -> Audience:
        """For which of those who are connected a post is, and what they are to be shown."""
        return await audiences.of(asked)

    return router
