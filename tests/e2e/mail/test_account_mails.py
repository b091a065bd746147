"""Mails about accounts: from the real mail server to the page of the link, and back in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
import requests

from tests.e2e.mail.mail_server import MailSystem, mail_server, start_mailing
from tests.system import SETS, LoggedInUser, System, wait_until
from tests.system.users import PASSWORD

NEW = "difference engine"


@pytest.fixture(scope="module", params=SETS)
def sender(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[System, int]]:
    """A system that sends mails about accounts, and the port of its mail server."""
    folder = tmp_path_factory.mktemp(f"mails-{request.param}")
    with start_mailing(request.param, folder, {"MICROGRAM_MAIL": "true"}) as sender:
        yield sender


@pytest.fixture
def mailing(sender: tuple[System, int]) -> Iterator[MailSystem]:
    """The system with a mail server that does not run yet."""
    with mail_server(*sender) as mailing:
        yield mailing


def _mail(mailing: MailSystem, person: LoggedInUser, subject: str) -> str:
    """The link of a mail, once it has come."""

    def found() -> list[str]:
        mails = [one for one in mailing.mailbox.to(person) if subject in one["subject"]]
        return [unescape(re.findall('href="([^"]+)"', one.get_content())[0]) for one in mails]

    wait_until(lambda: bool(found()))
    return found()[-1]


def _send_form(mailing: MailSystem, link: str, **typed: str) -> requests.Response:
    page = requests.get(link, timeout=10)
    assert page.status_code == 200
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    form = {name: unescape(value) for name, value in fields} | typed
    headers = {"origin": mailing.system.base}
    path = link.partition("?")[0]
    return requests.post(path, form, headers=headers, timeout=10, allow_redirects=False)


def _can_log_in(mailing: MailSystem, person: LoggedInUser, password: str) -> bool:
    answer = requests.post(
        f"{mailing.system.base}/login",
        {"login": person.name, "password": password},
        headers={"origin": mailing.system.base},
        timeout=10,
        allow_redirects=False,
    )
    return answer.status_code == 303


def test_a_forgotten_password_comes_back_by_mail(mailing: MailSystem) -> None:
    anna = mailing.system.register("anna")
    mailing.server.start()  # the confirmation has waited for it
    assert _send_form(mailing, _mail(mailing, anna, "Confirm")).status_code == 200
    asked = requests.post(
        f"{mailing.system.base}/auth/password",
        {"email": anna.email},
        headers={"origin": mailing.system.base},
        timeout=10,
    )
    assert asked.status_code == 200
    link = _mail(mailing, anna, "A new password")
    assert _send_form(mailing, link, password=NEW).status_code == 303
    assert [_can_log_in(mailing, anna, one) for one in (PASSWORD, NEW)] == [False, True]
    assert _send_form(mailing, link, password="a third password").status_code == 422
    _mail(mailing, anna, "was changed")
    _mail(mailing, anna, "A new login")


def test_the_operator_prints_a_link(mailing: MailSystem) -> None:
    mailing.server.start()
    ben = mailing.system.register("ben")
    printed = mailing.system.command("password", ben.name).strip().splitlines()[-1]
    assert printed.startswith(f"{mailing.system.base}/auth/password/edit?of=")
    assert _send_form(mailing, printed, password=NEW).status_code == 303
    assert [_can_log_in(mailing, ben, one) for one in (PASSWORD, NEW)] == [False, True]
