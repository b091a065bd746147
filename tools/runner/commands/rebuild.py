"""Rebuilds the read models of orders from its event logs, through its sidecar."""

import asyncio

from tools.runner.commands.operator_client import OperatorClient
from tools.runner.config.paths import RunDir

_TIMEOUT = 600.0


def rebuild_read_models(run: RunDir) -> int:
    """Rebuild the read models, and print how many entries were wrong."""
    orders = OperatorClient.connect(run, "orders")
    _, done = asyncio.run(orders.call("rebuilds", "POST", seconds=_TIMEOUT))
    print(f"{done['orders']} orders checked, {done['mended']} entries corrected")
    return 0
