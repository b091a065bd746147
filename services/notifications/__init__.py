"""The notifications service: notifications, markers and digests by mail."""
