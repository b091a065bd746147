"""Serves the dashboard of one run directory."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import uvicorn

from tools.dashboard.app import create_app
from tools.dashboard.settings import DEFAULT_PORT, Settings, create_token
from tools.dashboard.web.routes import create_routes
from tools.runner.config.paths import RunDir

NICENESS = 5
"""The dashboard gives way to the system that it shows."""


def main(arguments: list[str]) -> int:
    """Serve until a signal stops it."""
    parser = argparse.ArgumentParser(prog="python -m tools.dashboard", description=__doc__)
    parser.add_argument("--run-dir", help="the folder of the system")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    os.nice(NICENESS)
    run = RunDir.at(options.run_dir)
    serve(Settings(run, options.port, create_token(run)))
    return 0


def serve(settings: Settings, snapshot: dict[str, Any] | None = None) -> None:
    """Serve one dashboard on the loopback address; `snapshot` is that of an export."""
    uvicorn.run(
        create_app(settings, create_routes(settings), snapshot),
        host="127.0.0.1",
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        limit_concurrency=100,
        ws="none",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
