"""Reports to the admins: created, listed, resolved.

A report is in one of two lists, the open or the resolved reports. It is added to a list before its
document changes, and removed from the other list after that. A row that contradicts the document is
not shown. So a crash in between loses nothing, and a repeated request completes the move. Two
admins can move a report concurrently. So the list is written once more after the document, and
after the removal the document is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from services.chassis.errors import Invalid, NotFound
from services.chassis.ids import id_time, timestamp
from services.chassis.storage.window import Row, Window
from services.contracts.moderation import NewReport
from services.users.domain.profiles import account_not_found
from services.users.domain.reports import ModerationReport
from services.users.repository import Repository

MAX_PAGES_SCANNED = 5
"""Pages of a list that one request reads to find a matching report."""


class ReportService:
    """Creates, lists and resolves reports."""

    def __init__(self, repository: Repository, new_id: Callable[[], str]) -> None:
        self._repository = repository
        self._new_id = new_id

    async def create(self, new: NewReport, account: str) -> ModerationReport:
        """Report an account. Raises `NotFound`, and `Invalid` for the own one. Five state calls."""
        if new.target == account:
            raise Invalid("You cannot report yourself.")
        profile = await self._repository.users.get(new.target)
        if profile is None or profile.deleted:
            raise account_not_found()
        id = self._new_id()
        now = timestamp(id_time(id))
        report = ModerationReport(
            id=id,
            account=account,
            target=new.target,
            statuses=tuple(dict.fromkeys(new.statuses)),
            comment=new.comment.strip(),
            category=new.category,
            rules=tuple(dict.fromkeys(new.rules)),
            created_at=now,
            updated_at=now,
        )
        await self._repository.reported.insert("open", [_row(report)])
        await self._repository.reports.update(id, lambda kept: kept or report, expect_absent=True)
        return report

    async def get(self, id: str) -> ModerationReport:
        """Return a report. Raises `NotFound`. One state call."""
        return _existing(await self._repository.reports.get(id))

    async def page(
        self, window: Window, *, resolved: bool, account: str = "", target: str = ""
    ) -> dict[str, Any]:
        """List reports, newest first, optionally by reporter or by target.

        Two state calls, or up to `MAX_PAGES_SCANNED` times that if few reports match.
        """
        which = "resolved" if resolved else "open"
        for _ in range(MAX_PAGES_SCANNED):
            rows = await self._repository.reported.page(which, window)
            wanted = [row[0] for row in rows if _is_about(row, account, target)]
            found = await self._repository.reports.get_many(wanted)
            shown = [found[id] for id in wanted if id in found]
            shown = [report for report in shown if report.is_resolved == resolved]
            if shown or len(rows) < window.limit:
                break
            window = _beyond(window, rows)
        return {"ids": [report.id for report in shown], "reports": shown}

    async def resolve(self, id: str, admin: str) -> ModerationReport:
        """Resolve a report. Raises `NotFound`."""
        now = timestamp()
        return await self._move(id, "resolved", "open", lambda report: report.resolve(admin, now))

    async def reopen(self, id: str) -> ModerationReport:
        """Reopen a report. Raises `NotFound`."""
        now = timestamp()
        return await self._move(id, "open", "resolved", lambda report: report.reopen(now))

    async def assign(self, id: str, admin: str) -> ModerationReport:
        """Assign a report to an admin, or to nobody if empty. Raises `NotFound`."""
        now = timestamp()
        after = await self._repository.reports.update(
            id, lambda kept: _existing(kept).assign(admin, now)
        )
        return _existing(after)

    async def _move(
        self,
        id: str,
        into: str,
        out_of: str,
        change: Callable[[ModerationReport], ModerationReport],
    ) -> ModerationReport:
        reported = self._repository.reported
        row = _row(await self.get(id))
        await reported.insert(into, [row])
        after = await self._repository.reports.update(id, lambda kept: change(_existing(kept)))
        await reported.insert(into, [row])
        await reported.remove(out_of, [id])
        if (await self.get(id)).is_resolved != (into == "resolved"):
            await reported.insert(out_of, [row])
        return _existing(after)


def _row(report: ModerationReport) -> Row:
    return [report.id, report.account, report.target]


def _is_about(row: Row, account: str, target: str) -> bool:
    return (not account or row[1] == account) and (not target or row[2] == target)


def _beyond(window: Window, rows: Sequence[Row]) -> Window:
    if window.ascending:
        return replace(window, min_id=rows[0][0])
    return replace(window, max_id=rows[-1][0])


def _existing(report: ModerationReport | None) -> ModerationReport:
    if report is None:
        raise NotFound("There is no such report.")
    return report
