"""Instance v1 and v2, Rule, nodeinfo."""

from __future__ import annotations

from typing import Any

from services.contracts import limits
from services.contracts.accounts import Account, Profile
from services.contracts.discovery import Statistics
from services.gateway.presentation.entities import people
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.urls import THUMBNAIL, PublicUrls
from services.gateway.settings import API_VERSION, COMPATIBLE, VERSION, GatewaySettings

Entity = dict[str, Any]

SHORT_DESCRIPTION = "Photographs, and the people who take them."
LONG_DESCRIPTION = (
    "Microgram is a small place for photographs. Any app that speaks the Mastodon client API works."
)

IMAGE_TYPES = (
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/heic",
    "image/heif",
)
CREATED_AT = "2025-01-01T00:00:00.000Z"
RULES = (
    ("Be kind.", "Disagree without belittling anybody."),
    ("Post your own pictures, or say whose they are.", "And ask before you show people up close."),
    ("Say what a picture shows.", "Alt text lets everybody take part."),
    ("Mark what not everybody wants to see.", "Sensitive pictures are hidden until asked for."),
)


class InstanceEntities:
    """The entities about the instance. They depend on the settings and the statistics only."""

    def __init__(self, settings: GatewaySettings, at: PublicUrls, writer: HtmlWriter) -> None:
        self._settings = settings
        self._at = at
        self._writer = writer

    def v1(self, numbers: Statistics) -> Entity:
        """The entity V1::Instance."""
        return {
            "uri": self._at.host,
            "title": self._settings.microgram_title,
            "short_description": SHORT_DESCRIPTION,
            "description": LONG_DESCRIPTION,
            "email": self._settings.microgram_email,
            "version": COMPATIBLE,
            "urls": {"streaming_api": self._streaming_url()},
            "stats": {
                "user_count": numbers.users,
                "status_count": numbers.posts,
                "domain_count": 1,
            },
            "thumbnail": self._at.static(THUMBNAIL),
            "languages": ["en"],
            "registrations": True,
            "approval_required": False,
            "invites_enabled": False,
            "configuration": self._shared() | {"accounts": {"max_featured_tags": 0}},
            "contact_account": self._contact(),
            "rules": self.rules(),
        }

    def v2(self, numbers: Statistics) -> Entity:
        """The entity Instance."""
        return {
            "domain": self._at.host,
            "title": self._settings.microgram_title,
            "version": COMPATIBLE,
            "source_url": f"{self._at.public_url}/",
            "description": SHORT_DESCRIPTION,
            "usage": {"users": {"active_month": numbers.active_month}},
            "thumbnail": {
                "url": self._at.static(THUMBNAIL),
                "blurhash": None,
                "versions": {"@1x": self._at.static(THUMBNAIL)},
                "description": "",
            },
            "icon": [{"src": self._at.static("icon.png"), "size": "192x192"}],
            "languages": ["en"],
            "configuration": self._configuration(),
            "registrations": {
                "enabled": True,
                "approval_required": False,
                "reason_required": False,
                "message": None,
                "min_age": None,
                "url": f"{self._at.public_url}/auth/sign_up",
            },
            "api_versions": {"mastodon": API_VERSION},
            "contact": {
                "email": self._settings.microgram_email,
                "account": self._contact(),
            },
            "rules": self.rules(),
        }

    def rules(self) -> list[Entity]:
        """The entities Rule."""
        return [
            {"id": str(number), "text": text, "hint": hint, "translations": {}}
            for number, (text, hint) in enumerate(RULES, 1)
        ]

    def extended_description(self) -> Entity:
        """The entity ExtendedDescription."""
        return {"updated_at": CREATED_AT, "content": self._writer.paragraphs(LONG_DESCRIPTION, {})}

    def nodeinfo(self, numbers: Statistics) -> Entity:
        """The nodeinfo document. Some detectors fail on software that they do not know."""
        return {
            "version": "2.0",
            "software": {"name": "microgram", "version": VERSION},
            "protocols": [],
            "services": {"inbound": [], "outbound": []},
            "openRegistrations": True,
            "usage": {
                "users": {
                    "total": numbers.users,
                    "activeMonth": numbers.active_month,
                    "activeHalfyear": numbers.active_half_year,
                },
                "localPosts": numbers.posts,
            },
            "metadata": {
                "nodeName": self._settings.microgram_title,
                "nodeDescription": SHORT_DESCRIPTION,
                "upstream": {"name": "mastodon", "version": COMPATIBLE},
            },
        }

    def _configuration(self) -> Entity:
        own = {
            "urls": {
                "streaming": self._streaming_url(),
                "status": None,
                "about": f"{self._at.public_url}/",
                "privacy_policy": None,
                "terms_of_service": None,
            },
            "vapid": {"public_key": ""},
            "accounts": {
                "max_featured_tags": 0,
                "max_pinned_statuses": limits.MAX_PINS,
                "max_display_name_length": limits.MAX_DISPLAY_NAME_CHARACTERS,
                "max_note_length": limits.MAX_NOTE_CHARACTERS,
                "max_profile_fields": limits.MAX_PROFILE_FIELDS,
                "profile_field_name_limit": limits.MAX_PROFILE_FIELD_CHARACTERS,
                "profile_field_value_limit": limits.MAX_PROFILE_FIELD_CHARACTERS,
            },
            "translation": {"enabled": False},
            "limited_federation": True,
        }
        return own | self._shared()

    def _shared(self) -> Entity:
        return {
            "statuses": {
                "max_characters": limits.MAX_POST_CHARACTERS,
                "max_media_attachments": limits.MAX_PICTURES,
                "characters_reserved_per_url": limits.LINK_CHARACTERS,
            },
            "media_attachments": {
                "supported_mime_types": list(IMAGE_TYPES),
                "description_limit": limits.MAX_DESCRIPTION_CHARACTERS,
                "image_size_limit": limits.MAX_PICTURE_BYTES,
                "image_matrix_limit": limits.MAX_PICTURE_PIXELS,
                "video_size_limit": 0,
                "video_frame_rate_limit": 0,
                "video_matrix_limit": 0,
            },
            "polls": {
                "max_options": 0,
                "max_characters_per_option": 0,
                "min_expiration": 0,
                "max_expiration": 0,
            },
        }

    def _streaming_url(self) -> str:
        return "ws" + self._at.public_url.removeprefix("http")

    def _contact(self) -> Entity:
        """The contact account: the instance itself, since strict clients require an account."""
        profile = Profile(
            id="1",
            username="microgram",
            display_name=self._settings.microgram_title,
            note=SHORT_DESCRIPTION,
            discoverable=False,
            bot=True,
            created_at=CREATED_AT,
        )
        return people.account(Account(profile=profile), self._at, self._writer)
