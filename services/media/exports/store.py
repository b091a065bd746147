"""What media keeps of archives, besides their pieces.

export:USER         how far somebody's archive is (`domain.Export`)
export-piece:USER:N  where the files of a piece are, for the archive's directory
exporting:all       [id, user], archives on which there is work to do (a segmented list)
exported:all        [id, user], archives that wait for the end of their time
"""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.service import Service
from services.chassis.storage.segmented_list import SegmentedLists
from services.media.exports.domain import Export, from_1_to_2
from services.media.exports.zips import Entry

ALL = "all"


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a piece."""

    entries: tuple[Entry, ...] = ()


class Store:
    """The documents and lists of archives."""

    def __init__(self, service: Service) -> None:
        self.exports = service.collection("export", Export, upgrades={1: from_1_to_2})
        self.contents = service.collection("export-piece", Contents)
        self.work = SegmentedLists(service.sidecar, "exporting")
        self.kept = SegmentedLists(service.sidecar, "exported")


def piece(user: str, number: int) -> str:
    """The id of a piece."""
    return f"{user}:{number}"


def blob(user: str, number: int) -> str:
    """Under which name the bytes of a piece are kept. No route gives files of such names."""
    return f"export-{user}-{number}"
