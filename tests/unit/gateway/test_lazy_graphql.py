"""What GraphQL costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys


def test_no_start_loads_graphql() -> None:
    look = "import sys, services.gateway.app; print({'graphql', 'strawberry'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
