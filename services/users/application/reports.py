"""Reports: made, listed for admins, dealt with.

A report is in one of two lists, the open and the resolved ones. It comes into a list before its
document says so and leaves the other one after, and what a list has too much is not shown: so a
crash in between loses nothing, and the same request made again makes it good. Two admins may move
it at once: so who has moved it puts it into its list once more, and who has taken it out of one
looks whether that is where it is by now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from services.chassis.errors import Invalid, NotFound
from services.chassis.ids import SnowflakeGenerator, id_time, timestamp
from services.chassis.storage.window import Row, Window
from services.contracts.moderation import NewReport
from services.users.domain.reports import ModerationReport
from services.users.repository import Repository

MAX_PAGES_SCANNED = 5
"""How many pages of a list are looked through for one that has something to show."""


class ReportService:
    """What admins have to look at."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._new_id = SnowflakeGenerator().next

    async def create(self, new: NewReport, account: str) -> ModerationReport:
        """Report somebody. Raises `NotFound`, and `Invalid` for oneself. Five state calls."""
        if new.target == account:
            raise Invalid("You cannot report yourself.")
        profile = await self._repository.users.get(new.target)
        if profile is None or profile.deleted:
            raise NotFound("There is no such account.")
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
        await self._repository.reports.update(id, lambda kept: kept or report, fresh=True)
        return report

    async def get(self, id: str) -> ModerationReport:
        """One report. Raises `NotFound`. One state call."""
        return _there(await self._repository.reports.get(id))

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
        """It is dealt with. Raises `NotFound`."""
        now = timestamp()
        return await self._move(id, "resolved", "open", lambda report: report.resolve(admin, now))

    async def reopen(self, id: str) -> ModerationReport:
        """It is not. Raises `NotFound`."""
        now = timestamp()
        return await self._move(id, "open", "resolved", lambda report: report.reopen(now))

    async def assign(self, id: str, admin: str) -> ModerationReport:
        """An admin deals with it; nobody, if empty. Raises `NotFound`."""
        now = timestamp()
        after = await self._repository.reports.update(
            id, lambda kept: _there(kept).assign(admin, now)
        )
        return _there(after)

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
        after = await self._repository.reports.update(id, lambda kept: change(_there(kept)))
        await reported.insert(into, [row])
        await reported.remove(out_of, [id])
        if (await self.get(id)).is_resolved != (into == "resolved"):
            await reported.insert(out_of, [row])
        return _there(after)


def _row(report: ModerationReport) -> Row:
    return [report.id, report.account, report.target]


def _is_about(row: Row, account: str, target: str) -> bool:
    return (not account or row[1] == account) and (not target or row[2] == target)


def _beyond(window: Window, rows: Sequence[Row]) -> Window:
    if window.ascending:
        return replace(window, min_id=rows[0][0])
    return replace(window, max_id=rows[-1][0])


def _there(report: ModerationReport | None) -> ModerationReport:
    if report is None:
        raise NotFound("There is no such report.")
    return report
