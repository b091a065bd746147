"""A receiver of Alertmanager's webhooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class ReceivedAlert:
    """One alert of one webhook."""

    status: str
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]


class AlertReceiver:
    """Keeps every alert that arrived, in order."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._received: list[ReceivedAlert] = []

    def add(self, payload: Any) -> None:
        """Keep the alerts of a webhook."""
        for each in payload["alerts"]:
            labels = each["labels"]
            alert = ReceivedAlert(each["status"], labels["alertname"], labels, each["annotations"])
            self._received.append(alert)

    def last(self, name: str, **labels: str) -> ReceivedAlert | None:
        """Return what was last said of an alert, or None."""
        found = (
            alert
            for alert in reversed(self._received)
            if alert.name == name and labels.items() <= alert.labels.items()
        )
        return next(found, None)

    def names(self) -> set[str]:
        """Return the names of all alerts that ever arrived."""
        return {alert.name for alert in self._received}


@contextmanager
def receive_alerts() -> Iterator[AlertReceiver]:
    """Listen on a port of the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.add(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = AlertReceiver(f"http://127.0.0.1:{server.server_address[1]}/alerts")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
