"""Which of the currently connected users a post is for.

State calls: one for the post, its author and, for many users, the author's followers among them;
one for the relations of the remaining users to the author. For many users and a post with hashtags,
at most one more, which reads a small cached document of each user. The number of calls does not
depend on the number of followers; the amount read grows with the users asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.chassis.dapr.state import ABSENT
from services.chassis.ids import id_date
from services.contracts.accounts import Account, AccountCounts, Profile
from services.contracts.audiences import Audience, AudienceRequest
from services.contracts.posts import Post, PostCounts, PostView
from services.feed.domain.conversations import conversation_id, memberships
from services.feed.domain.projections import AccountProjection, PostProjection
from services.feed.domain.reader import Reader
from services.feed.domain.relations import ReaderRelations, follower_shards, followers_of
from services.feed.domain.rows import FROM_TAG, Row, home_owners, row_of, timelines_of, with_flag
from services.feed.repository import Repository

_MAX_SINGLE_LOOKUPS = 50
"""Up to this number of users it is cheaper to read each one's relations than the followers."""


@dataclass(frozen=True, slots=True)
class _PostContext:
    """What is known about a post. `boosted` is empty except for a boost."""

    post: PostProjection
    boosted: PostProjection
    accounts: dict[str, AccountProjection]
    followers: list[str] | None


class AudienceQueries:
    """Finds the audience of a post among connected users, for streaming."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def find(self, asked: AudienceRequest) -> Audience:
        """Return the audience of the newest known version of a post.

        The stored version may be older than the one asked about, or newer.
        """
        author = asked.post.author
        context = await self._load(asked)
        known = context.post.apply(asked.post.model_dump(mode="json"), asked.version)
        tags = _hashtags_of(known.post, asked.post)
        near = asked.users
        if context.followers is not None:
            owners = home_owners(known.post, context.followers)
            candidates = {*owners, *await self._home_tag_followers(asked.users, tags)}
            near = [user for user in asked.users if user in candidates]
        authors = {author, asked.post.reblog_of_account_id or author}
        readers = await self._readers({*near, *asked.viewers}, authors)
        sees = {id for id, one in readers.items() if _can_see(one, known.post, context.boosted)}
        row = row_of(known.post)
        return Audience(
            home=[id for id in near if id in sees and _belongs_at_home(row, tags, readers[id])],
            hidden=[id for id in asked.viewers if id not in sees],
            view=_post_view(known, context.boosted),
            authors={id: _account_view(one) for id, one in context.accounts.items()},
            conversation=conversation_id(known.post) if memberships(known.post) else "",
        )

    async def _readers(self, users: set[str], authors: set[str]) -> dict[str, Reader]:
        stored = await self._repository.relations.get_many(users)
        relations = await self._repository.with_block_states(stored, authors)
        return {id: Reader(id, relations.get(id, ReaderRelations())) for id in users}

    async def _home_tag_followers(self, users: Iterable[str], tags: set[str]) -> list[str]:
        """Return which of some users have any of some hashtags in their home."""
        if not tags:
            return []
        keys = {self._repository.home_tags.key(user): user for user in users}
        docs = await self._repository.cache.read(keys)
        known = {key: doc.envelope["data"]["tags"] for key, doc in docs.items() if doc.exists}
        return [keys[key] for key, found in known.items() if not tags.isdisjoint(found)]

    async def _load(self, asked: AudienceRequest) -> _PostContext:
        """Return a post, the post it boosts, their authors and perhaps the followers.

        One state call.
        """
        repository, post, author = self._repository, asked.post, asked.post.author
        boosted = post.reblog_of_id or ""
        named = [mention.id for mention in post.mentions if post.visibility == "direct"]
        concerned = {author, post.reblog_of_account_id, *named}
        accounts = {id: repository.accounts.key(id) for id in concerned if id}
        posts = [repository.posts.key(id) for id in (post.id, boosted) if id]
        shards = [
            repository.follower_shards.key(f"{author}:{shard}")
            for shard in sorted({one for user in asked.users for one in follower_shards(user)})
            if len(asked.users) > _MAX_SINGLE_LOOKUPS
        ]
        rows = await repository.state.get_many([*posts, *accounts.values(), *shards])
        found = [repository.posts.decode(rows.get(key, ABSENT)) for key in posts]
        known = {
            id: repository.accounts.decode(rows.get(key, ABSENT)) for id, key in accounts.items()
        }
        decoded = [repository.follower_shards.decode(rows.get(key, ABSENT)) for key in shards]
        followers = followers_of(doc.value for doc in decoded if doc)
        return _PostContext(
            found[0].value if found[0] else PostProjection(),
            found[-1].value if boosted and found[-1] else PostProjection(),
            {id: doc.value for id, doc in known.items() if doc and doc.value.is_visible},
            followers if shards else None,
        )


def _can_see(reader: Reader, post: dict[str, Any], boosted: PostProjection) -> bool:
    """Return whether a post is visible to a reader, and the boosted post if it is a boost."""
    author = post.get("reblog_of_account_id")
    if not reader.can_see(post) or (author and not reader.relations.can_see(author)):
        return False
    return not boosted.post or (boosted.exists and reader.can_see(boosted.post))


def _hashtags_of(post: dict[str, Any], asked: Post) -> set[str]:
    """Return the hashtags in whose timelines a post is.

    A tombstone has none, so the question about a deleted post names those it had.
    """
    return timelines_of({**post, "tags": asked.tags} if asked.deleted else post)["tag"]


def _belongs_at_home(row: Row, tags: set[str], reader: Reader) -> bool:
    """Return whether a post belongs into a reader's home, by its author or by a hashtag."""
    if tags.isdisjoint(reader.relations.home_tags):
        return reader.belongs_at_home(row)
    return reader.belongs_at_home(with_flag(row, FROM_TAG))


def _post_view(projection: PostProjection, boosted: PostProjection) -> PostView:
    reblog = _post_view(boosted, PostProjection()) if boosted.exists else None
    own = PostCounts(
        favourites=projection.favourites.total,
        reblogs=projection.reblogs.total,
        replies=projection.replies.total,
    )
    return PostView(
        post=Post.model_validate(projection.post),
        version=projection.version,
        counts=reblog.counts if reblog else own,
        reblog=reblog,
    )


def _account_view(account: AccountProjection) -> Account:
    last_post = account.last_post
    counts = AccountCounts(
        followers=account.followers.total,
        following=account.following.total,
        statuses=account.statuses.total,
        last_status_at=id_date(last_post) if last_post else None,
    )
    profile = Profile.model_validate(account.profile)
    return Account(profile=profile, counts=counts, version=account.version)
