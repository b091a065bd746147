"""The settings of the gateway."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from services.chassis.settings import Settings
from services.shared.loopback import is_loopback

VERSION = "0.2.0"
COMPATIBLE = f"4.3.0 (compatible; Microgram {VERSION})"
API_VERSION = 2  # `api_versions.mastodon` of Mastodon 4.3


class GatewaySettings(Settings):
    """The settings of every service, and the gateway's own. Windows are in seconds."""

    microgram_title: str = "Microgram"
    microgram_email: str = "hello@example.org"

    microgram_development: bool = False
    """Whether GraphQL introspection is enabled."""

    microgram_graphiql: bool = False
    """Whether GraphiQL is served. It enables introspection too.

    Its scripts are of another host, so only a gateway that nobody else reaches may have it.
    """

    microgram_limit_user: int = Field(default=300, ge=1)
    microgram_limit_address: int = Field(default=300, ge=1)
    microgram_limit_window: int = Field(default=300, ge=1)
    microgram_limit_media: int = Field(default=30, ge=1)
    microgram_limit_media_window: int = Field(default=1800, ge=1)
    microgram_limit_logins: int = Field(default=25, ge=1)  # per address, like the next three
    microgram_limit_tokens: int = Field(default=100, ge=1)
    microgram_limit_registrations: int = Field(default=10, ge=1)
    microgram_limit_apps: int = Field(default=30, ge=1)
    microgram_limit_reports: int = Field(default=20, ge=1)
    microgram_limit_slow_window: int = Field(default=1800, ge=1)  # for the last three
    microgram_limit_webhooks: int = Field(default=3000, ge=1)  # per address

    microgram_rendered_mib: int = Field(default=48, ge=1)
    microgram_pages_mib: int = Field(default=32, ge=1)
    microgram_ready_pages_mib: int = Field(default=32, ge=1)
    microgram_notified_mib: int = Field(default=16, ge=1)  # people and posts of notifications

    microgram_streams: int = Field(default=10_000, ge=1)
    microgram_streams_user: int = Field(default=30, ge=1)
    """The maximum number of streams per process, and per user."""

    @model_validator(mode="after")
    def _check_graphiql(self) -> Self:
        if self.microgram_graphiql and not is_loopback(self.public_host):
            raise ValueError(
                "MICROGRAM_GRAPHIQL is for development: it runs scripts of another host where "
                "people log in. Unset it, or set MICROGRAM_PUBLIC_URL to a loopback address."
            )
        return self
