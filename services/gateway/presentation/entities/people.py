"""Account, CredentialAccount, Relationship."""

from __future__ import annotations

from typing import Any

from services.contracts.accounts import Account, OwnAccount, Profile, Relationship
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.urls import PublicUrls

Entity = dict[str, Any]

ROLE: Entity = {
    "id": "-99",  # Mastodon's id of the role of every user
    "name": "",
    "color": "",
    "permissions": "0",
    "highlighted": False,
}
ADMIN: Entity = {
    "id": "3",
    "name": "Admin",
    "color": "",
    "permissions": str(1 << 4 | 1 << 10),  # Mastodon's "Manage Reports" and "Manage Users"
    "highlighted": True,
}


def role(profile: Profile) -> Entity:
    """The entity Role."""
    return ADMIN if profile.role == "admin" else ROLE


def public_profile(profile: Profile) -> Profile:
    """The public part of a profile: of a suspended account only the username."""
    if not profile.suspended:
        return profile
    return Profile(
        id=profile.id,
        username=profile.username,
        created_at=profile.created_at,
        discoverable=False,
        suspended=True,
    )


def mention_names(profile: Profile) -> dict[str, str]:
    """The usernames that a profile mentions, by lower-case username."""
    return {mention.username.lower(): mention.username for mention in profile.mentions}


def account(source: Account, at: PublicUrls, writer: HtmlWriter) -> Entity:
    """The entity Account."""
    profile, counts = public_profile(source.profile), source.counts
    names = mention_names(profile)
    avatar, header = at.avatar(profile.avatar), at.header(profile.header)
    return {
        "id": profile.id,
        "username": profile.username,
        "acct": profile.username,
        "display_name": profile.display_name,
        "locked": profile.locked,
        "bot": profile.bot,
        "discoverable": profile.discoverable,
        "indexable": profile.discoverable,
        "group": False,
        "created_at": profile.created_at,
        "note": writer.paragraphs(profile.note, names),
        "url": at.account(profile.username),
        "uri": at.actor(profile.username),
        "avatar": avatar,
        "avatar_static": avatar,
        "header": header,
        "header_static": header,
        "followers_count": counts.followers,
        "following_count": counts.following,
        "statuses_count": counts.statuses,
        "last_status_at": counts.last_status_at,
        "hide_collections": False,
        "noindex": not profile.discoverable,
        "suspended": profile.suspended,
        "limited": False,
        "moved": None,
        "emojis": [],
        "roles": [],
        "fields": [
            {
                "name": field.name,
                "value": writer.line(field.value, names),
                "verified_at": field.verified_at,
            }
            for field in profile.fields
        ],
    }


def credential_account(source: OwnAccount, at: PublicUrls, writer: HtmlWriter) -> Entity:
    """The entity CredentialAccount: the caller's own account with its private fields."""
    profile = source.profile
    own = {
        "privacy": profile.default_visibility,
        "sensitive": profile.default_sensitive,
        "language": profile.default_language or None,
        "note": profile.note,
        "fields": [field.model_dump() for field in profile.fields],
        "follow_requests_count": source.follow_requests,
        "hide_collections": False,
        "discoverable": profile.discoverable,
        "indexable": profile.discoverable,
        "attribution_domains": [],
    }
    return account(source, at, writer) | {"source": own, "role": role(profile)}


def relationship(source: Relationship) -> Entity:
    """The entity Relationship."""
    return {
        "id": source.id,
        "following": source.following,
        "showing_reblogs": source.showing_reblogs,
        "notifying": source.notifying,
        "languages": None,
        "followed_by": source.followed_by,
        "blocking": source.blocking,
        "blocked_by": source.blocked_by,
        "muting": source.muting,
        "muting_notifications": source.muting_notifications,
        "muting_expires_at": source.muting_expires_at,
        "requested": source.requested,
        "requested_by": source.requested_by,
        "domain_blocking": False,
        "endorsed": False,
        "note": source.note,
    }


def preferences(source: Account) -> Entity:
    """The entity Preferences."""
    profile = source.profile
    return {
        "posting:default:visibility": profile.default_visibility,
        "posting:default:sensitive": profile.default_sensitive,
        "posting:default:language": profile.default_language or profile.locale or None,
        "reading:expand:media": "default",
        "reading:expand:spoilers": False,
        "reading:autoplay:gifs": False,
    }
