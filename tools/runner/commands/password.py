"""Issues a link to a new password, for a user who has forgotten theirs where there is no mail."""

import asyncio

from tools.runner.commands.operator_client import OperatorClient
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError


def print_password_link(run: RunDir, name: str) -> int:
    """Print a link that works once, for an hour. All sessions of the user end when it is used."""
    auth = OperatorClient.connect(run, "auth")
    asked = auth.call("password_links", "POST", content={"username": name}, accepted=404)
    status, link = asyncio.run(asked)
    if status == 404:
        raise RunnerError(f"no account is named {name}, or it is suspended")
    print(link["url"])
    return 0
