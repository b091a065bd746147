"""Makes an account an admin, through the sidecar of auth, with the token of the operator."""

import asyncio

from tools.runner.commands.operator_client import OperatorClient
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError


def set_admin(run: RunDir, name: str, remove: bool) -> int:
    """Give an account the role, or remove it and revoke all its tokens."""
    content = {"username": name, "role": "" if remove else "admin"}
    auth = OperatorClient.connect(run, "auth")
    status, _ = asyncio.run(auth.call("roles", "POST", content=content, accepted=404))
    if status == 404:
        raise RunnerError(f"no account is named {name}")
    print(f"{name} is {'no longer an admin' if remove else 'an admin from the next login on'}")
    return 0
