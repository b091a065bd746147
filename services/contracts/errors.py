"""The body of an error response."""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Model


class ErrorBody(Model):
    """Why a request was refused: a code for programs, a sentence for people."""

    code: str
    message: str
    details: dict[str, list[str]] | None = Field(
        default=None, description="For each invalid field, what is wrong with it."
    )
    retry_after: int | None = Field(default=None, description="Seconds to wait before a retry.")
