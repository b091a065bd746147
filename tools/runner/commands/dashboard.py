"""The verb `dashboard`: prints the address of the running one, or shows an export."""

import secrets
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
    """Serve an export, read-only, on a free port until Ctrl-C. Raises RunnerError."""
    from tools.dashboard.__main__ import serve
    from tools.dashboard.archive import open_archive
    from tools.dashboard.settings import Settings
    from tools.runner.infra.ports import free_ports

    with tempfile.TemporaryDirectory(prefix="microgram-export-") as folder:
        run = RunDir(Path(folder) / "run")
        snapshot = open_archive(path, run.path)
        token = secrets.token_urlsafe(24)
        settings = Settings(run, next(free_ports()), token, is_read_only=True)
        print(f"{path.name} is at {settings.address}/?token={token} (Ctrl-C ends it)", flush=True)
        serve(settings, snapshot)
    return 0
