"""For which of the people who are connected right now a post is.

State calls: one for the post, its author and, where many are asked for, the author's followers
among them; one for how those who are left stand to the author. The same however many followers
there are; what is read grows with the people asked for.
"""

from __future__ import annotations

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
        card, person, followers = await self._known(asked)
        card = card.heard(asked.post.model_dump(mode="json"), asked.version)
        near = asked.users
        if followers is not None:
            has_it = {*audience(card.post, followers)}
            near = [user for user in asked.users if user in has_it or user == author]
        people = {*near, *asked.viewers}
        stances = await self._store.stances.get_many(people)
        readers = {id: Reader(id, stances.get(id, Stance())) for id in people}
        row = row_of(card.post)
        sees = {id for id, reader in readers.items() if _sees(reader, card.post)}
        return Audience(
            home=[id for id in near if id in sees and readers[id].wants_at_home(row)],
            hidden=[id for id in asked.viewers if id not in sees],
            view=_view(card),
            author=_account(person) if person.is_there else None,
        )

    async def _known(self, asked: AudienceQuestion) -> tuple[Card, Person, list[str] | None]:
        """The post, its author, and the author's followers where that helps. One state call."""
        store, author = self._store, asked.post.author
        card, person = store.cards.key(asked.post.id), store.people.key(author)
        shards = [
            store.shards.key(f"{author}:{shard}")
            for shard in sorted({shard_of(user) for user in asked.users})
            if len(asked.users) > _FEW
        ]
        rows = await store.state.get_many([card, person, *shards])
        found_card = store.cards.open(rows.get(card, ABSENT))
        found_person = store.people.open(rows.get(person, ABSENT))
        opened = [store.shards.open(rows.get(shard, ABSENT)) for shard in shards]
        followers = [person for doc in opened if doc for person in doc.value.followers]
        return (
            found_card.value if found_card else Card(),
            found_person.value if found_person else Person(),
            followers if shards else None,
        )


def _sees(reader: Reader, post: dict[str, Any]) -> bool:
    """Whether a post is visible to somebody, and whose post it shows if it is a boost."""
    shown = post.get("reblog_of_account_id")
    return reader.may_see(post) and (not shown or reader.stance.sees(shown))


def _view(card: Card) -> PostView:
    counts = PostCounts(favourites=card.favourites.total, replies=card.replies.total)
    return PostView(post=Post.model_validate(card.post), version=card.version, counts=counts)


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
