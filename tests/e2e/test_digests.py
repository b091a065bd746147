"""Digests by mail: a real mail server on loopback, through the real binding of the sidecar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.system import SETS, LoggedInUser, System, start_system, wait_until
from tests.system.browser import WebBrowser
from tools.runner.infra.ports import free_ports

HOURS = 0.002
"""Seven seconds from one digest to the next."""


@dataclass
class FakeMailServer:
    """A mail server that records mails and can refuse recipients."""

    got: list[EmailMessage] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    refusals: int = 0

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address in self.refused:
            self.refusals += 1
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.got.append(message)
        return "250 OK"

    def to(self, person: LoggedInUser) -> list[EmailMessage]:
        return [mail for mail in self.got if mail["to"] == person.email]


@dataclass
class DigestSystem:
    """A system with digests switched on, and its mail server, which is not running yet."""

    system: System
    mailbox: FakeMailServer
    server: Controller


@pytest.fixture(params=SETS)
def digest_system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DigestSystem]:
    mailbox, port = FakeMailServer(), next(free_ports())
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    env = {"MICROGRAM_DIGEST_HOURS": str(HOURS)}
    with start_system(
        request.param, tmp_path / "system", env=env, replicas="notifications=2"
    ) as system:
        component = next((system.run_dir / "components").rglob("*mail.yaml"))
        document = yaml.safe_load(component.read_text())
        for item in document["spec"]["metadata"]:
            if item["name"] == "port":
                item["value"] = str(port)
        component.write_text(yaml.safe_dump(document))
        for name in [name for name in system.ps() if name.startswith("notifications")]:
            system.restart(name)
        system.await_ready()
        try:
            yield DigestSystem(system, mailbox, server)
        finally:
            server.stop(no_assert=True)


def _notification_count(person: LoggedInUser) -> int:
    return len(person.client.notifications())


def _lines(mail: EmailMessage) -> list[str]:
    text = mail.get_content()
    return [re.sub("<[^>]+>", "", line) for line in re.findall("<li>(.*)</li>", text)]


def _wants(person: LoggedInUser) -> None:
    answer = person.call("PUT", "/api/v1/notifications/digest", json={"enabled": True})
    assert answer.json() == {"enabled": True, "available": True, "interval_hours": HOURS}


def test_people_who_want_it_get_what_is_new_by_mail(digest_system: DigestSystem) -> None:
    anna, ben, cleo = [digest_system.system.register(name) for name in ("anna", "ben", "cleo")]
    ben.client.account_update_credentials(display_name="Ben «B» Ö <b>")
    for person in (anna, cleo):
        _wants(person)
    post = anna.client.status_post("nothing of this is told")
    ben.client.status_favourite(post)
    wait_until(lambda: _notification_count(anna) == 1)
    ben.client.account_follow(anna.id)
    wait_until(lambda: _notification_count(anna) == 2)
    wait_until(lambda: "cannot send a digest yet" in _log(digest_system.system))  # nobody listens
    assert digest_system.mailbox.got == []

    digest_system.server.start()
    wait_until(lambda: digest_system.mailbox.to(anna))
    (mail,) = digest_system.mailbox.to(anna)
    assert mail["subject"] == "2 new notifications at Microgram"
    assert mail.get_content_type() == "text/html"
    assert "nothing of this is told" not in mail.get_content()
    assert _lines(mail) == [
        "Ben «B» Ö &lt;b&gt; follows you",
        "Ben «B» Ö &lt;b&gt; likes your post",
    ]

    digest_system.mailbox.refused.add(cleo.email)
    theirs = cleo.client.status_post("cleo's")
    ben.client.status_favourite(theirs)
    anna.client.status_favourite(theirs)
    wait_until(lambda: digest_system.mailbox.refusals)
    digest_system.mailbox.refused.clear()
    wait_until(lambda: digest_system.mailbox.to(cleo))
    assert len(_lines(digest_system.mailbox.to(cleo)[0])) == 2
    assert len(digest_system.mailbox.to(anna)) == 1  # nothing was new

    link = re.search(r'href="([^"]+/digests/stop[^"]+)"', mail.get_content())
    assert link
    with WebBrowser(digest_system.system.base) as browser:
        page = browser.open(link[1].replace("&amp;", "&"))
        assert "No more digests" in browser.submit(page, page.forms[0], {}).text
    answer = anna.call("GET", "/api/v1/notifications/digest").json()
    assert answer["enabled"] is False
    assert anna.email not in _log(digest_system.system)


def _log(system: System) -> str:
    """Return the logs of all replicas and sidecars."""
    return "".join(
        path.read_text(errors="replace")
        for path in (system.run_dir / "logs").glob("notifications*.log")
    )
