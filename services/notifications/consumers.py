"""What the notifications service hears. Every handler may run twice, late, or out of order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import ValidationError

from services.chassis.consuming.events import CloudEvent, PoisonMessage
from services.chassis.service import Service
from services.contracts import events
from services.contracts.accounts import Edge, Model, Profile
from services.contracts.comments import Comment
from services.contracts.events import EventType
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
"""What may become of an order, as its history calls it."""

M = TypeVar("M", bound=Model)
Handler = Callable[[M, CloudEvent], Awaitable[None]]


def subscribe(service: Service, repository: Repository, bell: Notifier) -> None:
    """Hear of all that people are told of."""
    handlers = NotificationsConsumers(repository, bell)
    _subscribe(service, events.EDGE_CHANGED, Edge, handlers.on_edge_changed)
    _subscribe(service, events.MARK_CHANGED, Mark, handlers.on_mark_changed)
    _subscribe(service, events.POST_CHANGED, Post, handlers.on_post_changed)
    _subscribe(service, events.COMMENT_CHANGED, Comment, handlers.on_comment_changed)
    _subscribe(service, events.ACCOUNT_CHANGED, Profile, handlers.on_account_changed)
    _subscribe(service, events.ORDER_CHANGED, Order, handlers.on_order_changed)
    _subscribe(service, events.PAYMENT_CHANGED, Payment, handlers.on_payment_changed)
    _subscribe(service, events.NOTIFICATION_CHANGED, Notification, handlers.on_notification_changed)


def _subscribe(service: Service, type: EventType[M], model: type[M], handler: Handler[M]) -> None:
    async def handle(event: CloudEvent) -> None:
        if event.type == type.name:  # another is not for us, perhaps a newer one
            await handler(_validate(model, event), event)

    service.on_topic(type.topic, type.producer, handle)


def _validate(model: type[M], event: CloudEvent) -> M:
    try:
        return model.model_validate(event.data)
    except ValidationError as error:
        raise PoisonMessage(f"{event.type} {event.subject}: {error.errors()[0]['msg']}") from error


class NotificationsConsumers:
    """One method for each type of event."""

    def __init__(self, repository: Repository, bell: Notifier) -> None:
        self._repository = repository
        self._notifier = bell

    async def on_edge_changed(self, edge: Edge, event: CloudEvent) -> None:
        """Somebody follows somebody, asks to, or does so no more; blocks or mutes them."""
        version = event.entityversion
        hidden = HiddenEdge(
            version,
            edge.blocking or (edge.muting and edge.muting_notifications),
            None if edge.blocking else edge.muted_until,
        )
        await self._repository.relations.update(
            edge.source, lambda stance: (stance or OwnerRelations()).apply_edge(edge.target, hidden)
        )
        await self._repository.apply_block(edge.target, edge.source, version, blocks=edge.blocking)
        await self._repository.subscribers.update(
            edge.target,
            lambda known: (known or PostSubscribers()).apply(
                edge.source, version, event.time if edge.following and edge.notify else ""
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

    async def on_mark_changed(self, mark: Mark, event: CloudEvent) -> None:
        """Somebody likes or boosts a post, or no longer does."""
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
                version=event.entityversion,
                making=making,
                on=on,
            )
            for type, on, making in reactions
        )

    async def on_post_changed(self, post: Post, event: CloudEvent) -> None:
        """Somebody is mentioned, or somebody posted whose every post others want to hear of.

        What is told of a post that is deleted is told no more. A mention is one, whatever later
        edits make of the post: so Mastodon has it, too.
        """
        if post.deleted:
            await self._mark_post_deleted(post.id, event)
            return
        mentioned = [mention.id for mention in post.mentions]
        await self._notifier.notify(
            _post_cause(post, owner, "mention", "posts") for owner in mentioned
        )
        to_others = post.in_reply_to_account_id not in (None, post.author)
        if post.visibility == "direct" or post.reblog_of_id or to_others:
            return
        subscribers = await self._repository.subscribers.get(post.author) or PostSubscribers()
        await self._notifier.notify(
            _post_cause(post, owner, "status", "subscriptions")
            for owner in subscribers.subscribed_at(post.created_at)
            if owner not in mentioned
        )

    async def on_comment_changed(self, comment: Comment, event: CloudEvent) -> None:
        """Somebody said something in a thread. Clients know that as a mention.

        Of a followers-only comment only those are told who follow, or are mentioned.
        """
        if comment.deleted:
            await self._mark_post_deleted(comment.id, event)
            return
        audience = set(comment.audience)
        if comment.visibility == "private":
            audience = await self._repository.followers_among(audience, comment.author)
        await self._notifier.notify(
            _post_cause(comment, owner, "mention", "comments") for owner in audience
        )

    async def on_order_changed(self, order: Order, event: CloudEvent) -> None:
        """An order has come to something: its history says to what, also where news was missed.

        The seller is told of what was sold, the buyer of whatever became of it; that money came
        back is told of the payment.
        """
        happened = {entry.what for entry in order.history}
        ends = [what for what in _ORDER_OUTCOMES if what in happened]
        told = [(order.buyer, order.seller, what) for what in ends]
        if "completed" in happened:
            told.append((order.seller, order.buyer, "completed"))
        await self._notifier.notify(_shop_cause("order", order.id, *each) for each in told)

    async def on_payment_changed(self, payment: Payment, event: CloudEvent) -> None:
        """Money has come to a seller, or back to a buyer: each time is a cause of its own.

        That it was held, or could not be, is told of the order.
        """
        paid = [(payment.seller, payment.buyer, "captured")] if payment.captured else []
        back = [(payment.buyer, payment.seller, f"{key}:refunded") for key in payment.refunds]
        await self._notifier.notify(
            _shop_cause("payment", payment.order, *told) for told in [*paid, *back]
        )

    async def on_account_changed(self, profile: Profile, event: CloudEvent) -> None:
        """Nobody is told of those who are deleted, nor of the suspended while they are so.

        Of the deleted nothing is kept but which document told of whom.
        """
        gone = DeletionState(event.entityversion, profile.deleted or profile.suspended)
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

    async def on_notification_changed(self, notification: Notification, event: CloudEvent) -> None:
        """Somebody put one away: their list follows, also where we died in between."""
        if notification.dismissed:
            await self._notifier.reconcile(event.subject)

    async def _mark_post_deleted(self, post: str, event: CloudEvent) -> None:
        gone = DeletionState(event.entityversion)
        await self._repository.deletions.update(
            f"post:{post}", lambda known: known or gone, expect_absent=True
        )


def _newer_deletion(known: DeletionState | None, heard: DeletionState) -> DeletionState:
    return heard if known is None or known.version < heard.version else known


def _shop_cause(type: str, order: str, owner: str, account: str, what: str) -> Cause:
    """What became of an order never becomes undone, so there is nothing to compare versions of."""
    return Cause(
        key=f"{owner}:{type}:{order}:{what}",
        owner=owner,
        type=type,
        account=account,
        post=order,
        source=type,
        making=what.rpartition(":")[2],
    )


def _post_cause(post: Post | Comment, owner: str, type: str, source: str) -> Cause:
    """Of one post somebody is told once, for whichever reason comes first."""
    return Cause(
        key=f"{owner}:post:{post.id}",
        owner=owner,
        type=type,
        account=post.author,
        post=post.id,
        source=source,
        making=post.id,
    )
