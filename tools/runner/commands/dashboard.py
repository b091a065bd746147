"""The verb `dashboard`: prints the address of the running one, or shows an export."""

import secrets
import signal
import socket
import sys
import tempfile
from pathlib import Path

from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError


def print_address(run: RunDir) -> int:
    """Print the address with the token. Raises RunnerError without a dashboard."""
    state = run.read_state()
    if not state:
        raise RunnerError("nothing is running: start it with ./tye-like-run.sh")
    if not state.get("dashboard"):
        raise RunnerError("this system was started with --no-dashboard")
    print(state["dashboard"])
    return 0


def show_export(path: Path) -> int:
    """Serve an export, read-only, on a free port until Ctrl-C or SIGTERM. Raises RunnerError."""
    from tools.dashboard.__main__ import serve
    from tools.dashboard.archive import open_archive
    from tools.dashboard.settings import Settings

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder is removed
    with tempfile.TemporaryDirectory(prefix="microgram-export-") as folder:
        run = RunDir(Path(folder) / "run")
        snapshot = open_archive(path, run.path)
        token = secrets.token_urlsafe(24)
        listener = socket.create_server(("127.0.0.1", 0))
        settings = Settings(run, listener.getsockname()[1], token, is_read_only=True)
        print(f"{path.name} is at {settings.address}/?token={token} (Ctrl-C ends it)", flush=True)
        serve(settings, snapshot, listener)
    return 0
