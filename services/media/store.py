"""What media keeps, besides the files themselves.

attachment:ID     a picture
claims:POST       the pictures that a post has claimed
uploads:HOUR      the pictures uploaded in an hour since 1970, for finding those no post wanted
swept:all         up to which hour that was done
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.chassis.app import Service
from services.media.domain import Attachment


@dataclass(frozen=True, slots=True)
class Ids:
    """Some pictures."""

    ids: tuple[str, ...] = ()

    def adding(self, ids: Iterable[str]) -> Ids:
        """With some more, each once."""
        return Ids(tuple(dict.fromkeys((*self.ids, *ids))))


@dataclass(frozen=True, slots=True)
class Swept:
    """The last hour whose unwanted pictures are gone."""

    hour: int


class Store:
    """The documents of media."""

    def __init__(self, service: Service) -> None:
        self.attachments = service.collection("attachment", Attachment)
        self.claims = service.collection("claims", Ids)
        self.uploads = service.collection("uploads", Ids)
        self.swept = service.collection("swept", Swept)
