"""Data export: pages of a user's data, and the state of the user's archive."""

from __future__ import annotations

from typing import Any, Literal

from services.contracts.accounts import Id, Model, examples


class ExportPage(Model):
    """A page of a user's data in one service, newest first.

    `next` is the cursor of the next page (`?after=`), empty on the last page. `total` is about how
    many records there are. `account` in a record is the id of a user.
    """

    records: list[dict[str, Any]]
    next: str = ""
    total: int = 0


class Export(Model):
    """The state of a user's archive. `progress` is in percent.

    `parts` and `size` (in bytes) describe the whole archive, once it is `ready`.
    """

    model_config = examples(
        {
            "id": "116548273934401537",
            "state": "ready",
            "requested_at": "2026-05-11T06:40:12.402Z",
            "finished_at": "2026-05-11T06:40:31.977Z",
            "expires_at": "2026-05-18T06:40:31.977Z",
            "progress": 100,
            "doing": "",
            "records": 1304,
            "pictures": 87,
            "size": 51380224,
            "parts": 38,
        }
    )

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
