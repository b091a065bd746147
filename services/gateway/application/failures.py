"""Failures that are handled where they occur."""

from __future__ import annotations

import logging

from services.chassis.errors import ServiceError

log = logging.getLogger(__name__)


def log_failure(failure: ServiceError) -> None:
    """Log a failure of our own that is not raised any further."""
    if failure.status >= 500:
        log.error(failure.message, exc_info=failure, extra={"code": failure.code})
