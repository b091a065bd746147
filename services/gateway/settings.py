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

    microgram_development: bool = False
    """Whether the GraphQL schema may be asked for."""

    microgram_graphiql: bool = False
    """Whether GraphiQL is served; the schema may be asked for then too."""

    microgram_limit_user: int = Field(default=300, ge=1)
    microgram_limit_address: int = Field(default=300, ge=1)
    microgram_limit_window: int = Field(default=300, ge=1)
    microgram_limit_media: int = Field(default=30, ge=1)
    microgram_limit_media_window: int = Field(default=1800, ge=1)
    microgram_limit_logins: int = Field(default=25, ge=1)  # of an address, as the next three
    microgram_limit_tokens: int = Field(default=100, ge=1)
    microgram_limit_registrations: int = Field(default=10, ge=1)
    microgram_limit_apps: int = Field(default=30, ge=1)
    microgram_limit_reports: int = Field(default=20, ge=1)
    microgram_limit_slow_window: int = Field(default=1800, ge=1)  # of the last three
    microgram_limit_webhooks: int = Field(default=3000, ge=1)  # of an address

    microgram_rendered_mib: int = Field(default=48, ge=1)
    microgram_pages_mib: int = Field(default=32, ge=1)

    microgram_streams: int = Field(default=10_000, ge=1)
    microgram_streams_user: int = Field(default=30, ge=1)
    """How many streams one process serves, and how many of them may be one person's."""
