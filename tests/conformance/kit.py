"""Starts the service under test beside a real sidecar, with stand-ins for those around it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml

from services.chassis.security.access_rules import (
    OPERATOR_HEADER,
    ServiceAccess,
)
from services.chassis.security.token_verifier import user_revocation
from services.contracts.events import EventType
from tests.conformance.peer_client import TIMEOUT, Answer, PeerClient
from tests.conformance.surroundings import (
    GUEST,
    access_with,
    command_of,
    guest_language,
    manifest,
    producers_of,
    rules_options,
)
from tests.fakes.auth import FakeAuth
from tests.system.waiting import wait_until
from tools.runner.config.paths import REPO, RunDir, write_private
from tools.runner.config.secrets import JWT
from tools.runner.infra.guests import guest_command

NOBODY = ""
"""The caller of a request that the own sidecar makes."""

ARRIVES_WITHIN = 5.0
"""Seconds in which an event arrives that the broker lost, or a revocation takes effect."""

ENDS_WITHIN = 12.0
"""Seconds in which a program ends after SIGTERM."""

PATIENCE = 60.0
"""Seconds in which whatever happens at once on an idle machine happens on a busy one."""

COMMAND = "MICROGRAM_CONFORM_COMMAND"
SUBJECTS = "MICROGRAM_CONFORM_APPS"
COMPONENTS = "MICROGRAM_CONFORM_COMPONENTS"
PLANTED = "MICROGRAM_CONFORM_PLANTED"


class ServiceUnderTest:
    """A program that claims to be one of the services, and stand-ins for those around it."""

    def __init__(self, app: str, command: str, folder: Path, components: str) -> None:
        self.app = app
        self._command = shlex.split(command)
        self._components = components
        self._folder = folder
        self._base = self.token = ""
        self.auth = FakeAuth()
        self.peers: dict[str, PeerClient] = {}

    # ── the processes ───────────────────────────────────────────────────────────────────────

    def start(self, stack: ExitStack) -> None:
        """Start everything; the stack stops it."""
        stack.callback(self._runner, "down")
        self._run.create()
        write_private(self._run.secrets, json.dumps({JWT: self.auth.signing_keys()}))
        apps = self._folder / "dapr.yaml"
        apps.write_text(yaml.safe_dump(manifest(self.app, self._command)))
        self._runner(
            *("up", "--detach", "--no-dashboard", "--port", "0"),
            *("--components", self._components, "--manifest", str(apps)),
            *rules_options(self.app, self._folder),
        )
        state = json.loads(self._run.state.read_text())
        for row in state["services"]:
            token = state["tokens"][row["service"]]["app"]
            if row["app_id"] == self.app:
                self._base, self.token = f"http://127.0.0.1:{row['app_port']}", token
            else:
                self.peers[row["app_id"]] = PeerClient(row["app_id"], row["app_port"], token)
        if "auth" in self.peers:
            self.peers["auth"].tell(answers={"GET /jwks": self.auth.jwks()})

    def kill(self) -> None:
        """Kill the program with SIGKILL, and wait until it runs again."""
        before = self._row()["pid"]
        os.kill(before, signal.SIGKILL)
        self._await_another(before)

    def terminate(self) -> None:
        """Send SIGTERM to the program, and wait until it has ended and runs again."""
        before = self._row()["pid"]
        os.kill(before, signal.SIGTERM)
        deadline = ENDS_WITHIN + PATIENCE
        wait_until(lambda: not psutil.pid_exists(before), deadline, f"the end of {self.app}")
        self._await_another(before)

    def _await_another(self, before: int) -> None:
        def runs_again() -> bool:
            row = self._row()
            return row["pid"] not in (None, before) and row["state"] == "ready"

        wait_until(runs_again, what=f"{self.app} after a death")

    @contextmanager
    def without_sidecar(self) -> Iterator[None]:
        """Stop the sidecar of the program for a while."""
        self._runner("stop", f"{self.app}.daprd")
        try:
            yield
        finally:
            self._runner("start", f"{self.app}.daprd")
            wait_until(lambda: self.ask("GET /readyz", caller=None).status == 200, PATIENCE)

    @property
    def process(self) -> psutil.Process:
        """The process of the program, once it runs."""
        return psutil.Process(wait_until(lambda: self._row()["pid"], PATIENCE, self.app))

    @property
    def address(self) -> tuple[str, int]:
        """Where the program listens."""
        host, _, port = self._base.rpartition("/")[2].partition(":")
        return host, int(port)

    @property
    def log_lines(self) -> list[str]:
        """What the program wrote to its log."""
        return (self._run.path / "logs" / f"{self.app}.log").read_text().splitlines()

    def run_without(self, *names: str) -> subprocess.CompletedProcess[str]:
        """Run the program without some of the variables that the runner gives."""
        env = dict(os.environ) | {"APP_ID": self.app, "APP_PORT": "0", "DAPR_HTTP_PORT": "1"}
        env |= {"DAPR_GRPC_PORT": "1", "DAPR_API_TOKEN": "x", "APP_API_TOKEN": "x"}
        return subprocess.run(
            self._program(),
            cwd=REPO,
            env={name: each for name, each in env.items() if name not in names},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def _program(self) -> Sequence[str]:
        if self._command:
            return self._command
        language = guest_language(self.app)
        return guest_command(self.app, language) if language else command_of(self.app)

    @cached_property
    def access(self) -> ServiceAccess:
        """What the program may do."""
        return access_with(self.app)[self.app]

    def stranger(self, route: str) -> str:
        """A stand-in that may not call a route; preferably one that may call none."""
        known = {caller for callers in self.access.calls.values() for caller in callers}
        named = self.access.calls.get(route, frozenset())
        refused = sorted(self.peers.keys() - named, key=lambda name: (name in known, name))
        return refused[0] if refused else ""

    @property
    def foreign_topics(self) -> list[str]:
        """The topics of other services to which the program subscribes."""
        return sorted(self.access.subscribes - self.access.publishes)

    def producer(self, topic: str) -> PeerClient:
        """The stand-in that publishes a topic."""
        return self.peers[producers_of(access_with(self.app))[topic]]

    # ── requests ────────────────────────────────────────────────────────────────────────────

    def ask(
        self,
        route: str,
        *,
        caller: str | None = NOBODY,
        token: str = "",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request as its sidecar would; with `caller=None` as somebody without its token."""
        sent = dict(headers or {})
        if caller is not None:
            sent["dapr-api-token"] = self.token
        if caller:
            sent["dapr-caller-app-id"] = caller
        if token:
            sent["authorization"] = f"Bearer {token}"
        if body is not None:
            sent.setdefault("content-type", "application/json")
        method, _, path = route.partition(" ")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = requests.request(
            method,
            f"{self._base}{path}",
            data=data,
            headers=sent,
            timeout=TIMEOUT,
        )
        return Answer(answer.status_code, answer.headers, answer.text)

    def ask_as_operator(self, route: str) -> Answer:
        """Send a request through its own sidecar, with the proof of the operator."""
        token = (self._run.path / "operator-token").read_text().strip()
        return self.ask(route, headers={OPERATOR_HEADER: token})

    def revoke(self, *tokens: str) -> None:
        """Revoke tokens."""
        known = len(self.auth.revoked)
        for token in tokens:
            self.auth.revoke(token)
        self.peers["auth"].tell(revoked=self.auth.revoked[known:])

    def revoke_all(self, user: str) -> None:
        """Revoke all tokens of a user that were issued until now."""
        entry = user_revocation(user, int(time.time()) + 1)
        self.peers["auth"].tell(revoked=[entry])

    def subscriber(self, topic: str) -> str:
        """A stand-in that subscribes to a topic of the program."""
        return min(self.access.subscribers[topic] & self.peers.keys())

    def kept(self, kind: EventType[Any], about: str, limit: int = 64) -> list[dict[str, Any]]:
        """The events of a type about one document that `/changes` gives, some at a time."""
        found = self.all_kept(kind.topic, limit)
        return [each for each in found if (each["type"], each["subject"]) == (kind.name, about)]

    def all_kept(self, topic: str, limit: int = 64) -> list[dict[str, Any]]:
        """The events of a topic that `/changes` gives, some at a time."""
        caller = self.subscriber(topic)
        found: list[dict[str, Any]] = []
        heads = self.ask(f"GET /changes?topics={topic}", caller=caller).json()[topic]
        for stream, last in heads.items():
            after = 0
            while after < last:
                path = f"GET /changes/{topic}/{stream}?after={after}&limit={limit}"
                answer = self.ask(path, caller=caller).json()
                assert len(answer["events"]) <= limit
                found += answer["events"]
                if answer["settled"] <= after:
                    break
                after = answer["settled"]
        return found

    def forget(self, key: str) -> None:
        """Delete what the program stores under a key, if it does."""
        token = json.loads(self._run.state.read_text())["tokens"][self.app]["sidecar"]
        address = f"http://127.0.0.1:{self._row()['sidecar_port']}/v1.0/state/statestore/{key}"
        headers = {"dapr-api-token": token}
        requests.delete(address, headers=headers, timeout=TIMEOUT).raise_for_status()

    def dead_letters(self) -> list[dict[str, Any]]:
        """The events that it could not handle."""
        answer = self.ask_as_operator("GET /deadletters")
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.json()
        return found

    # ── the runner ──────────────────────────────────────────────────────────────────────────

    @property
    def _run(self) -> RunDir:
        return RunDir(self._folder / "run")

    def _row(self) -> dict[str, Any]:
        report = json.loads(self._runner("ps", "--json"))
        return next(row for row in report["services"] if row["service"] == self.app)

    def _runner(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "tools.runner", "--run-dir", str(self._run.path)]
        env = {name: each for name, each in os.environ.items() if name != GUEST}
        done = subprocess.run(
            [*command, *arguments], cwd=REPO, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def example(kind: EventType[Any]) -> dict[str, Any]:
    """The example of an event's data in its model."""
    extra: Any = kind.model.model_config["json_schema_extra"]
    return dict(extra["examples"][0])
