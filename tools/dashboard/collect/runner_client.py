"""Talks to the runner by its control socket, without importing the runner's supervisor."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

MAX_REPLY_BYTES = 4_000_000

REPORT_TIMEOUT = 5.0
ORDER_TIMEOUT = 180.0


class RunnerClient:
    """Sends orders to the runner of one run directory."""

    def __init__(self, run: RunDir) -> None:
        self._run = run

    async def report(self) -> dict[str, Any] | None:
        """Return what `ps --json` prints, or None if no runner answers."""
        try:
            return await self.order({"verb": "report"}, REPORT_TIMEOUT)
        except (OSError, ValueError, TimeoutError):
            return None

    async def order(self, order: dict[str, Any], seconds: float = ORDER_TIMEOUT) -> dict[str, Any]:
        """Return the response of the runner.

        Raises RunnerError with the error that it returns, OSError or ValueError if none answers,
        TimeoutError after the given seconds.
        """
        path = self._run.read_state().get("control") or str(self._run.path / "control.sock")
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(path, limit=MAX_REPLY_BYTES)
            try:
                writer.write(json.dumps(order).encode() + b"\n")
                reply: dict[str, Any] = json.loads(await reader.readline())
            finally:
                writer.close()
        if "error" in reply:
            raise RunnerError(reply["error"])
        return reply
