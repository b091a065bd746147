"""The rate limiters of the gateway, by name."""

from __future__ import annotations

import secrets

from services.gateway.ratelimit.limiter import RateLimiter
from services.gateway.settings import GatewaySettings


def create_limiters(settings: GatewaySettings) -> dict[str, RateLimiter]:
    """One limiter for each kind of request that is counted apart."""
    replica = secrets.token_hex(4)
    window, slow = settings.microgram_limit_window, settings.microgram_limit_slow_window
    limits = {
        "users": (settings.microgram_limit_user, window),
        "media": (settings.microgram_limit_media, settings.microgram_limit_media_window),
        "reports": (settings.microgram_limit_reports, slow),
        "addresses": (settings.microgram_limit_address, window),
        "logins": (settings.microgram_limit_logins, window),
        "tokens": (settings.microgram_limit_tokens, window),
        "webhooks": (settings.microgram_limit_webhooks, window),
        "registrations": (settings.microgram_limit_registrations, slow),
        "apps": (settings.microgram_limit_apps, slow),
    }
    return {
        name: RateLimiter(name, limit, seconds, replica=replica)
        for name, (limit, seconds) in limits.items()
    }
