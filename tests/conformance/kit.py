"""Starts the service under test beside a real sidecar, with stand-ins for those around it."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml

from services.chassis.dapr.pubsub import encode_event, event_message
from services.chassis.ids import timestamp
from services.chassis.security.access_rules import (
    OPERATOR_HEADER,
    Access,
    ServiceAccess,
    read_access,
)
from services.chassis.security.token_verifier import user_revocation
from services.contracts.events import EventType
from tests.fakes.auth import FakeAuth
from tests.system.waiting import wait_until
from tools.runner.config.guests import FOLDER, access_files
from tools.runner.config.manifest import read_manifest
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
GUEST = "MICROGRAM_GUEST"

_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a service."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    def error(self) -> str:
        """The code of an error, after a check of its shape."""
        body = self.json()
        assert isinstance(body, dict), body
        assert isinstance(body.get("code"), str), body
        assert isinstance(body.get("message"), str), body
        return str(body["code"])


class PeerClient:
    """Tells a stand-in what to do, and asks what it has received."""

    def __init__(self, app_id: str, port: int, token: str) -> None:
        self.app_id = app_id
        self._base = f"http://127.0.0.1:{port}/peer"
        self._headers = {"dapr-api-token": token}

    def tell(self, **told: Any) -> None:
        """Set `answers` by method and path, or add to `streams`, `revoked` or `deleted`."""
        requests.post(
            f"{self._base}/tell", json=told, headers=self._headers, timeout=_TIMEOUT
        ).raise_for_status()

    def call(self, app: str, route: str, **told: Any) -> Answer:
        """Call a route of another service through the sidecars."""
        method, _, path = route.partition(" ")
        return self._send(method=method, path=f"/invoke/{app}/method{path}", **told)

    def publish(self, pubsub: str, topic: str, body: str) -> Answer:
        """Publish a message as it is."""
        headers = {"content-type": "application/cloudevents+json"}
        path = f"/publish/{pubsub}/{topic}"
        return self._send(method="POST", path=path, body=body, headers=headers)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that it has received, in the order of their arrival."""
        return list(self._received()["events"])

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All messages that brought events, with the `number` of these instead of them."""
        return list(self._received()["messages"])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """All requests that it has received, but those of events."""
        return list(self._received()["requests"])

    def _received(self) -> dict[str, Any]:
        answer = requests.get(f"{self._base}/received", headers=self._headers, timeout=_TIMEOUT)
        found: dict[str, Any] = answer.json()
        return found

    def _send(self, **told: Any) -> Answer:
        answer = requests.post(
            f"{self._base}/send", json=told, headers=self._headers, timeout=_TIMEOUT
        ).json()
        return Answer(answer["status"], {}, answer["body"])


@dataclass
class Stream:
    """The stream of events of one process of a producer, which a stand-in plays."""

    peer: PeerClient
    topic: str
    name: str = field(default_factory=lambda: secrets.token_hex(5))
    trace: str = field(default_factory=lambda: secrets.token_hex(16))
    """The id of the trace of all its changes."""
    sequence: int = 0

    def event(
        self, kind: EventType[Any], subject: str, version: int, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The next event of the stream."""
        self.sequence += 1
        return {
            "specversion": "1.0",
            "id": f"{kind.producer}:{kind.name}:{subject}@{version}",
            "source": kind.producer,
            "type": kind.name,
            "subject": subject,
            "time": timestamp(),
            "datacontenttype": "application/json",
            "traceparent": f"00-{self.trace}-{secrets.token_hex(8)}-00",
            "topic": self.topic,
            "stream": self.name,
            "sequence": self.sequence,
            "entityversion": version,
            "schemaversion": 1,
            "data": dict(data),
        }

    def keep(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Have `/changes` of the producer give these events."""
        self.peer.tell(streams={self.topic: {self.name: list(events)}})

    def deliver(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events in one message."""
        body = event_message([encode_event(event) for event in events]).decode()
        answer = self.peer.publish("pubsub", self.topic, body)
        assert answer.status == 204, answer


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
        manifest = self._folder / "dapr.yaml"
        manifest.write_text(yaml.safe_dump(self._manifest()))
        guest = (
            ("--guest", f"{self.app}={language}") if (language := guest_language(self.app)) else ()
        )
        self._runner(
            *("up", "--detach", "--no-dashboard", "--port", "0"),
            *("--components", self._components, "--manifest", str(manifest), *guest),
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
        return guest_command(self.app, language) if language else _command_of(self.app)

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
        return self.peers[_producers(access_with(self.app))[topic]]

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
            timeout=_TIMEOUT,
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
        caller, topic = self.subscriber(kind.topic), kind.topic
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
        return [each for each in found if (each["type"], each["subject"]) == (kind.name, about)]

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

    def _manifest(self) -> dict[str, Any]:
        peer = [sys.executable, "-m", "tests.conformance.peer"]
        commands = dict.fromkeys(_around(self.app), peer)
        if command := self._command or _command_of(self.app):
            commands[self.app] = command
        env = {"CONFORMANCE_SUBJECT": self.app}
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
                    "appID": app,
                    "appDirPath": str(REPO),
                    "appPort": 9000 + number,
                    "command": command,
                    "env": env,
                }
                for number, (app, command) in enumerate(sorted(commands.items()))
            ],
        }


def example(kind: EventType[Any]) -> dict[str, Any]:
    """The example of an event's data in its model."""
    extra: Any = kind.model.model_config["json_schema_extra"]
    return dict(extra["examples"][0])


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
    return read_access(additions=access_files({app: [language]} if language else {}))


def _producers(access: Access) -> dict[str, str]:
    return {topic: name for name, own in access.items() for topic in own.publishes}


def _around(app: str) -> list[str]:
    """The services that the one under test has to do with, auth, and one that it has not."""
    access = access_with(app)
    own, producers = access[app], _producers(access)
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


def _command_of(app: str) -> list[str]:
    """The command of a service; empty for a guest that is a service of its own."""
    apps = read_manifest(REPO / "dapr.yaml")
    return next((list(each.command) for each in apps if each.app_id == app), [])
