"""The security log: exactly one line for each event, and nothing secret in any."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from services.chassis.security.audit import SecurityEvent, security_event
from services.chassis.telemetry import JsonFormatter
from services.contracts.logins import WEB_CLIENT_ID
from tests.services.auth.harness import PASSWORD, Auth, proof
from tests.services.auth.test_accounts import admin_token
from tests.services.auth.test_session_list import listed
from tests.services.auth.test_sessions import session

FIELDS = ("event", "outcome", "subject", "actor", "client_id", "caller", "route", "reason")
NEW = "difference engine"


class SecurityLog:
    """The lines of the security log, as they are written."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self._format = JsonFormatter("auth").format
        self.everything: list[str] = []

    def take(self) -> list[tuple[str, str, str]]:
        """Return event, subject and reason of each line since the last call."""
        ours = [one for one in self._caplog.records if one.name == "microgram.security"]
        lines = [self._format(one) for one in ours]
        self._caplog.clear()
        self.everything += lines
        parsed: list[dict[str, Any]] = [orjson.loads(line) for line in lines]
        for one in parsed:
            assert one.keys() >= set(FIELDS)
        return [(one["event"], one["subject"], one["reason"]) for one in parsed]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> SecurityLog:
    return SecurityLog(caplog)


async def test_each_event_is_one_line_without_a_secret(auth: Auth, log: SecurityLog) -> None:
    ada = (await auth.register("ada")).json()["user_id"]
    admin = await admin_token(auth)
    app = await auth.app()
    log.take()

    web = await session(auth, kind="web")
    assert log.take() == [("login_succeeded", ada, "")]
    await auth.ask("/sessions", login="ada", password="wrong guess")
    assert log.take() == [("login_failed", ada, "wrong_password")]
    await auth.ask("/sessions", login="eve@example.org", password=PASSWORD)
    assert log.take() == [("login_failed", "", "unknown_login")]

    code = (await auth.authorize(app)).json()["code"]
    assert log.take() == [("login_succeeded", ada, "")]
    token = (await auth.redeem(app, code)).json()["access_token"]
    assert log.take() == []
    await auth.redeem(app, code)
    assert log.take() == [("code_replayed", ada, ""), ("token_revoked", ada, "code_replayed")]

    offline = await auth.app("read offline_access")
    code = (await auth.authorize(offline, scope="read offline_access")).json()["code"]
    first = (await auth.redeem(offline, code)).json()
    log.take()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await auth.ask("/tokens", **form, **proof(offline))).json()
    assert log.take() == []
    await auth.ask("/tokens", **form, **proof(offline))
    assert log.take() == [
        ("refresh_token_reused", ada, ""),
        ("token_revoked", ada, "refresh_token_reused"),
    ]

    (own,) = [one for one in await listed(auth, web) if one["is_current"]]
    await auth.ask(f"/sessions/{own['id']}/revoke", web)
    assert log.take() == [("token_revoked", ada, "by_user")]
    web = await session(auth, kind="web")
    log.take()
    web = (await auth.ask("/sessions/revoke_others", web)).json()["token"]
    assert log.take() == [("sessions_ended", ada, "")]
    auth.clock.turn(5)
    changed = await auth.ask("/passwords", web, current_password=PASSWORD, password=NEW)
    assert log.take() == [("password_changed", ada, "")]

    await auth.running.operate("POST", "/roles", json={"username": "ada", "role": ""})
    assert log.take() == []  # she had none
    for _ in range(2):
        await auth.ask(f"/people/{ada}/suspend", admin)
    assert log.take() == [("account_suspended", ada, "")]
    await auth.ask("/sessions", login="ada", password=NEW)
    assert log.take() == [("login_failed", ada, "suspended")]
    await auth.ask(f"/people/{ada}/unsuspend", admin)
    assert log.take() == [("account_unsuspended", ada, "")]
    await auth.running.operate("POST", "/roles", json={"username": "ada", "role": "admin"})
    assert log.take() == [("role_changed", ada, "admin")]

    await auth.running.call("POST", "/apps", caller="posts", json={})
    assert log.take() == [("service_call_refused", "", "not_named")]
    await auth.ask("/deletions", login="ada", password=NEW)
    assert log.take() == [("account_deleted", ada, "")]

    tokens = [made[name] for made in (first, second) for name in ("access_token", "refresh_token")]
    secrets = (
        *tokens,
        PASSWORD,
        "wrong guess",
        NEW,
        code,
        token,
        web,
        changed.json()["token"],
        admin,
    )
    for secret in (*secrets, app["client_secret"], "example.org"):
        assert not [line for line in log.everything if secret in line]


async def test_throttled_guesses_are_logged(auth: Auth, log: SecurityLog) -> None:
    for _ in range(9):
        await auth.ask("/sessions", login="ada", password=PASSWORD)
    found = log.take()
    assert [reason for _, _, reason in found] == ["unknown_login"] * 8 + ["throttled"]


async def test_a_line_names_the_app_and_the_admin(
    auth: Auth, caplog: pytest.LogCaptureFixture
) -> None:
    ada = (await auth.register("ada")).json()["user_id"]
    admin = await admin_token(auth)
    await session(auth, kind="web")
    assert _last(caplog)["client_id"] == WEB_CLIENT_ID
    await auth.ask(f"/people/{ada}/suspend", admin)
    assert _last(caplog)["actor"] not in ("", ada)
    await auth.running.call("POST", "/apps", caller="posts", json={})
    last = _last(caplog)
    assert (last["caller"], last["route"], last["outcome"]) == ("posts", "/apps", "failure")


def test_a_line_is_bounded_and_cannot_be_broken(caplog: pytest.LogCaptureFixture) -> None:
    security_event("service_call_refused", caller="x\n" * 1000)
    line = JsonFormatter("auth").format(caplog.records[-1])
    assert "\n" not in line
    assert len(orjson.loads(line)["caller"]) == 200


def test_the_documentation_lists_every_event_and_field() -> None:
    text = Path("docs/security.md").read_text()
    section = text.partition("## Security log")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", section))
    assert named >= {*get_args(SecurityEvent), *FIELDS}


def _last(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    records = [one for one in caplog.records if one.name == "microgram.security"]
    found: dict[str, Any] = orjson.loads(JsonFormatter("auth").format(records[-1]))
    return found
