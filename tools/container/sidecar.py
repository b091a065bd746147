"""Runs a sidecar, and ends it when its log says that it works no more; its container starts again.

The local runner does the same (tools/runner/supervisor/replicas.py): such a sidecar is alive and
healthy by all that it reports, and only a new one helps (docs/dapr-notes.md, 8 and 13).
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Sequence

BROKEN = re.compile(
    rb"initialization error occurred for nr \("  # it has no name: no other sidecar finds it
    rb"|unexpected command received"  # consumers that it does not know swallow messages
    rb"|connected with connectionCount=(?!1\b)\d"  # RabbitMQ was away: the same may come
)
"""The lines of a log after which a sidecar must start again."""


def main(command: Sequence[str]) -> int:
    """Run a sidecar until it ends, and return its exit code."""
    sidecar = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: sidecar.send_signal(received))
    for line in sidecar.stdout or ():
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        if BROKEN.search(line):
            sidecar.kill()
    return sidecar.wait() & 0xFF


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
