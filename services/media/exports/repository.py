"""The documents and lists of archives, besides their parts.

export:USER          how far a user's archive is (`domain.ExportRecord`)
export-piece:USER:N  where the files of a part are, for the directory of the archive
exporting:all        [id, user], archives on which there is work to do (a segmented list)
exported:all         [id, user], finished archives, until they expire
"""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.service import Service
from services.media.exports.domain import ExportRecord, upgrade_from_1
from services.media.exports.zip_writer import ZipEntry

ALL = "all"


@dataclass(frozen=True, slots=True)
class PartContents:
    """The files of a part."""

    entries: tuple[ZipEntry, ...] = ()


class ExportRepository:
    """The documents and lists of archives."""

    def __init__(self, service: Service) -> None:
        self.state = service.sidecar
        self.exports = service.collection("export", ExportRecord, upgrades={1: upgrade_from_1})
        self.contents = service.collection("export-piece", PartContents)
        self.pending = service.lists("exporting")
        self.finished = service.lists("exported")


def part_key(user: str, number: int) -> str:
    """Return the id of a part's document."""
    return f"{user}:{number}"


def blob_name(user: str, number: int) -> str:
    """Return the name of a part's blob. No route serves files with such names."""
    return f"export-{user}-{number}"
