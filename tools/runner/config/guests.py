"""Where the guests are: programs in other languages, in folders of `guests/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.runner.config.paths import REPO

FOLDER = REPO / "guests"
PYTHON = "python"
"""The service itself, in a list of languages."""

Languages = Mapping[str, Sequence[str]]
"""The languages of each service that has guests."""


def guest_folder(app: str, language: str) -> Path:
    """Return the folder of a guest, which may not exist."""
    return FOLDER / f"{app}-{language}"


def contract_file(app: str) -> Path:
    """Return the OpenAPI document of a service, or of a guest that is a service of its own."""
    guests = sorted(FOLDER.glob(f"{app}-*/openapi.json"))
    return guests[0] if guests else REPO / "docs" / "contracts" / f"{app}.openapi.json"


def known_access_files() -> list[Path]:
    """Return the access files of all guests that are services of their own, running or not."""
    return sorted(FOLDER.glob("*-*/access.yaml"))


def access_files(languages: Languages) -> list[Path]:
    """Return the access files of the guests that are services of their own.

    Others take the place of a service, with its rules.
    """
    folders = [
        guest_folder(app, own) for app, each in languages.items() for own in sorted(set(each))
    ]
    return [path for folder in folders if (path := folder / "access.yaml").is_file()]
