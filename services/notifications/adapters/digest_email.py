"""Renders a digest as an e-mail: simple HTML that every program displays well.

The binding sends HTML only. The mail tells who did what and never what a post says, because mail
may be read by others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from services.notifications.adapters.mail_templates import load_template
from services.notifications.domain.notifications import ACCOUNT, POST, TYPE, Row

MAX_LISTED = 20
"""How many notifications a digest lists one by one."""

_PHRASES = {
    "follow": "follows you",
    "follow_request": "asks to follow you",
    "favourite": "likes your post",
    "reblog": "boosted your post",
    "mention": "mentioned you, or answered",
    "status": "posted something new",
}

_OWN_POST_TYPES = ("favourite", "reblog")
"""Types about a post of the reader, whose address contains the reader's name."""

_TEMPLATE = load_template("digest_email.html")


@dataclass(frozen=True, slots=True)
class DigestEmail:
    """A rendered mail."""

    subject: str
    html: str


@dataclass(frozen=True, slots=True)
class EmailPerson:
    """The account that caused a notification."""

    username: str
    name: str


@dataclass(frozen=True, slots=True)
class _Line:
    phrase: str
    name: str = ""
    profile: str = ""
    target: str = ""


def render_digest(
    rows: Sequence[Row],
    people: Mapping[str, EmailPerson],
    *,
    owner: str,
    more: bool,
    title: str,
    public_url: str,
    stop: str,
) -> DigestEmail:
    """Render some notifications, newest first, for the user with the username `owner`.

    `more` says that there are further ones. `stop` is the link that disables digests.
    """
    plus = "+" if more else ""
    what = "new notification" if len(rows) == 1 and not more else "new notifications"
    subject = f"{len(rows)}{plus} {what} at {title}"
    listed, rest = rows[:MAX_LISTED], len(rows) - MAX_LISTED
    html = _TEMPLATE.render(
        subject=subject,
        lines=[_line(row, people.get(row[ACCOUNT]), owner, public_url) for row in listed],
        rest=f"{rest}{plus}" if rest > 0 else "",
        public_url=public_url,
        title=title,
        stop=stop,
    )
    return DigestEmail(" ".join(subject.split()), html)


def _line(row: Row, person: EmailPerson | None, owner: str, public_url: str) -> _Line:
    phrase = _PHRASES.get(row[TYPE], "did something that concerns you")
    if person is None:
        return _Line(phrase)
    profile = f"{public_url}/@{quote(person.username)}"
    author = profile if row[TYPE] not in _OWN_POST_TYPES else f"{public_url}/@{quote(owner)}"
    target = f"{author}/{row[POST]}" if row[POST] else ""
    return _Line(phrase, person.name or person.username, profile, target)
