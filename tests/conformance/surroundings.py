"""What is around the service under test: its rules, and the stand-ins that it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.chassis.security.access_rules import ACCESS_FILE, ADDITIONS, Access, read_access
from tools.runner.config.guests import FOLDER, access_files
from tools.runner.config.manifest import read_manifest
from tools.runner.config.paths import REPO

GUEST = "MICROGRAM_GUEST"

LISTENER = Path(__file__).with_name("listener.yaml")
"""The rules of a stand-in for the subscribers that some topics do not have yet."""


def manifest(app: str, command: Sequence[str]) -> dict[str, Any]:
    """The manifest of a program and the stand-ins around it."""
    peer = [sys.executable, "-m", "tests.conformance.peer"]
    commands = dict.fromkeys(_around(app), peer)
    if own := command or command_of(app):
        commands[app] = list(own)
    env = {"CONFORMANCE_SUBJECT": app, ADDITIONS: str(LISTENER)}
    return {
        "version": 1,
        "common": {
            "resourcesPaths": [str(REPO / "components")],
            "configFilePath": str(REPO / "deploy/local/config.yaml"),
            "maxBodySize": "24Mi",
            "readBufferSize": "64Ki",
        },
        "apps": [
            {
                "appID": name,
                "appDirPath": str(REPO),
                "appPort": 9000 + number,
                "command": own,
                "env": env,
            }
            for number, (name, own) in enumerate(sorted(commands.items()))
        ],
    }


def guest_language(app: str) -> str:
    """The language of the guest that is under test; empty for a service in Python."""
    chosen, _, language = os.environ.get(GUEST, "").partition("=")
    if chosen == app:
        return language
    paths = sorted(FOLDER.glob(f"{app}-*/access.yaml"))
    return paths[0].parent.name.rpartition("-")[2] if paths else ""


def access_with(app: str) -> Access:
    """The rules of all services, and of the program under test if it is a guest."""
    language = guest_language(app)
    return read_access(additions=[LISTENER, *access_files({app: [language]} if language else {})])


def rules_options(app: str, folder: Path) -> list[str]:
    """The options with which the runner has the same rules: it adds those of a guest itself."""
    _, _, listener = LISTENER.read_text().partition("services:\n")
    access = folder / "access.yaml"
    access.write_text(f"{ACCESS_FILE.read_text()}\n{listener}")
    language = guest_language(app)
    return ["--access", str(access), *(["--guest", f"{app}={language}"] if language else [])]


def producers_of(access: Access) -> dict[str, str]:
    """The services that publish the topics, by topic."""
    return {topic: name for name, own in access.items() for topic in own.publishes}


def _around(app: str) -> list[str]:
    """The services that the one under test has to do with, auth, and one that it has not."""
    access = access_with(app)
    own, producers = access[app], producers_of(access)
    near = {caller for callers in own.calls.values() for caller in callers}
    near |= {producers[topic] for topic in own.subscribes}
    near |= {name for name, other in access.items() if other.subscribes & own.publishes}
    near |= {
        name
        for name, other in access.items()
        if any(app in callers for callers in other.calls.values())
    }
    strangers = [name for name in sorted(access) if name not in near | {app, "orders"}]
    return sorted((near | {"auth", *strangers[:1]}) - {app})


def command_of(app: str) -> list[str]:
    """The command of a service; empty for a guest that is a service of its own."""
    apps = read_manifest(REPO / "dapr.yaml")
    return next((list(each.command) for each in apps if each.app_id == app), [])
