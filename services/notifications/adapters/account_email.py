"""Renders mails about accounts: links to new passwords, confirmations, and security notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from services.contracts.mails import AccountMail, MailKind
from services.notifications.adapters.mail_templates import load_template


@dataclass(frozen=True, slots=True)
class _Content:
    """What a kind of mail says. `path` is that of its link."""

    subject: str
    text: str
    link: str
    path: str
    note: str


_FORGOTTEN = "/auth/password"
_SECURE = "If this was not you, set a new password now. That ends all sessions."

_CONTENTS: dict[MailKind, _Content] = {
    "password_reset": _Content(
        "A new password for {title}",
        "Somebody, probably you, asked for a new password for your account @{name}.",
        "Choose a new password",
        "/auth/password/edit",
        "The link works once, for an hour. If you did not ask for it, do nothing: your password"
        " stays as it is.",
    ),
    "email_confirmation": _Content(
        "Confirm your e-mail address for {title}",
        "This address was given for the account @{name}.",
        "Confirm this address",
        "/auth/confirmation",
        "The link works for three days. If this is not your account, do nothing.",
    ),
    "address_in_use": _Content(
        "You already have an account at {title}",
        "Somebody, probably you, gave this address for another account. It belongs to your"
        " account @{name} already, so nothing was changed.",
        "Forgot your password?",
        _FORGOTTEN,
        "If this was not you, do nothing.",
    ),
    "password_changed": _Content(
        "Your password at {title} was changed",
        "The password of your account @{name} was changed on {time}. All other sessions have"
        " ended.",
        "Set a new password",
        _FORGOTTEN,
        _SECURE,
    ),
    "email_changed": _Content(
        "Your e-mail address at {title} was changed",
        "Your account @{name} has had another e-mail address since {time}. This one is no longer"
        " used.",
        "Open {title}",
        "/",
        "If this was not you, write to the people who run {title}.",
    ),
    "new_login": _Content(
        "A new login to {title}",
        "Somebody, probably you, logged in to your account @{name} on {time}:",
        "Set a new password",
        _FORGOTTEN,
        _SECURE,
    ),
}

_TEMPLATE = load_template("account_email.html")


def render_account_mail(mail: AccountMail, *, title: str, public_url: str) -> tuple[str, str]:
    """Return the subject and the HTML of a mail."""
    content = _CONTENTS[mail.kind]
    words = {
        "title": title,
        "name": mail.username,
        "time": datetime.fromtimestamp(mail.at, UTC).strftime("%Y-%m-%d at %H:%M UTC"),
    }
    query = {"of": mail.user_id, "token": mail.token}
    address = f"{public_url}{content.path}"
    subject = " ".join(content.subject.format(**words).split())
    html = _TEMPLATE.render(
        subject=subject,
        text=content.text.format(**words),
        facts=[fact for fact in (mail.app, mail.user_agent) if fact],
        address=f"{address}?{urlencode(query)}" if mail.token else address,
        link=content.link.format(**words),
        note=content.note.format(**words),
    )
    return subject, html
