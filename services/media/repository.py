"""The documents and lists of media, besides the files themselves.

attachment:ID     a picture
claims:POST       the pictures that a post has claimed, and whether it may claim more
uploads:HOUR      the pictures that were uploaded or released in an hour since 1970, to find those
                  that no post claimed; profile images as OWNER:NAME
owned:USER        [picture], all that a user uploaded for posts (a segmented list)
portraits:USER    a user's avatars and headers, and which of them the profile shows
standing:USER     whether a user is suspended, as users published it
suspended:all     the suspended users, and the names of their profile images
swept:all         up to which hour unclaimed pictures were removed
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.chassis.errors import Invalid
from services.chassis.service import Service
from services.media.domain.attachments import AttachmentRecord
from services.media.domain.profile_images import ProfileImages
from services.media.domain.suspensions import OwnerSuspension, SuspendedOwners

ALL = "all"


@dataclass(frozen=True, slots=True)
class UploadBatch:
    """The uploads of an hour."""

    ids: tuple[str, ...] = ()

    def add(self, ids: Iterable[str]) -> UploadBatch:
        """Add some, each once."""
        return UploadBatch(tuple(dict.fromkeys((*self.ids, *ids))))


@dataclass(frozen=True, slots=True)
class PostClaims:
    """The pictures that a post has claimed. `closed` once the post is deleted."""

    ids: tuple[str, ...] = ()
    closed: bool = False

    def add(self, ids: Iterable[str]) -> PostClaims:
        """Add some, each once. Raises `Invalid` if the post is deleted."""
        if self.closed:
            raise Invalid("The post was deleted, so it cannot have pictures.")
        return replace(self, ids=tuple(dict.fromkeys((*self.ids, *ids))))


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """The last hour whose unclaimed pictures were removed."""

    hour: int


class Repository:
    """The documents and lists of media."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.attachments = service.collection("attachment", AttachmentRecord)
        self.claims = service.collection("claims", PostClaims)
        self.uploads = service.collection("uploads", UploadBatch)
        self.profile_images = service.collection("portraits", ProfileImages)
        self.sweep_progress = service.collection("swept", SweepProgress)
        self.suspensions = service.collection("standing", OwnerSuspension)
        self.suspended_owners = service.collection("suspended", SuspendedOwners)
        self.by_owner = service.lists("owned")
