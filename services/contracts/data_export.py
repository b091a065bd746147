"""What belongs to somebody, given to the service that puts it into an archive for them."""

from __future__ import annotations

from typing import Any, Literal

from services.contracts.accounts import Id, Model


class ExportPage(Model):
    """Some of what a service keeps of somebody's, newest first.

    `next` is the cursor to go on with (`?after=`), empty where nothing is left; `total` how many
    there are about. `account` in a record is somebody's id.
    """

    records: list[dict[str, Any]]
    next: str = ""
    total: int = 0


class Export(Model):
    """How far an archive of all that somebody has is. Times as everywhere; `progress` in percent.

    `parts` and `size`, in bytes, are those of the whole archive, once it is `ready`.
    """

    id: Id
    state: Literal["running", "ready", "failed", "expired"]
    requested_at: str
    finished_at: str | None = None
    expires_at: str | None = None
    progress: int = 0
    doing: str = ""
    records: int = 0
    pictures: int = 0
    size: int = 0
    parts: int = 0
