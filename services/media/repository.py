"""What media keeps, besides the files themselves.

attachment:ID     a picture
claims:POST       the pictures that a post has claimed, and whether it can claim any more
uploads:HOUR      the pictures uploaded or released in an hour since 1970, for finding those no post
                  wanted; of portraits OWNER:NAME
owned:USER        [picture], all that somebody uploaded for posts (a segmented list)
portraits:USER    their avatars and headers, and which of them their profile shows
swept:all         up to which hour that was done
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.chassis.errors import Invalid
from services.chassis.service import Service
from services.chassis.storage.segmented_list import SegmentedLists
from services.media.domain import AttachmentRecord, file_part


@dataclass(frozen=True, slots=True)
class UploadBatch:
    """Some pictures."""

    ids: tuple[str, ...] = ()

    def add(self, ids: Iterable[str]) -> UploadBatch:
        """With some more, each once."""
        return UploadBatch(tuple(dict.fromkeys((*self.ids, *ids))))


@dataclass(frozen=True, slots=True)
class PostClaims:
    """The pictures that a post has claimed; `closed` once it is deleted."""

    ids: tuple[str, ...] = ()
    closed: bool = False

    def add(self, ids: Iterable[str]) -> PostClaims:
        """With some more, each once. Raises `Invalid` for a post that is deleted."""
        if self.closed:
            raise Invalid("The post is deleted: it can show no pictures.")
        return replace(self, ids=tuple(dict.fromkeys((*self.ids, *ids))))


@dataclass(frozen=True, slots=True)
class ProfileImages:
    """The files of somebody's avatars and headers; those they show, as of a version of them.

    `gone` if they deleted their account: then nothing of theirs may stay.
    """

    names: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    version: int = 0
    gone: bool = False

    def add(self, name: str) -> ProfileImages:
        """With one more, once."""
        return replace(self, names=tuple(dict.fromkeys((*self.names, name))))

    def apply(self, shown: tuple[str, ...], version: int, *, gone: bool) -> ProfileImages:
        """With what a profile shows now, unless something newer is known."""
        if version <= self.version:
            return self
        former = dict.fromkeys((*self.former, *self.shown))
        for name in shown:
            former.pop(name, None)
        return replace(self, shown=shown, former=tuple(former), version=version, gone=gone)

    def remove(self, names: Iterable[str]) -> ProfileImages:
        """Without files that are gone."""
        dropped = set(names)
        return replace(
            self,
            names=tuple(name for name in self.names if name not in dropped),
            former=tuple(name for name in self.former if name not in dropped),
        )

    @property
    def replaced(self) -> list[str]:
        """Files that were shown, or in whose place a later one is.

        What is later than those that are shown may still come to be shown itself.
        """
        return [name for name in self.names if self.gone or self._is_replaced(name)]

    def _is_replaced(self, name: str) -> bool:
        later = [other for other in self.shown if file_part(other) == file_part(name)]
        return name not in self.shown and (
            name in self.former or any(other > name for other in later)
        )


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """The last hour whose unwanted pictures are gone."""

    hour: int


class Repository:
    """The documents of media."""

    def __init__(self, service: Service) -> None:
        self.attachments = service.collection("attachment", AttachmentRecord)
        self.claims = service.collection("claims", PostClaims)
        self.uploads = service.collection("uploads", UploadBatch)
        self.profile_images = service.collection("portraits", ProfileImages)
        self.by_owner = SegmentedLists(service.sidecar, "owned")
        self.sweep_progress = service.collection("swept", SweepProgress)
