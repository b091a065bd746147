"""All planted faults by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.conformance.planted import callers, listens, tells
from tests.conformance.planted.fault import Fault

FAULTS: Mapping[str, Fault] = {
    fault.name: fault for fault in (*callers.FAULTS, *listens.FAULTS, *tells.FAULTS)
}
