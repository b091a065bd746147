"""What a digest looks like: plain HTML, which reads well in every program.

The binding sends HTML alone, so there is no text beside it; it is simple enough that programs which
show texts make a good one of it. Who did what is told, and never what a post says: mail is read by
more eyes than ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from services.notifications.domain.notifications import ACCOUNT, POST, TYPE, Row

MAX_LISTED = 20
"""How many notifications are told one by one."""

_PHRASES = {
    "follow": "follows you",
    "follow_request": "asks to follow you",
    "favourite": "likes your post",
    "reblog": "boosted your post",
    "mention": "mentioned you, or answered",
    "status": "posted something new",
}


@dataclass(frozen=True, slots=True)
class DigestEmail:
    """A mail that is ready."""

    subject: str
    html: str


@dataclass(frozen=True, slots=True)
class EmailPerson:
    """Somebody who did something."""

    username: str
    name: str


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
    """A digest of some notifications for `owner`, by their username, newest first.

    `more`: there are some beyond them.
    """
    count = f"{len(rows)}{'+' if more else ''}"
    what = "new notification" if len(rows) == 1 and not more else "new notifications"
    lines = [_line(row, people.get(row[ACCOUNT]), owner, public_url) for row in rows[:MAX_LISTED]]
    rest = len(rows) - MAX_LISTED
    if rest > 0:
        lines.append(f"<li>… and {rest}{'+' if more else ''} more</li>")
    subject = f"{count} {what} at {title}"
    return DigestEmail(_one_line(subject), _PAGE.format(
        subject=escape(subject),
        lines="\n".join(lines),
        url=escape(public_url),
        title=escape(title),
        stop=escape(stop),
    ))  # fmt: skip


def _line(row: Row, person: EmailPerson | None, owner: str, public_url: str) -> str:
    said = _PHRASES.get(row[TYPE], "did something that concerns you")
    if person is None:
        return f"<li>Somebody {said}</li>"
    profile = f"{public_url}/@{quote(person.username)}"
    who = f'<a href="{escape(profile)}">{escape(person.name or person.username)}</a>'
    if not row[POST]:
        return f"<li>{who} {said}</li>"
    author = profile if row[TYPE] not in _OWN_POST_TYPES else f"{public_url}/@{quote(owner)}"
    target = f"{author}/{row[POST]}"
    return f'<li>{who} <a href="{escape(target)}">{said}</a></li>'


_OWN_POST_TYPES = ("favourite", "reblog")
"""What is about a post of the reader's own, whose address has another name in it."""


def _one_line(text: str) -> str:
    return " ".join(text.split())


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{subject}</title></head>
<body style="font:16px/1.5 sans-serif;color:#222;max-width:36em;margin:0 auto;padding:1em">
<h1 style="font-size:20px">{subject}</h1>
<ul style="padding-left:1.2em">
{lines}
</ul>
<p><a href="{url}">Open {title}</a></p>
<p style="color:#666;font-size:13px">You get this because you switched digests on.
<a href="{stop}" style="color:#666">Send me no more of them</a></p>
</body></html>
"""
