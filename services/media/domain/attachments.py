"""Attachments: who owns a picture, and which post shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.chassis.errors import Invalid, NotFound
from services.media.domain.descriptions import Focus, check_focus, normalize_description

ORPHAN_HOURS = 24
"""For how many hours a picture waits for its first post, or for the next one."""

NO_SUCH_PICTURE = "There is no such picture."


@dataclass(frozen=True, slots=True)
class PixelSize:
    """A size in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AttachmentRecord:
    """The stored document of a picture. `deleted` is the tombstone.

    `claimed_by` is the post that shows the picture. `released_by` is a deleted post that showed it,
    and `released_at` when it was deleted (seconds since 1970): nobody may see the picture until
    another post claims it. `medium` is empty for a picture that is narrow, or older than this size.
    """

    id: str
    owner: str
    mime: str = ""
    original: str = ""
    medium: str = ""
    small: str = ""
    original_size: PixelSize = PixelSize(0, 0)
    medium_size: PixelSize | None = None
    small_size: PixelSize = PixelSize(0, 0)
    blurhash: str = ""
    description: str = ""
    focus: Focus = (0.0, 0.0)
    claimed_by: str = ""
    deleted: bool = False
    released_by: str = ""
    released_at: float = 0.0

    @property
    def is_visible(self) -> bool:
        """Whether its files are given to whoever knows their names."""
        return not (self.deleted or self.released_by)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(
            dict.fromkeys(name for name in (self.original, self.medium, self.small) if name)
        )


def require_own(attachment: AttachmentRecord | None, user: str) -> AttachmentRecord:
    """Return a picture to its owner. Raises `NotFound` for everybody else."""
    if attachment is None or attachment.deleted or attachment.owner != user:
        raise NotFound("You have no such picture.")
    return attachment


def claim(attachment: AttachmentRecord | None, user: str, post: str) -> AttachmentRecord:
    """Let a post show a picture. A repeat changes nothing. Raises `Invalid`."""
    if attachment is None or attachment.deleted or attachment.owner != user:
        raise Invalid("A picture does not exist or is not yours. Upload it again.")
    if attachment.claimed_by not in ("", post):
        raise Invalid("A picture is part of another post. Upload it again.")
    return replace(attachment, claimed_by=post, released_by="", released_at=0.0)


def release(attachment: AttachmentRecord, post: str, now: float) -> AttachmentRecord | None:
    """Let another post claim a picture of a deleted post. None if that post does not show it."""
    if attachment.deleted or attachment.claimed_by != post:
        return None
    return replace(attachment, claimed_by="", released_by=post, released_at=now)


def belongs_to(attachment: AttachmentRecord, post: str) -> bool:
    """Whether a post shows a picture, or was the last to show it."""
    return (attachment.claimed_by or attachment.released_by) == post


def is_orphaned(attachment: AttachmentRecord, now: float) -> bool:
    """Whether no post claimed a picture within ORPHAN_HOURS of its release.

    The same time since its upload has passed when this is asked.
    """
    return not attachment.claimed_by and now >= attachment.released_at + ORPHAN_HOURS * 3600


def edit(
    attachment: AttachmentRecord, description: str | None = None, focus: Focus | None = None
) -> AttachmentRecord:
    """Change the description or the focus. `None` leaves one as it is."""
    if description is not None:
        attachment = replace(attachment, description=normalize_description(description))
    return attachment if focus is None else replace(attachment, focus=check_focus(*focus))


def tombstone(attachment: AttachmentRecord) -> AttachmentRecord:
    """Return the tombstone. It keeps the names of the files until they are deleted."""
    return replace(attachment, blurhash="", description="", focus=(0.0, 0.0), deleted=True)
