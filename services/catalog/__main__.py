"""Starts the catalog service: `python -m services.catalog`."""

from __future__ import annotations

from services.catalog.app import create_app
from services.chassis.service import Service
from services.chassis.settings import Settings


def main() -> None:
    """Run the service until a signal stops it."""
    service = Service(Settings())
    service.run(create_app(service))


if __name__ == "__main__":
    main()
