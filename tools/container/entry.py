"""The first program of a container: takes secrets from a file, and becomes the given command.

Neither the compose file nor `inspect` of the container shows them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

SECRETS = Path("/run/secrets/environment.json")
"""Environment variables with secrets, as one JSON object."""


def main(command: list[str]) -> None:
    """Replace this process by a command."""
    if SECRETS.exists():
        os.environ.update(json.loads(SECRETS.read_text()))
    os.execvp(command[0], command)  # noqa: S606 (there is no shell)


if __name__ == "__main__":
    main(sys.argv[1:])
