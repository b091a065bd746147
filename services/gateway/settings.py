"""What the environment tells the gateway."""

from __future__ import annotations

from pydantic import Field

from services.chassis.settings import Settings

VERSION = "0.1.0"
COMPATIBLE = f"4.3.0 (compatible; Microgram {VERSION})"
API_VERSION = 2  # what Mastodon 4.3 says in `api_versions.mastodon`


class GatewaySettings(Settings):
    """The chassis' settings, and the gateway's own. Windows are in seconds."""

    microgram_title: str = "Microgram"
    microgram_email: str = "hello@example.org"

    microgram_limit_user: int = Field(default=300, ge=1)
    microgram_limit_address: int = Field(default=300, ge=1)
    microgram_limit_window: int = Field(default=300, ge=1)
    microgram_limit_media: int = Field(default=30, ge=1)
    microgram_limit_media_window: int = Field(default=1800, ge=1)

    microgram_rendered_mib: int = Field(default=48, ge=1)
