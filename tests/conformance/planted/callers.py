"""Faults against what the runner gives, and against level 1 of docs/protocol.md."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import jwt
import uvicorn
from starlette.requests import HTTPConnection
from starlette.types import Scope

from services.chassis import telemetry
from services.chassis.dapr.client import DaprClient
from services.chassis.errors import (
    OutcomeUnknown,
    ServiceError,
    Unauthenticated,
    Unavailable,
)
from services.chassis.http import batch, http_protocol, middleware, responses
from services.chassis.http.server import Server
from services.chassis.security import guards, route_guards
from services.chassis.security.caller import Caller
from services.chassis.security.token_hash import TokenHashVerifier
from services.chassis.security.token_verifier import TokenVerifier
from services.chassis.settings import Settings
from tests.conformance.planted.fault import Fault, replace

# ── what the runner gives ───────────────────────────────────────────────────────────────────


def runs_without_tokens() -> None:
    replace(Settings, "require_tokens", lambda _: None)


def listens_everywhere() -> None:
    configure = uvicorn.Config.__init__

    def listen(self: uvicorn.Config, *args: Any, **given: Any) -> None:
        configure(self, *args, **{**given, "host": "0.0.0.0"})  # noqa: S104 (that is the fault)

    replace(uvicorn.Config, "__init__", listen)


def does_not_stop() -> None:
    replace(Server, "handle_exit", lambda *_: None)


def logs_plain_text() -> None:
    replace(telemetry.JsonFormatter, "format", lambda _, record: logging.Formatter().format(record))


def is_always_ready() -> None:
    async def is_ready(_: DaprClient) -> bool:
        return True

    replace(DaprClient, "is_ready", is_ready)


# ── who calls ───────────────────────────────────────────────────────────────────────────────


def accepts_requests_without_a_token() -> None:
    replace(middleware.SidecarMiddleware, "_is_sidecar", lambda *_: True)


def lets_in_every_caller() -> None:
    replace(route_guards, "_guarded", lambda app, *_: app)


def believes_the_first_name() -> None:
    def first(scope: Scope) -> str:
        names = [value for name, value in scope["headers"] if name == b"dapr-caller-app-id"]
        return names[0].decode() if names else ""

    replace(middleware, "_calling_app", first)


def lets_its_own_sidecar_call_everything() -> None:
    rules_of = route_guards.rules_of

    def rules(access: Any) -> dict[str, route_guards.RouteRule]:
        return {
            name: route_guards.RouteRule(
                rule.callers | {route_guards.OWN_SIDECAR}, rule.is_for_operator, rule.is_for_scraper
            )
            for name, rule in rules_of(access).items()
        }

    replace(route_guards, "rules_of", rules)


def asks_the_operator_for_no_proof() -> None:
    async def verify(*_: Any) -> bool:
        return True

    replace(TokenHashVerifier, "verify", verify)


# ── tokens of users ─────────────────────────────────────────────────────────────────────────


def _decode_with(**options: bool) -> None:
    decode = jwt.decode

    def careless(token: str, *args: Any, **given: Any) -> Any:
        claims = decode(token, *args, **{**given, "options": {**given["options"], **options}})
        return {**claims, "exp": time.time() + 60}

    replace(jwt, "decode", careless)


def accepts_expired_tokens() -> None:
    _decode_with(verify_exp=False)


def accepts_tokens_from_the_future() -> None:
    _decode_with(verify_iat=False)


def accepts_tokens_of_every_issuer() -> None:
    _decode_with(verify_iss=False)


def believes_every_signature() -> None:
    _decode_with(verify_signature=False, verify_exp=True, verify_iat=True, verify_iss=True)


def overlooks_a_wrong_token_where_none_is_needed() -> None:
    identify = guards._identify

    async def overlook(request: HTTPConnection) -> Caller:
        try:
            found = await identify(request)
        except Unauthenticated:
            found = None
        return found or Caller("", "", "", frozenset({"read"}), "", "")

    replace(guards, "_identify", overlook)


def needs_no_token() -> None:
    check = guards.check_scopes

    def check_scopes(caller: Caller | None, *scopes: str) -> Caller:
        return check(caller or Caller("1", "", "", frozenset(scopes), "", ""), *scopes)

    replace(guards, "check_scopes", check_scopes)


def believes_that_a_scope_is_covered() -> None:
    replace(Caller, "may", lambda *_: True)


def forgets_what_was_revoked() -> None:
    replace(TokenVerifier, "_add_revocations", lambda *_: None)


def reads_only_the_first_revocations() -> None:
    async def read(self: TokenVerifier, wait: float = 0.0) -> None:
        revoked, _ = await self.source.revocations(0, wait)
        self._add_revocations(revoked)
        self._revocations_read_at = time.monotonic()

    replace(TokenVerifier, "_read_revocations", read)


def _with_entries(change: Any) -> None:
    add = TokenVerifier._add_revocations

    def add_changed(self: TokenVerifier, revoked: Sequence[str]) -> None:
        add(self, [each for entry in revoked for each in change(entry)])

    replace(TokenVerifier, "_add_revocations", add_changed)


def revokes_single_tokens_only() -> None:
    _with_entries(lambda entry: [] if entry.startswith("user:") else [entry])


def revokes_later_tokens_of_a_user_too() -> None:
    _with_entries(
        lambda entry: [
            entry.rpartition(":")[0] + ":9999999999" if entry.startswith("user:") else entry
        ]
    )


def begins_without_what_was_revoked_before() -> None:
    read = TokenVerifier._read_revocations

    async def begin(self: TokenVerifier, wait: float = 0.0) -> None:
        add, is_first = self._add_revocations, self._revocations_read_at < 0
        if is_first:
            replace(self, "_add_revocations", lambda *_: None)
        await read(self, wait)
        replace(self, "_add_revocations", add)

    replace(TokenVerifier, "_read_revocations", begin)


# ── answers ─────────────────────────────────────────────────────────────────────────────────


def has_errors_of_another_shape() -> None:
    replace(ServiceError, "body", lambda self: {"error": self.message})


def fails_like_a_fault_without_its_sidecar() -> None:
    for kind in (Unavailable, OutcomeUnknown):
        replace(kind, "status", 500)


def takes_heads_of_any_size() -> None:
    replace(http_protocol, "MAX_HEAD_BYTES", 1 << 30)


def fails_at_a_wrong_body() -> None:
    replace(responses, "_as_service_error", lambda _: ServiceError("Something went wrong."))


def refuses_new_fields_of_a_body() -> None:
    class Strict(batch.BatchRequest, extra="forbid"):
        pass

    replace(batch, "BatchRequest", Strict)


def calls_without_the_trace_of_the_request() -> None:
    replace(telemetry, "outgoing_headers", dict)


def names_no_request() -> None:
    start = telemetry.start_trace

    def start_trace(headers: Any, **given: Any) -> telemetry.Trace:
        return start({**headers, "x-request-id": ""}, **given)

    replace(telemetry, "start_trace", start_trace)


_INVALID = "test_a_token_that_is_not_valid_is_refused"
_REVOKED = "test_a_revoked_token_is_refused_within_seconds"
_ALL_REVOKED = "test_all_tokens_of_a_user_can_be_revoked"

FAULTS = (
    Fault(runs_without_tokens, "test_it_does_not_run_without_a_token"),
    Fault(listens_everywhere, "test_it_listens_on_loopback_alone"),
    Fault(does_not_stop, "test_it_ends_soon_after_sigterm"),
    Fault(logs_plain_text, "test_each_line_of_its_log_is_an_object"),
    Fault(is_always_ready, "test_without_its_sidecar_it_is_alive_and_not_ready"),
    Fault(accepts_requests_without_a_token, "test_only_the_sidecar_is_let_in"),
    Fault(lets_in_every_caller, "test_a_caller_that_is_not_named_is_refused"),
    Fault(believes_the_first_name, "test_a_caller_with_two_names_is_refused"),
    Fault(
        lets_its_own_sidecar_call_everything, "test_the_own_sidecar_may_not_call_routes_of_others"
    ),
    Fault(asks_the_operator_for_no_proof, "test_routes_of_the_operator_need_the_proof"),
    Fault(accepts_expired_tokens, f"{_INVALID} and expired"),
    Fault(accepts_tokens_from_the_future, f"{_INVALID} and future"),
    Fault(accepts_tokens_of_every_issuer, f"{_INVALID} and issuer"),
    Fault(believes_every_signature, f"{_INVALID} and forged"),
    Fault(overlooks_a_wrong_token_where_none_is_needed, f"{_INVALID} and expired"),
    Fault(needs_no_token, "test_a_route_for_a_user_refuses_a_request", app="notifications"),
    Fault(believes_that_a_scope_is_covered, "test_a_token_without_the_scope_is_refused"),
    Fault(forgets_what_was_revoked, _REVOKED),
    Fault(reads_only_the_first_revocations, _REVOKED),
    Fault(revokes_single_tokens_only, _ALL_REVOKED),
    Fault(revokes_later_tokens_of_a_user_too, _ALL_REVOKED),
    Fault(begins_without_what_was_revoked_before, "test_a_new_process_knows_what_was_revoked"),
    Fault(has_errors_of_another_shape, "test_only_the_sidecar_is_let_in"),
    Fault(
        fails_like_a_fault_without_its_sidecar,
        "test_what_fails_for_now_is_an_error_that_says_so",
    ),
    Fault(takes_heads_of_any_size, "test_a_head_that_is_too_large_is_refused"),
    Fault(fails_at_a_wrong_body, "test_a_malformed_body_is_the_fault_of_the_caller"),
    Fault(refuses_new_fields_of_a_body, "test_a_new_field_of_a_body_is_ignored"),
    Fault(names_no_request, "test_an_answer_names_the_request"),
    Fault(
        calls_without_the_trace_of_the_request,
        "test_a_call_belongs_to_the_request_that_causes_it",
        app="posts",
    ),
)
