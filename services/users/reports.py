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
from services.users.domain.reports import Report
from services.users.store import Store

ROUNDS = 5
"""How many pages of a list are looked through for one that has something to show."""


class Reports:
    """What admins have to look at."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._new_id = SnowflakeGenerator().next

    async def make(self, new: NewReport, account: str) -> Report:
        """Report somebody. Raises `NotFound`, and `Invalid` for oneself. Five state calls."""
        if new.target == account:
            raise Invalid("You cannot report yourself.")
        profile = await self._store.users.get(new.target)
        if profile is None or profile.deleted:
            raise NotFound("There is no such account.")
        id = self._new_id()
        now = timestamp(id_time(id))
        report = Report(
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
        await self._store.reported.insert("open", [_row(report)])
        await self._store.reports.update(id, lambda kept: kept or report, fresh=True)
        return report

    async def one(self, id: str) -> Report:
        """One report. Raises `NotFound`. One state call."""
        return _there(await self._store.reports.get(id))

    async def page(
        self, window: Window, *, resolved: bool, account: str = "", target: str = ""
    ) -> dict[str, Any]:
        """Reports, newest first, perhaps by or on somebody.

        Two state calls; further down, or where few are by or on them, up to `ROUNDS` times that.
        """
        which = "resolved" if resolved else "open"
        for _ in range(ROUNDS):
            rows = await self._store.reported.page(which, window)
            wanted = [row[0] for row in rows if _is_about(row, account, target)]
            found = await self._store.reports.get_many(wanted)
            shown = [found[id] for id in wanted if id in found]
            shown = [report for report in shown if report.is_resolved == resolved]
            if shown or len(rows) < window.limit:
                break
            window = _beyond(window, rows)
        return {"ids": [report.id for report in shown], "reports": shown}

    async def resolve(self, id: str, admin: str) -> Report:
        """It is dealt with. Raises `NotFound`."""
        now = timestamp()
        return await self._move(id, "resolved", "open", lambda report: report.resolve(admin, now))

    async def reopen(self, id: str) -> Report:
        """It is not. Raises `NotFound`."""
        now = timestamp()
        return await self._move(id, "open", "resolved", lambda report: report.reopen(now))

    async def assign(self, id: str, admin: str) -> Report:
        """An admin deals with it; nobody, if empty. Raises `NotFound`."""
        now = timestamp()
        after = await self._store.reports.update(id, lambda kept: _there(kept).assign(admin, now))
        return _there(after)

    async def _move(
        self, id: str, into: str, out_of: str, change: Callable[[Report], Report]
    ) -> Report:
        reported = self._store.reported
        row = _row(await self.one(id))
        await reported.insert(into, [row])
        after = await self._store.reports.update(id, lambda kept: change(_there(kept)))
        await reported.insert(into, [row])
        await reported.remove(out_of, [id])
        if (await self.one(id)).is_resolved != (into == "resolved"):
            await reported.insert(out_of, [row])
        return _there(after)


def _row(report: Report) -> Row:
    return [report.id, report.account, report.target]


def _is_about(row: Row, account: str, target: str) -> bool:
    return (not account or row[1] == account) and (not target or row[2] == target)


def _beyond(window: Window, rows: Sequence[Row]) -> Window:
    if window.ascending:
        return replace(window, min_id=rows[0][0])
    return replace(window, max_id=rows[-1][0])


def _there(report: Report | None) -> Report:
    if report is None:
        raise NotFound("There is no such report.")
    return report
