"""Reports of accounts and posts to the admins."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from services.contracts.accounts import ID_PATTERN, Id, Model, examples
from services.contracts.texts import Prose

Category = Literal["spam", "legal", "violation", "other"]
GivenId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]

_NEW_REPORT: dict[str, Any] = {
    "target": "114906321984512345",
    "statuses": ["114906321984566666"],
    "comment": "Not their own picture.",
    "category": "violation",
    "rules": ["2"],
}
_REPORT: dict[str, Any] = {
    "id": "114906321984577777",
    "account": "114906321984500001",
    **_NEW_REPORT,
    "created_at": "2025-08-01T10:00:00.000Z",
    "updated_at": "2025-08-01T10:00:00.000Z",
    "assigned": "",
    "resolved_by": "",
    "resolved_at": None,
}


class NewReport(Model):
    """A report of an account. `statuses` are posts of it, `rules` the rules that they break."""

    model_config = examples(_NEW_REPORT)

    target: GivenId
    statuses: list[GivenId] = Field(default_factory=list, max_length=40)
    comment: Prose = Field(default="", max_length=1_000)
    category: Category = "other"
    rules: list[GivenId] = Field(default_factory=list, max_length=20)


class Report(Model):
    """A report. `assigned` and `resolved_by` are ids of admins, or empty."""

    model_config = examples(_REPORT)

    id: Id
    account: Id
    target: Id
    statuses: list[Id]
    comment: Prose
    category: Category
    rules: list[str]
    created_at: str
    updated_at: str
    assigned: Id = ""
    resolved_by: Id = ""
    resolved_at: str | None = None


class ReportList(Model):
    """A page of reports. `ids` are the cursors of the list, parallel to `reports`."""

    model_config = examples({"ids": [_REPORT["id"]], "reports": [_REPORT]})

    ids: list[Id]
    reports: list[Report]
