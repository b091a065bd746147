"""What the operations of one request are charged, and how much of them is left."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.gateway.graphql import limits
from services.gateway.graphql.errors import RATE_LIMITED, RequestRejected
from services.gateway.ratelimit.charge import Charge

BYTES_PER_REQUEST = 1024
"""Bytes of a request or of a WebSocket message that are charged as one request."""


@dataclass(slots=True)
class RequestBudget:
    """The charges of one request, or of one message of a WebSocket.

    The size is charged before anything is parsed, so that what fails is paid for. What operations
    are charged counts towards it. All operations of a batch share the tokens of one.
    """

    charge_one: Charge
    charged: int = 0
    tokens: int = limits.MAX_TOKENS
    _due: int = 0

    def charge_size(self, size: int, operations: int = 1) -> None:
        """Charge the bytes, and at least one request per operation. Raises `RequestRejected`."""
        self._pay(max(operations, math.ceil(size / BYTES_PER_REQUEST)))

    def charge_operation(self, times: int) -> None:
        """Charge an operation that was measured. Raises `RequestRejected`."""
        self._due += times
        self._pay(self._due)

    def _pay(self, total: int) -> None:
        while self.charged < total:
            self.charged += 1
            wait = self.charge_one()
            if wait is not None:
                raise RequestRejected(
                    "Too many requests", RATE_LIMITED, 429, retry_after=max(1, round(wait))
                )
