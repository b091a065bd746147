"""The routes of the notifications service."""

from services.notifications.api import (
    account_mails,
    data_export,
    digests,
    groups,
    markers,
    notifications,
)

__all__ = ["account_mails", "data_export", "digests", "groups", "markers", "notifications"]
