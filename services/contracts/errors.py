"""The body of an error response."""

from __future__ import annotations

from services.contracts.accounts import Model


class ErrorBody(Model):
    """Why a request was refused: a code for programs, a sentence for people."""

    code: str
    message: str
