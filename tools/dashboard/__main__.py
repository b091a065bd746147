"""Serves the dashboard of one run directory."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import Any

from services.chassis.telemetry import configure_logging
from tools.dashboard.settings import DEFAULT_PORT, Settings, create_token
from tools.runner.config.paths import RunDir

NICENESS = 10
"""The dashboard gives way to the system that it shows, above all while that starts."""


def main(arguments: list[str]) -> int:
    """Serve until a signal stops it."""
    parser = argparse.ArgumentParser(prog="python -m tools.dashboard", description=__doc__)
    parser.add_argument("--run-dir", help="the folder of the system")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    os.nice(NICENESS)
    configure_logging("dashboard", "INFO")
    run = RunDir.at(options.run_dir)
    serve(Settings(run, options.port, create_token(run)))
    return 0


def serve(
    settings: Settings,
    snapshot: dict[str, Any] | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Serve one dashboard on the loopback address; `snapshot` is that of an export.

    A `listener` is a socket that listens on the port already.

    What takes time to import is imported here, when the process has its low priority.
    """
    import uvicorn

    from tools.dashboard.app import create_app
    from tools.dashboard.web.routes import create_routes

    config = uvicorn.Config(
        create_app(settings, create_routes(settings), snapshot),
        host="127.0.0.1",
        port=settings.port,
        log_config=None,
        log_level="error",  # a warning for each connection beyond the limit would fill the log
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        limit_concurrency=100,
        ws="none",
    )
    uvicorn.Server(config).run([listener] if listener else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
