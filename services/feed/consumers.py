"""The events that the feed consumes. Every handler may run twice, late or out of order."""

from __future__ import annotations

from dataclasses import replace

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.clients.deletions import confirm_deletions
from services.contracts import events
from services.contracts.accounts import Edge, FollowCount, Profile
from services.contracts.comments import ReplyCount
from services.contracts.discovery import FollowedTags
from services.contracts.posts import AuthoredCount, Mark, Pins, Post, PostCount
from services.feed.application.follows import EdgeProjector
from services.feed.application.post_projection import TimelineProjector
from services.feed.application.trends import TrendTracker
from services.feed.domain.interactions import BOOKMARKED, FAVOURITED, REBLOGGED
from services.feed.domain.projections import AccountProjection
from services.feed.domain.relations import ReaderRelations
from services.feed.repository import Repository


class FeedConsumers:
    """One method for each type of event."""

    def __init__(
        self,
        repository: Repository,
        posts: TimelineProjector,
        edges: EdgeProjector,
        trends: TrendTracker,
    ) -> None:
        self._repository = repository
        self._posts = posts
        self._edges = edges
        self._trends = trends

    def subscribe(self, service: Service) -> None:
        """Subscribe to all events."""
        service.on(events.POST_CHANGED, self.on_post_changed)
        service.on(events.FAVOURITES_COUNTED, self.on_favourites_counted)
        service.on(events.REBLOGS_COUNTED, self.on_reblogs_counted)
        service.on(events.PINS_CHANGED, self.on_pins_changed)
        service.on(events.REPLIES_COUNTED, self.on_replies_counted)
        service.on(events.MARK_CHANGED, self.on_mark_changed)
        service.on(events.POSTS_COUNTED, self.on_posts_counted)
        on_account = confirm_deletions(service.sidecar, self.on_account_changed)
        service.on(events.ACCOUNT_CHANGED, on_account)
        service.on(events.FOLLOWERS_COUNTED, self.on_followers_counted)
        service.on(events.FOLLOWING_COUNTED, self.on_following_counted)
        service.on(events.EDGE_CHANGED, self.on_edge_changed)
        service.on(events.TAGS_FOLLOWED, self.on_tags_followed)

    async def on_post_changed(self, event: Event[Post]) -> None:
        """Apply a new, edited or deleted post."""
        await self._posts.project(event.data.model_dump(mode="json"), event.version)

    async def on_favourites_counted(self, event: Event[PostCount]) -> None:
        """Store the number of favourites of a post."""
        await self._apply_count(event.data, "favourites", event.version)

    async def on_reblogs_counted(self, event: Event[PostCount]) -> None:
        """Store the number of boosts of a post."""
        await self._apply_count(event.data, "reblogs", event.version)

    async def on_replies_counted(self, event: Event[ReplyCount]) -> None:
        """Store the number of replies of a post."""
        await self._apply_count(event.data, "replies", event.version)

    async def _apply_count(self, count: PostCount | ReplyCount, name: str, version: int) -> None:
        await self._repository.update_post(
            count.post, lambda kept: kept.apply_count(name, count.total, version)
        )

    async def on_pins_changed(self, event: Event[Pins]) -> None:
        """Store the pinned posts of a reader."""
        pins, version = event.data, event.version
        await self._repository.relations.update(
            pins.account, lambda kept: (kept or ReaderRelations()).apply_pins(pins.posts, version)
        )

    async def on_mark_changed(self, event: Event[Mark]) -> None:
        """Store what a reader did with a post, and count a favourite as a use."""
        mark = event.data
        if mark.favourited:
            self._trends.record_favourite(mark.post, mark.user, mark.favourite_id)
        flags = FAVOURITED if mark.favourited else 0
        flags |= BOOKMARKED if mark.bookmarked else 0
        flags |= REBLOGGED if mark.reblogged else 0
        await self._repository.set_interaction(mark.user, mark.post, flags, event.version)

    async def on_posts_counted(self, event: Event[AuthoredCount]) -> None:
        """Store the number of posts of an account, and the newest post."""
        count = event.data

        def apply(account: AccountProjection) -> AccountProjection:
            statuses = account.statuses.apply(count.total, event.version)
            if statuses == account.statuses:
                return account
            return replace(account, statuses=statuses, last_post=count.last_post)

        await self._repository.update_account(count.account, apply)

    async def on_account_changed(self, event: Event[Profile]) -> None:
        """Store a profile. Of a deleted account, delete everything that belongs to it alone."""
        profile = event.data.model_dump(mode="json")
        await self._repository.update_account(
            profile["id"], lambda account: account.apply(profile, event.version)
        )
        if profile["deleted"]:
            await self._repository.delete_account(profile["id"])

    async def on_followers_counted(self, event: Event[FollowCount]) -> None:
        """Store the number of followers of an account."""
        count = event.data
        await self._repository.update_account(
            count.account,
            lambda one: replace(one, followers=one.followers.apply(count.total, event.version)),
        )

    async def on_following_counted(self, event: Event[FollowCount]) -> None:
        """Store the number of accounts that an account follows."""
        count = event.data
        await self._repository.update_account(
            count.account,
            lambda one: replace(one, following=one.following.apply(count.total, event.version)),
        )

    async def on_edge_changed(self, event: Event[Edge]) -> None:
        """Apply a follow, unfollow, block or mute."""
        await self._edges.project(event.data, event.version)

    async def on_tags_followed(self, event: Event[FollowedTags]) -> None:
        """Store the followed hashtags of a reader, which are merged into their home."""
        followed = event.data
        await self._repository.apply_followed_tags(followed.account, followed.tags, event.version)
