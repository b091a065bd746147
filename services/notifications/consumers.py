"""The events of which people are notified. Every handler may run twice, late or out of order."""

from __future__ import annotations

import asyncio

from services.chassis.consuming.events import Event
from services.chassis.service import Service
from services.clients.deletions import confirm_deletions
from services.contracts import events
from services.contracts.accounts import Edge, Profile
from services.contracts.notifications import Notification
from services.contracts.orders import Order
from services.contracts.payments import Payment
from services.contracts.posts import Mark, Post
from services.notifications.application.notifier import Notifier
from services.notifications.domain.digests import DigestRecord
from services.notifications.domain.notifications import Cause
from services.notifications.domain.owner_relations import HiddenEdge, OwnerRelations
from services.notifications.domain.subscribers import PostSubscribers
from services.notifications.repository import DeletionState, Repository

_ORDER_OUTCOMES = ("completed", "cancelled", "declined", "failed")
"""The outcomes of an order, as its history names them."""


class NotificationsConsumers:
    """One method for each type of event."""

    def __init__(self, repository: Repository, notifier: Notifier) -> None:
        self._repository = repository
        self._notifier = notifier

    def subscribe(self, service: Service) -> None:
        """Subscribe to all events."""
        service.on(events.EDGE_CHANGED, self.on_edge_changed)
        service.on(events.MARK_CHANGED, self.on_mark_changed)
        service.on(events.POST_CHANGED, self.on_post_changed)
        on_account = confirm_deletions(service.sidecar, self.on_account_changed)
        service.on(events.ACCOUNT_CHANGED, on_account)
        service.on(events.ORDER_CHANGED, self.on_order_changed)
        service.on(events.PAYMENT_CHANGED, self.on_payment_changed)
        service.on(events.NOTIFICATION_CHANGED, self.on_notification_changed)

    async def on_edge_changed(self, event: Event[Edge]) -> None:
        """Notify of a follow or a follow request, and apply blocks and mutes."""
        edge = event.data
        version = event.version
        hidden = HiddenEdge(
            version,
            edge.blocking or (edge.muting and edge.muting_notifications),
            None if edge.blocking else edge.muted_until,
        )
        repository = self._repository
        await asyncio.gather(
            repository.relations.update(
                edge.source, lambda kept: (kept or OwnerRelations()).apply_edge(edge.target, hidden)
            ),
            repository.apply_block(edge.target, edge.source, version, blocks=edge.blocking),
            repository.subscribers.update(
                edge.target,
                lambda known: (known or PostSubscribers()).apply(
                    edge.source, version, event.time if edge.following and edge.notify else ""
                ),
            ),
        )
        cause = Cause(
            key=f"{edge.target}:follow:{edge.source}",
            owner=edge.target,
            type="follow" if edge.following else "follow_request",
            account=edge.source,
            source="edges",
            version=version,
            making=edge.follow_id,
            on=edge.following or edge.requested,
        )
        await self._notifier.notify([cause])

    async def on_mark_changed(self, event: Event[Mark]) -> None:
        """Notify the author of a favourite or a boost, or withdraw it."""
        mark = event.data
        if not mark.author:
            return
        reactions = (
            ("favourite", mark.favourited, mark.favourite_id),
            ("reblog", mark.reblogged, mark.reblog_id),
        )
        await self._notifier.notify(
            Cause(
                key=f"{mark.author}:{type}:{mark.post}:{mark.user}",
                owner=mark.author,
                type=type,
                account=mark.user,
                post=mark.post,
                source="marks",
                version=event.version,
                making=making,
                on=on,
            )
            for type, on, making in reactions
        )

    async def on_post_changed(self, event: Event[Post]) -> None:
        """Notify mentioned users, the participants of a thread, or the author's subscribers.

        The notifications of a deleted post are hidden. As in Mastodon, a mention remains one
        whatever later edits do.
        """
        post = event.data
        if post.deleted:
            await self._mark_post_deleted(post.id, event)
            return
        causes = {
            mention.id: _post_cause(post, mention.id, "mention", "posts")
            for mention in post.mentions
        }
        for owner in await self._participants(post) - causes.keys():
            causes[owner] = _post_cause(post, owner, "mention", "comments")
        for owner in await self._subscribers(post) - causes.keys():
            causes[owner] = _post_cause(post, owner, "status", "subscriptions")
        await self._notifier.notify(causes.values())

    async def _participants(self, post: Post) -> set[str]:
        """Return the authors of the posts above a comment. Clients know the reason as a mention.

        Of a followers-only comment only followers and mentioned users are notified, of a direct one
        only mentioned users.
        """
        authors = {author for _, author in post.path} - {post.author}
        if post.visibility == "direct" or not authors:
            return set()
        if post.visibility == "private":
            return await self._repository.followers_among(authors, post.author)
        return authors

    async def _subscribers(self, post: Post) -> set[str]:
        """Return who is notified of every post of an author. Replies to others are left out."""
        to_others = post.in_reply_to_account_id not in (None, post.author)
        if post.visibility == "direct" or post.reblog_of_id or to_others:
            return set()
        subscribers = await self._repository.subscribers.get(post.author) or PostSubscribers()
        return {*subscribers.subscribed_at(post.created_at)}

    async def on_order_changed(self, event: Event[Order]) -> None:
        """Notify the buyer of every outcome of an order, and the seller of a sale.

        The history names the outcomes, so missed events do no harm. Refunds are notified by the
        payment.
        """
        order = event.data
        happened = {entry.what for entry in order.history}
        ends = [what for what in _ORDER_OUTCOMES if what in happened]
        notified = [(order.buyer, order.seller, what) for what in ends]
        if "completed" in happened:
            notified.append((order.seller, order.buyer, "completed"))
        await self._notifier.notify(_shop_cause("order", order.id, *each) for each in notified)

    async def on_payment_changed(self, event: Event[Payment]) -> None:
        """Notify the seller of a capture, and the buyer of every refund.

        Authorizations and declines are notified by the order.
        """
        payment = event.data
        paid = [(payment.seller, payment.buyer, "captured")] if payment.captured else []
        back = [(payment.buyer, payment.seller, f"{key}:refunded") for key in payment.refunds]
        await self._notifier.notify(
            _shop_cause("payment", payment.order, *outcome) for outcome in [*paid, *back]
        )

    async def on_account_changed(self, event: Event[Profile]) -> None:
        """Hide the notifications about deleted and suspended accounts.

        Of a deleted account everything is deleted except the notifications of others about it.
        """
        profile = event.data
        gone = DeletionState(event.version, profile.deleted or profile.suspended)
        await self._repository.deletions.update(
            f"account:{profile.id}",
            lambda known: (
                _newer_deletion(known, gone) if known or gone.gone or gone.version > 1 else None
            ),
        )
        if profile.deleted:
            await self._notifier.clear(profile.id)
            await self._repository.digests.update(
                profile.id, lambda kept: DigestRecord() if kept else None
            )
            for kind in (
                self._repository.relations,
                self._repository.markers,
                self._repository.subscribers,
            ):
                await kind.delete(profile.id)

    async def on_notification_changed(self, event: Event[Notification]) -> None:
        """Make the owner's list agree with a dismissed notification, also after a crash."""
        notification = event.data
        if notification.dismissed:
            await self._notifier.reconcile(event.subject)

    async def _mark_post_deleted(self, post: str, event: Event[Post]) -> None:
        gone = DeletionState(event.version)
        await self._repository.deletions.update(
            f"post:{post}", lambda known: known or gone, expect_absent=True
        )


def _newer_deletion(known: DeletionState | None, newer: DeletionState) -> DeletionState:
    return newer if known is None or known.version < newer.version else known


def _shop_cause(type: str, order: str, owner: str, account: str, what: str) -> Cause:
    """Return the cause for an outcome of an order. It is final, so versions do not matter."""
    return Cause(
        key=f"{owner}:{type}:{order}:{what}",
        owner=owner,
        type=type,
        account=account,
        post=order,
        source=type,
        making=what.rpartition(":")[2],
    )


def _post_cause(post: Post, owner: str, type: str, source: str) -> Cause:
    """Return the cause for a post. An owner is notified of a post once, for the first reason."""
    return Cause(
        key=f"{owner}:post:{post.id}",
        owner=owner,
        type=type,
        account=post.author,
        post=post.id,
        source=source,
        making=post.id,
    )
