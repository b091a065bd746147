"""The events that media consumes: posts and accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.chassis.consuming.events import Event
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.clients.deletions import confirm_deletions
from services.contracts.accounts import Profile
from services.contracts.events import ACCOUNT_CHANGED, POST_CHANGED
from services.contracts.posts import Post
from services.media.application.profile_images import ProfileImageService
from services.media.application.removal import AttachmentRemoval
from services.media.application.suspended_owners import SuspensionFilter
from services.media.domain.suspensions import OwnerSuspension

ERASURE_JOB = "erasure"


def subscribe(
    service: Service,
    removal: AttachmentRemoval,
    profile_images: ProfileImageService,
    suspensions: SuspensionFilter,
    delete_export: Callable[[str], Awaitable[None]],
) -> None:
    """Subscribe the removal of pictures, profile images and archives."""
    jobs = JobQueue(service)
    jobs.register(ERASURE_JOB, removal.erase_batch)

    async def on_post_changed(event: Event[Post]) -> None:
        if event.data.deleted:
            await removal.on_post_deleted(event.subject_id, kept=event.data.pictures_kept)

    async def on_account_changed(event: Event[Profile]) -> None:
        user, profile = event.subject_id, event.data
        shown = tuple(name for name in (profile.avatar, profile.header) if name)
        await profile_images.on_profile_changed(user, shown, event.version, deleted=profile.deleted)
        is_hidden = profile.suspended and not profile.deleted
        await suspensions.apply(user, OwnerSuspension(event.version, is_hidden))
        if profile.deleted:
            await delete_export(user)
            await jobs.enqueue(ERASURE_JOB, user)

    service.on(POST_CHANGED, on_post_changed)
    service.on(ACCOUNT_CHANGED, confirm_deletions(service.sidecar, on_account_changed))
