"""The verb `compose`: prints or writes the compose project, and makes its secrets."""

from __future__ import annotations

import sys

from services.chassis.security.access_rules import read_access
from tools.compose.files import FOLDER, PROJECT, component_documents, compose_files
from tools.compose.secrets import create_secrets
from tools.runner.config.paths import REPO

DEPLOY = REPO / "deploy"


def print_project(components: str) -> int:
    """Print the compose project on a component set."""
    sys.stdout.write(compose_files(components)[PROJECT])
    return 0


def write_project(components: str) -> int:
    """Write deploy/compose.yaml and deploy/compose/; what is not generated any more is removed."""
    files = compose_files(components)
    for path in [*(DEPLOY / FOLDER).rglob("*")]:
        if path.is_file() and str(path.relative_to(DEPLOY)) not in files:
            path.unlink()
    for name, text in files.items():
        (DEPLOY / name).parent.mkdir(parents=True, exist_ok=True)
        (DEPLOY / name).write_text(text)
    print(f"wrote {len(files)} files: {DEPLOY / PROJECT} and {DEPLOY / FOLDER}/")
    return 0


def write_secrets(components: str) -> int:
    """Make the secrets of the project in deploy/secrets/."""
    folder = DEPLOY / "secrets"
    create_secrets(folder, read_access(), component_documents(components))
    print(
        f"The secrets are in {folder}; keep a copy of secrets.json. If containers run already, "
        "recreate them: sidecars and Dapr's servers have new identities."
    )
    return 0
