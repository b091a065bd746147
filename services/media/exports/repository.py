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
from services.media.exports.domain import ExportRecord, upgrade_from_1
from services.media.exports.zip_writer import ZipEntry

ALL = "all"


@dataclass(frozen=True, slots=True)
class PartContents:
    """The files of a piece."""

    entries: tuple[ZipEntry, ...] = ()


class ExportRepository:
    """The documents and lists of archives."""

    def __init__(self, service: Service) -> None:
        self.exports = service.collection("export", ExportRecord, upgrades={1: upgrade_from_1})
        self.contents = service.collection("export-piece", PartContents)
        self.pending = SegmentedLists(service.sidecar, "exporting")
        self.finished = SegmentedLists(service.sidecar, "exported")


def part_key(user: str, number: int) -> str:
    """The id of a piece."""
    return f"{user}:{number}"


def blob_name(user: str, number: int) -> str:
    """Under which name the bytes of a piece are kept. No route gives files of such names."""
    return f"export-{user}-{number}"
