"""Mails about accounts: from the real mail server to the page of the link, and back in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import requests
import yaml
from aiosmtpd.controller import Controller

from tests.e2e.test_digests import DigestSystem, FakeMailServer
from tests.system import SETS, LoggedInUser, start_system, wait_until
from tests.system.users import PASSWORD
from tools.runner.infra.ports import free_ports

NEW = "difference engine"


@pytest.fixture(params=SETS)
def mailing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DigestSystem]:
    """A system that sends mails about accounts. Its mail server does not run yet."""
    mailbox, port = FakeMailServer(), next(free_ports())
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    with start_system(request.param, tmp_path / "system", env={"MICROGRAM_MAIL": "true"}) as system:
        component = next((system.run_dir / "components").rglob("*mail.yaml"))
        document = yaml.safe_load(component.read_text())
        for item in document["spec"]["metadata"]:
            if item["name"] == "port":
                item["value"] = str(port)
        component.write_text(yaml.safe_dump(document))
        system.restart("notifications")
        system.await_ready()
        try:
            yield DigestSystem(system, mailbox, server)
        finally:
            server.stop(no_assert=True)


def _mail(mailing: DigestSystem, person: LoggedInUser, subject: str) -> str:
    """The link of a mail, once it has come."""

    def found() -> list[str]:
        mails = [one for one in mailing.mailbox.to(person) if subject in one["subject"]]
        return [unescape(re.findall('href="([^"]+)"', one.get_content())[0]) for one in mails]

    wait_until(lambda: bool(found()))
    return found()[-1]


def _send_form(mailing: DigestSystem, link: str, **typed: str) -> requests.Response:
    page = requests.get(link, timeout=10)
    assert page.status_code == 200
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    form = {name: unescape(value) for name, value in fields} | typed
    headers = {"origin": mailing.system.base}
    path = link.partition("?")[0]
    return requests.post(path, form, headers=headers, timeout=10, allow_redirects=False)


def _can_log_in(mailing: DigestSystem, person: LoggedInUser, password: str) -> bool:
    answer = requests.post(
        f"{mailing.system.base}/login",
        {"login": person.name, "password": password},
        headers={"origin": mailing.system.base},
        timeout=10,
        allow_redirects=False,
    )
    return answer.status_code == 303


def test_a_forgotten_password_comes_back_by_mail(mailing: DigestSystem) -> None:
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


def test_the_operator_prints_a_link(mailing: DigestSystem) -> None:
    mailing.server.start()
    ben = mailing.system.register("ben")
    printed = mailing.system.command("password", ben.name).strip().splitlines()[-1]
    assert printed.startswith(f"{mailing.system.base}/auth/password/edit?of=")
    assert _send_form(mailing, printed, password=NEW).status_code == 303
    assert [_can_log_in(mailing, ben, one) for one in (PASSWORD, NEW)] == [False, True]
