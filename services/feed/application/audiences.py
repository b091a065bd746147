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

from services.chassis.dapr.state import ABSENT
from services.chassis.ids import id_time
from services.chassis.security.guards import require_service
from services.contracts.accounts import Account, AccountCounts, Profile
from services.contracts.audiences import Audience, AudienceQuestion
from services.contracts.posts import Post, PostCounts, PostView
from services.feed.domain import (
    FROM_TAG,
    AccountProjection,
    PostProjection,
    Reader,
    ReaderRelations,
    Row,
    follower_shard,
    home_owners,
    row_of,
    timelines_of,
)
from services.feed.domain.conversations import conversation_id, memberships
from services.feed.repository import Repository

_MAX_SINGLE_LOOKUPS = 50
"""Up to so many people it is cheaper to ask each how they stand than who follows the author."""


class AudienceQueries:
    """Answers for streaming."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def find(self, asked: AudienceQuestion) -> Audience:
        """The audience of a post, by the newest that is known of it.

        What is known here may be older than what is asked about, or newer.
        """
        author = asked.post.author
        known = await self._load(asked)
        card = known.card.apply(asked.post.model_dump(mode="json"), asked.version)
        followers = known.followers
        tags = _hashtags_of(card.post, asked.post)
        near = asked.users
        if followers is not None:
            has_it = {
                *home_owners(card.post, followers),
                *await self._home_tag_followers(asked.users, tags),
            }
            near = [user for user in asked.users if user in has_it]
        people = {*near, *asked.viewers}
        authors = {author, asked.post.reblog_of_account_id or author}
        heard = await self._repository.relations.get_many(people)
        stances = await self._repository.with_block_states(heard, authors)
        readers = {id: Reader(id, stances.get(id, ReaderRelations())) for id in people}
        sees = {id for id, reader in readers.items() if _can_see(reader, card.post, known.shown)}
        row = row_of(card.post)
        return Audience(
            home=[id for id in near if id in sees and _belongs_at_home(row, tags, readers[id])],
            hidden=[id for id in asked.viewers if id not in sees],
            view=_post_view(card, known.shown),
            authors={id: _account_view(person) for id, person in known.people.items()},
            conversation=conversation_id(card.post) if memberships(card.post) else "",
        )

    async def _home_tag_followers(self, users: Iterable[str], tags: set[str]) -> list[str]:
        """Who of some people has what is under any of some hashtags at home."""
        if not tags:
            return []
        keys = {self._repository.home_tags.key(user): user for user in users}
        docs = await self._repository.home_tags_cache.read(keys)
        return [keys[key] for key, doc in docs.items() if not tags.isdisjoint(doc["data"]["tags"])]

    async def _load(self, asked: AudienceQuestion) -> _PostContext:
        """A post, what it shows, who made both, and where that helps its author's followers.

        One state call.
        """
        repository, post, author = self._repository, asked.post, asked.post.author
        shown = post.reblog_of_id or ""
        named = [mention.id for mention in post.mentions if post.visibility == "direct"]
        concerned = {author, post.reblog_of_account_id, *named}
        people = {id: repository.accounts.key(id) for id in concerned if id}
        cards = [repository.posts.key(id) for id in (post.id, shown) if id]
        shards = [
            repository.follower_shards.key(f"{author}:{shard}")
            for shard in sorted({follower_shard(user) for user in asked.users})
            if len(asked.users) > _MAX_SINGLE_LOOKUPS
        ]
        rows = await repository.state.get_many([*cards, *people.values(), *shards])
        found = [repository.posts.decode(rows.get(card, ABSENT)) for card in cards]
        there = {
            id: repository.accounts.decode(rows.get(key, ABSENT)) for id, key in people.items()
        }
        opened = [repository.follower_shards.decode(rows.get(shard, ABSENT)) for shard in shards]
        followers = [person for doc in opened if doc for person in doc.value.followers]
        return _PostContext(
            found[0].value if found[0] else PostProjection(),
            found[-1].value if shown and found[-1] else PostProjection(),
            {id: doc.value for id, doc in there.items() if doc and doc.value.is_visible},
            followers if shards else None,
        )


@dataclass(frozen=True, slots=True)
class _PostContext:
    """What is known of a post; `shown` is empty but for a boost."""

    card: PostProjection
    shown: PostProjection
    people: dict[str, AccountProjection]
    followers: list[str] | None


def _can_see(reader: Reader, post: dict[str, Any], shown: PostProjection) -> bool:
    """Whether a post is visible to somebody, and what it shows if it is a boost."""
    author = post.get("reblog_of_account_id")
    if not reader.can_see(post) or (author and not reader.relations.can_see(author)):
        return False
    return not shown.post or (shown.exists and reader.can_see(shown.post))


def _hashtags_of(post: dict[str, Any], asked: Post) -> set[str]:
    """The hashtags under which a post is found.

    A tombstone has none: whoever asks about one says under which the post was.
    """
    return timelines_of({**post, "tags": asked.tags} if asked.deleted else post)["tag"]


def _belongs_at_home(row: Row, tags: set[str], reader: Reader) -> bool:
    """Whether a post belongs into somebody's home, by its author or by one of its hashtags."""
    if tags.isdisjoint(reader.relations.home_tags):
        return reader.belongs_at_home(row)
    return reader.belongs_at_home([*row[:2], row[2] | FROM_TAG, *row[3:]])


def _post_view(card: PostProjection, shown: PostProjection) -> PostView:
    reblog = _post_view(shown, PostProjection()) if shown.exists else None
    own = PostCounts(
        favourites=card.favourites.total, reblogs=card.reblogs.total, replies=card.replies.total
    )
    return PostView(
        post=Post.model_validate(card.post),
        version=card.version,
        counts=reblog.counts if reblog else own,
        reblog=reblog,
    )


def _account_view(person: AccountProjection) -> Account:
    counts = AccountCounts(
        followers=person.followers.total,
        following=person.following.total,
        statuses=person.statuses.total,
        last_status_at=id_time(person.last_post).date().isoformat() if person.last_post else None,
    )
    profile = Profile.model_validate(person.profile)
    return Account(profile=profile, counts=counts, version=person.version)


def create_router(audiences: AudienceQueries) -> APIRouter:
    """The route, for the gateway."""
    router = APIRouter(tags=["streaming"], dependencies=[Depends(require_service("gateway"))])

    @router.post("/audiences", response_model=Audience)
    async def audience_of(asked: AudienceQuestion) -> Audience:
        """For which of those who are connected a post is, and what they are to be shown."""
        return await audiences.find(asked)

    return router
