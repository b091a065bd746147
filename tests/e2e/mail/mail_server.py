"""A mail server on loopback, and systems that send through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.system import LoggedInUser, System, start_system
from tools.runner.infra.ports import free_ports


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
class MailSystem:
    """A system that sends mails, and its mail server, which is not running yet."""

    system: System
    mailbox: FakeMailServer
    server: Controller


@contextmanager
def start_mailing(
    components: str, folder: Path, env: Mapping[str, str], replicas: str = ""
) -> Iterator[tuple[System, int]]:
    """Start a system; yield it with the port of the mail server that it sends to."""
    port = next(free_ports())
    with start_system(components, folder, env=env, replicas=replicas) as system:
        component = next((system.run_dir / "components").rglob("*mail.yaml"))
        document = yaml.safe_load(component.read_text())
        for item in document["spec"]["metadata"]:
            if item["name"] == "port":
                item["value"] = str(port)
        component.write_text(yaml.safe_dump(document))
        for name in [name for name in system.ps() if name.startswith("notifications")]:
            system.restart(name)
        system.await_ready()
        yield system, port


@contextmanager
def mail_server(system: System, port: int) -> Iterator[MailSystem]:
    """Yield a system with a mail server that can be started, and is stopped at the end."""
    mailbox = FakeMailServer()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    try:
        yield MailSystem(system, mailbox, server)
    finally:
        server.stop(no_assert=True)
