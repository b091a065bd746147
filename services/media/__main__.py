"""Starts the media service: `python -m services.media`."""

from __future__ import annotations

from services.chassis.service import Service
from services.chassis.settings import Settings
from services.media.app import create_app


def main() -> None:
    """Run the service until a signal stops it."""
    service = Service(Settings())
    service.run(create_app(service))


if __name__ == "__main__":
    main()
