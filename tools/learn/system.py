"""The learner's own system: what checks ask of it from outside, as a client and an operator do.

python -m tools.learn.system TEXT…      registers somebody, who posts each text
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

from tools.learn.report import Work
from tools.runner.config.paths import REPO, RunDir
from tools.runner.supervisor import control

RUN_DIR = ".run/learn"
SERVICES = ("gateway", "auth", "users", "posts", "comments")
"""What exercises need of a running system: somebody posts, and somebody hears of it."""

START = (
    f"./tye-like-run.sh up --detach --quiet --run-dir {RUN_DIR} --port 0 --trace 1 "
    f"--only {','.join(SERVICES)}"
)
TIMEOUT = 30.0
"""Seconds that one request may take."""

WAIT = 60.0
"""Seconds until what must happen in a busy system has happened."""

_PASSWORD = "harbour-lantern-7"  # noqa: S105 (of fictitious people in the learner's own system)
T = TypeVar("T")


@dataclass(frozen=True)
class LearnerAccount:
    """Somebody with an account, and a token of theirs."""

    id: str
    token: str


def run_dir() -> Path:
    """Return the folder of the learner's system: MICROGRAM_LEARN_SYSTEM, or .run/learn."""
    return Path(os.environ.get("MICROGRAM_LEARN_SYSTEM") or REPO / RUN_DIR)


class LearnerSystem:
    """A running system, by its run directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        state: dict[str, Any] = json.loads((folder / "state.json").read_text())
        self.url = str(state["gateway"])
        self.components = str(state["components"])
        self.tokens: dict[str, dict[str, str]] = state["tokens"]

    @classmethod
    def of(cls, work: Work) -> LearnerSystem:
        """Return the learner's system. Raises InvariantFallen if it lacks one of SERVICES."""
        folder = run_dir()
        report = control.send_command(RunDir(folder), {"verb": "ps"})
        rows = report["services"] if report else []
        ready = {row["service"] for row in rows if row["state"] == "ready"}
        missing = [name for name in SERVICES if name not in ready]
        work.require(
            "your system runs",
            not missing,
            expected=f"{', '.join(SERVICES)} ready in {RUN_DIR}",
            seen=f"no {', '.join(missing)}" if report else "no system there",
            look=START,
        )
        return cls(folder)

    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows of `ps` by service. Empty while the runner does not answer."""
        report = control.send_command(RunDir(self.folder), {"verb": "ps"})
        return {row["service"]: row for row in report["services"]} if report else {}

    def kill(self, service: str) -> None:
        """Kill -9 the process of a service. The runner starts it again."""
        os.kill(self.rows()[service]["pid"], signal.SIGKILL)

    def call(self, method: str, path: str, token: str = "", **given: Any) -> requests.Response:
        """Send one request to the gateway, without its rate limits."""
        headers = {"dapr-api-token": self.tokens["gateway"]["app"], **given.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return requests.request(
            method, f"{self.url}{path}", headers=headers, timeout=TIMEOUT, **given
        )

    def ask_sidecar(self, service: str, method: str, path: str, **given: Any) -> requests.Response:
        """Send one request to the sidecar of a service, as that service."""
        port = self.rows()[service]["sidecar_port"]
        headers = {"dapr-api-token": self.tokens[service]["sidecar"], **given.pop("headers", {})}
        url = f"http://127.0.0.1:{port}/v1.0{path}"
        return requests.request(method, url, headers=headers, timeout=TIMEOUT, **given)

    def register(self) -> LearnerAccount:
        """Register somebody new."""
        app = self._json("/api/v1/apps", client_name="learn", redirect_uris=_OOB, scopes=_SCOPES)
        grant = {name: app[name] for name in ("client_id", "client_secret")}
        own = self._json("/oauth/token", **grant, grant_type="client_credentials", scope=_SCOPES)
        name = f"learn_{secrets.token_hex(4)}"
        made = self._json(
            "/api/v1/accounts",
            own["access_token"],
            username=name,
            email=f"{name}@example.org",
            password=_PASSWORD,
            agreement="true",
        )
        token = str(made["access_token"])
        me = until(lambda: self.call("GET", "/api/v1/accounts/verify_credentials", token).json())
        return LearnerAccount(str(me["id"]), token)

    def _json(self, path: str, token: str = "", **form: str) -> Any:
        answer = self.call("POST", path, token, data=form)
        answer.raise_for_status()
        return answer.json()

    def count_posts(self, person: LearnerAccount) -> int:
        """How many posts somebody has. Counted from events: it may be behind for a moment."""
        me = self.call("GET", "/api/v1/accounts/verify_credentials", person.token)
        me.raise_for_status()
        return int(me.json()["statuses_count"])

    def delivers_a_comment(self) -> bool:
        """Whether a comment of somebody new gets into its thread: for that an event must arrive."""
        ada = self.register()
        post = self.call("POST", "/api/v1/statuses", ada.token, data={"status": "low tide"}).json()
        reply = {"status": "high tide", "in_reply_to_id": post["id"]}
        self.call("POST", "/api/v1/statuses", ada.token, data=reply).raise_for_status()
        thread = f"/api/v1/statuses/{post['id']}/context"
        return bool(until(lambda: self.call("GET", thread, ada.token).json().get("descendants")))


_OOB = "urn:ietf:wg:oauth:2.0:oob"
_SCOPES = "read write"


def until(condition: Callable[[], T], seconds: float = WAIT) -> T:
    """Return the first true value of a condition, or its last one. Errors count as false."""
    give_up_at = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except requests.RequestException:
            if time.monotonic() > give_up_at:
                raise
        else:
            if value or time.monotonic() > give_up_at:
                return value
        time.sleep(0.2)


def main(texts: list[str]) -> int:
    """Post texts as somebody new, and print the status of each; return how many failed."""
    system = LearnerSystem(run_dir())
    person, failed = system.register(), 0
    for text in texts:
        try:
            answer = system.call("POST", "/api/v1/statuses", person.token, data={"status": text})
            outcome, is_made = str(answer.status_code), answer.ok
        except requests.RequestException as error:
            outcome, is_made = type(error).__name__, False
        print(f"{text}: {outcome}", flush=True)
        failed += not is_made
    print(f"{len(texts) - failed} of {len(texts)} were acknowledged.")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
