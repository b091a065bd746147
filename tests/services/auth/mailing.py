"""Auth with mail: links in mails, and users whose address is confirmed."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

from tests.fakes import Response
from tests.fakes.sidecar import SentMail
from tests.services.auth.harness import Auth

EMAIL = "ada@example.org"


async def mails(auth: Auth) -> list[SentMail]:
    """All mails so far, once everything is sent that is to be sent."""
    await auth.cluster.settle()
    return auth.cluster.mails


def link(mail: SentMail) -> dict[str, str]:
    """User and token of the link of a mail."""
    (address,) = re.findall(r'href="([^"]+)"', mail.html)
    query = parse_qs(urlsplit(unescape(address)).query)
    return {"user_id": query["of"][0], "token": query["token"][0]}


async def confirm(auth: Auth, mail: SentMail) -> Response:
    return await follow(auth, "/emails/confirm", link(mail))


async def follow(auth: Auth, path: str, found: dict[str, str], **more: str) -> Response:
    """Send what a link carries."""
    return await auth.running.call("POST", path, json={**found, **more})


async def confirmed(auth: Auth, username: str = "ada") -> str:
    """Register a user, confirm the address, and return the user id."""
    user_id: str = (await auth.register(username)).json()["user_id"]
    mail = (await mails(auth))[-1]
    assert mail.to == f"{username}@example.org"
    assert (await confirm(auth, mail)).status == 200
    await auth.cluster.settle()
    auth.cluster.mails.clear()
    return user_id


async def request_reset(auth: Auth, email: str = EMAIL) -> SentMail | None:
    """Request a new password. Returns the new mail, if there is one."""
    before = len(await mails(auth))
    answer = await auth.ask("/password_resets", email=email)
    assert (answer.status, answer.json()) == (200, {})
    sent = (await mails(auth))[before:]
    return sent[0] if sent else None


async def required_reset(auth: Auth) -> dict[str, str]:
    """Request a new password, and return the link."""
    mail = await request_reset(auth)
    assert mail is not None
    return link(mail)
