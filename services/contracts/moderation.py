"""Reports: what people tell the admins of one another."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from services.contracts.accounts import Id, Model

Category = Literal["spam", "legal", "violation", "other"]
Given = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]


class NewReport(Model):
    """Somebody reports somebody; `statuses` are posts of theirs, `rules` those that they broke."""

    target: Given
    statuses: list[Given] = Field(default_factory=list, max_length=40)
    comment: str = Field(default="", max_length=1_000)
    category: Category = "other"
    rules: list[Given] = Field(default_factory=list, max_length=20)


class Report(Model):
    """A report. `assigned` and `resolved_by` are admins, empty for nobody."""

    id: Id
    account: Id
    target: Id
    statuses: list[Id]
    comment: str
    category: Category
    rules: list[str]
    created_at: str
    updated_at: str
    assigned: Id = ""
    resolved_by: Id = ""
    resolved_at: str | None = None


class ReportList(Model):
    """A page of reports; `ids` are what it is paged by, and in step with `reports`."""

    ids: list[Id]
    reports: list[Report]
