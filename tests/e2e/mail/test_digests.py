"""Digests by mail: a real mail server on loopback, through the real binding of the sidecar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.e2e.mail.mail_server import MailSystem, mail_server, start_mailing
from tests.system import SETS, LoggedInUser, System, wait_until
from tests.system.browser import WebBrowser

HOURS = 0.001
"""Four seconds from one digest to the next."""


@pytest.fixture(params=SETS)
def digest_system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MailSystem]:
    """A system with digests switched on, and its mail server, which is not running yet."""
    env = {"MICROGRAM_DIGEST_HOURS": str(HOURS)}
    folder = tmp_path / "system"
    with (
        start_mailing(request.param, folder, env, "notifications=2") as (system, port),
        mail_server(system, port) as mailing,
    ):
        yield mailing


def _notification_count(person: LoggedInUser) -> int:
    return len(person.client.notifications())


def _lines(mail: EmailMessage) -> list[str]:
    text = mail.get_content()
    return [re.sub("<[^>]+>", "", line) for line in re.findall("<li>(.*)</li>", text)]


def _wants(person: LoggedInUser) -> None:
    answer = person.call("PUT", "/api/v1/notifications/digest", json={"enabled": True})
    assert answer.json() == {"enabled": True, "available": True, "interval_hours": HOURS}


def test_people_who_want_it_get_what_is_new_by_mail(digest_system: MailSystem) -> None:
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
    wait_until(lambda: _notification_count(cleo) == 2)
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
