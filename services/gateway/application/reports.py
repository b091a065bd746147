"""Reports of accounts to the admins, by the API and by the page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from services.chassis.errors import Invalid, NotFound
from services.chassis.security.caller import Caller
from services.clients.json_types.accounts import AccountJson, ReportJson
from services.clients.paths import numeric_id
from services.clients.services import ServiceClients
from services.contracts.moderation import Category, NewReport
from services.gateway.presentation.entities.instances import RULES

CATEGORIES = ("spam", "legal", "violation", "other")
RULE_IDS = tuple(str(number) for number in range(1, len(RULES) + 1))
MAX_COMMENT_LENGTH = 1_000
_MAX_STATUSES = 40


def new_report(
    *,
    target: str,
    statuses: Iterable[str] = (),
    rules: Iterable[str] = (),
    category: str = "",
    comment: str = "",
) -> NewReport:
    """A `NewReport`. Raises `Invalid`."""
    rules = list(dict.fromkeys(rules))
    category = category or ("violation" if rules else "other")
    posts = list(dict.fromkeys(numeric_id(id) for id in statuses))
    if not target:
        raise Invalid("Validation failed: account_id can't be blank.")
    if category not in CATEGORIES:
        raise Invalid(f"Validation failed: category must be one of {', '.join(CATEGORIES)}.")
    if not all(id in RULE_IDS for id in rules) or (rules and category != "violation"):
        raise Invalid(
            "Validation failed: rule_ids must be rules of this server, with category violation."
        )
    if len(comment) > MAX_COMMENT_LENGTH:
        raise Invalid(
            f"Validation failed: the comment is longer than {MAX_COMMENT_LENGTH} characters."
        )
    if len(posts) > _MAX_STATUSES:
        raise Invalid(f"Validation failed: at most {_MAX_STATUSES} posts can be reported at once.")
    return NewReport.model_construct(
        target=numeric_id(target),
        statuses=posts,
        comment=comment,
        category=cast(Category, category),
        rules=rules,
    )


class Reports:
    """Sends reports."""

    def __init__(self, services: ServiceClients) -> None:
        self._services = services

    async def send(self, new: NewReport, caller: Caller) -> tuple[ReportJson, AccountJson]:
        """The report that is made, and the reported account.

        Raises `NotFound` for an account that does not exist and posts that the caller may not see,
        `Invalid` for posts of other authors.
        """
        account = await self._services.users.account(new.target)
        await self._check_posts(new, caller)
        return await self._services.users.report(new, caller), account

    async def _check_posts(self, new: NewReport, caller: Caller) -> None:
        if not new.statuses:
            return
        reader = caller if caller.may("read:statuses") else None
        views = await self._services.posts.posts(new.statuses, reader)
        if len(views) < len(new.statuses):
            raise NotFound("Record not found")
        if any(view["post"]["author"] != new.target for view in views):
            raise Invalid("Validation failed: the posts must be by the reported account.")
