"""Errors by gRPC: a status, and an `ErrorInfo` with what an answer by HTTP says of the error.

Its `reason` is our code, and its metadata are the status by HTTP and the details as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import grpc
import orjson
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from services.chassis.dapr.transport import is_not_sent
from services.chassis.errors import (
    Forbidden,
    NotFound,
    OutcomeUnknown,
    ServiceError,
    Unavailable,
    from_status,
)

DOMAIN = "microgram"
DETAILS_KEY = "grpc-status-details-bin"
"""Where gRPC has a `google.rpc.Status`."""

_STATUS = "status"

_CODES: Mapping[int, grpc.StatusCode] = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    410: grpc.StatusCode.NOT_FOUND,
    412: grpc.StatusCode.ABORTED,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    428: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def code_of(failure: ServiceError) -> grpc.StatusCode:
    """Return the code of gRPC that is nearest to an error."""
    return _CODES.get(failure.status, grpc.StatusCode.INTERNAL)


def trailers_of(failure: ServiceError) -> tuple[tuple[str, bytes]]:
    """Return the trailing metadata by which `service_error_of` finds the same error."""
    details = {name: orjson.dumps(value).decode() for name, value in failure.details.items()}
    info = ErrorInfo(
        reason=failure.code, domain=DOMAIN, metadata={**details, _STATUS: str(failure.status)}
    )
    packed = Any()
    packed.Pack(info)
    code: int = code_of(failure).value[0]
    status = Status(code=code, message=failure.message, details=[packed])
    return ((DETAILS_KEY, status.SerializeToString()),)


def service_error_of(error: grpc.RpcError) -> ServiceError:
    """Return the error of the service that was called, or else of a sidecar in between."""
    message = str(error.details() or error.code().name)
    info = _error_info(error.trailing_metadata() or ())
    if info is not None:
        details = {name: orjson.loads(value) for name, value in info.metadata.items()}
        return from_status(details.pop(_STATUS), message, info.reason, **details)
    return _error_in_between(error.code(), message)


def _error_in_between(code: grpc.StatusCode, message: str) -> ServiceError:
    if is_not_sent(message):
        return Unavailable(message)
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Unavailable("The sidecar refused the DAPR_API_TOKEN of this service.")
    if code is grpc.StatusCode.PERMISSION_DENIED:
        return Forbidden(message)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return NotFound(message)
    return OutcomeUnknown(message)


def _error_info(trailers: Iterable[tuple[str, str | bytes]]) -> ErrorInfo | None:
    for key, value in trailers:
        if key != DETAILS_KEY or not isinstance(value, bytes):
            continue
        for packed in Status.FromString(value).details:
            info = ErrorInfo()
            if packed.Unpack(info) and info.domain == DOMAIN:
                return info
    return None
