"""The routes of the notifications service."""

from services.notifications.api import data_export, digests, groups, markers, notifications

__all__ = ["data_export", "digests", "groups", "markers", "notifications"]
