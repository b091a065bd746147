"""The settings of the notifications service."""

from __future__ import annotations

from pydantic import Field

from services.chassis.settings import Settings


class NotificationsSettings(Settings):
    """The settings of the chassis and of digests. 0 hours between digests disables them."""

    microgram_title: str = "Microgram"
    microgram_digest_hours: float = Field(default=0.0, ge=0, le=24 * 31)
