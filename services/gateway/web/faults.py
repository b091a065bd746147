"""Failures that a page shows beside its form, so that nothing typed is lost."""

from __future__ import annotations

from typing import NamedTuple

from services.chassis.errors import ServiceError
from services.gateway.application.failures import log_failure
from services.gateway.http.errors import public_message, public_status

_WITH_A_PAGE = (401, 403, 404)


class FormFault(NamedTuple):
    """A sentence for the person, and the status and the code of the failure."""

    message: str
    status: int
    code: str


def form_fault(failure: ServiceError) -> FormFault:
    """The fault to show. Raises a failure again that has a page of its own, such as a login."""
    if failure.status in _WITH_A_PAGE:
        raise failure
    log_failure(failure)
    return FormFault(public_message(failure), public_status(failure.status), failure.code)
