"""Under their own profile people see what the guest `insights` counts, if it runs and answers."""

from __future__ import annotations

import pytest

from services.chassis.errors import ServiceError, Unavailable
from services.chassis.security.caller import Caller
from services.clients.insights import InsightsClient
from services.contracts.insights import Insights, Sales, TagInsight
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import GatewayDeployment

TITLE = "Your last twelve weeks"


@pytest.fixture
async def ada(deployment: GatewayDeployment) -> FormBrowser:
    await deployment.register("bob")
    return await FormBrowser(deployment).sign_up("ada")


def run_guest(monkeypatch: pytest.MonkeyPatch, failure: ServiceError | None = None) -> None:
    async def insights(_: InsightsClient, caller: Caller) -> Insights:
        if failure:
            raise failure
        return Insights(
            account=caller.user_id,
            since="2026-09-14",
            posts=3,
            posts_per_week=1.5,
            likes=1,
            best_hour=7,
            top_tags=[TagInsight(name="<sea>", posts=2, likes=1)],
            followers=4,
            followers_gained=2,
            sales=[Sales(currency="EUR", orders=2, total=4800)],
        )

    monkeypatch.setattr(InsightsClient, "is_running", staticmethod(lambda: True))
    monkeypatch.setattr(InsightsClient, "insights", insights)


async def test_nothing_is_shown_where_it_does_not_run(ada: FormBrowser) -> None:
    page = await ada.get("/@ada")
    assert page.status == 200
    assert TITLE not in page.text


async def test_the_own_profile_shows_them(
    ada: FormBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_guest(monkeypatch)
    text = (await ada.get("/@ada")).text
    assert TITLE in text
    for shown in ("<strong>1.5</strong> posts a week", "<strong>1</strong> like", "07:00"):
        assert shown in text
    assert "<strong>+2</strong> followers" in text
    assert "<strong>2</strong> sales" in text
    assert "48.00&nbsp;EUR" in text
    assert 'href="/tags/%3Csea%3E">#&lt;sea&gt;</a>' in text


async def test_other_profiles_do_not(ada: FormBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    run_guest(monkeypatch)
    assert TITLE not in (await ada.get("/@bob")).text


async def test_a_profile_does_not_fail_with_it(
    ada: FormBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_guest(monkeypatch, Unavailable("The guest does not run."))
    page = await ada.get("/@ada")
    assert page.status == 200
    assert TITLE not in page.text
