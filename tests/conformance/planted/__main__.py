"""Runs a service with one fault: `python -m tests.conformance.planted FAULT`."""

from __future__ import annotations

import runpy
import sys

from tests.conformance.planted.faults import FAULTS


def main() -> None:
    """Plant a fault, and run the service."""
    fault = FAULTS[sys.argv[1]]
    fault.plant()
    runpy.run_module(f"services.{fault.app}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
