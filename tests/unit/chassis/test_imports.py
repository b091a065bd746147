"""A service imports what it uses: each module is memory in each of its processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[3]
SERVICES = sorted(path.parent.name for path in (REPO / "services").glob("*/app.py"))


def test_no_service_imports_the_sdk_and_grpc_at_its_start() -> None:
    apps = ", ".join(f"services.{service}.app" for service in SERVICES)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {apps}; print(*sys.modules)"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(done.stdout.split())
    assert "services.orders.app" in imported
    # PyYAML is imported for access.yaml: 0.7 MiB, which the forked services share.
    assert not imported & {
        *("dapr", "grpc", "google.protobuf", "requests", "mastodon"),
        *("opentelemetry.sdk", "opentelemetry.exporter"),  # FastAPI imports its API
    }
