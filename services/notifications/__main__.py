"""Starts the notifications service: `python -m services.notifications`."""

from __future__ import annotations

from services.chassis.service import Service
from services.notifications.app import create_app
from services.notifications.settings import NotificationsSettings


def main() -> None:
    """Run the service until a signal stops it."""
    service = Service(NotificationsSettings())
    service.run(create_app(service))


if __name__ == "__main__":
    main()
