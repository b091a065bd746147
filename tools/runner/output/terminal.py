"""Prints the logs of many processes on one terminal, one compact line each."""

import json
import re
import sys
from typing import Any

_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_MAX_LINE_LENGTH = 1_000
"""Characters of one line that the terminal shows; the file has the whole line."""
_NATS = re.compile(r"^\[\d+\] \S+ \S+ \[(\w+)\] ?(.*)")
_EXPECTED_WARNINGS = (
    "mTLS is disabled",
    "Actor runtime disabled",
    "No scheduler host addresses",
    "The default value for 'spec.metric.http.increasedCardinality'",
    "Graceful shutdown timeout is infinite",
    "smtp binding warn: User and password are empty",
    "Plaintext passwords detected",
    "Running http and grpc server on single port",
    "exceeded recommended request limit",
    "simple token is not cryptographically signed",
    "quota exceeds the maximum value",
    "nats: error while unsubscribing from topic",
    "Marking prefixes as undeliverable",
)
"""Warnings at every start and stop that are expected on one machine."""
_PLAIN = re.compile(r"^\d{4}/\d\d/\d\d [\d:]+ (.*)")
_UNIMPORTANT_LEVELS = {"debug", "info", "INF", "DBG"}
_MESSAGE = ("message", "msg", "event")
_OMITTED_FIELDS = {
    "time",
    "level",
    "service",
    "logger",
    "color_message",
    "trace_id",
    "span_id",
    *_MESSAGE,
}

_DAPR_FIELDS = {"app_id", "instance", "scope", "type", "ver"}
"""The fields that every line of Dapr's processes has."""


class Terminal:
    """Prints lines behind the name of their process, each name in its own colour.

    Of what `echo` gets, lines of sidecars and servers are shown only for warnings and errors;
    their log files have all of them.
    """

    def __init__(self, width: int = 12, colour: bool | None = None) -> None:
        self._width = width
        self._colour = sys.stdout.isatty() if colour is None else colour
        self._rest: dict[str, bytes] = {}
        self._order: dict[str, int] = {}

    def echo(self, name: str, chunk: bytes) -> None:
        """Print the complete lines of a chunk, and keep the rest for the next one."""
        *lines, rest = (self._rest.get(name, b"") + chunk).split(b"\n")
        if len(rest) > _MAX_LINE_LENGTH * 4:
            lines, rest = [*lines, rest], b""
        self._rest[name] = rest
        shown = (compact(line.decode(errors="replace")) for line in lines)
        sys.stdout.write("".join(f"{self._prefix(name)} {text}\n" for text in shown if text))
        sys.stdout.flush()

    def print_line(self, name: str, text: str) -> None:
        """Print one line, cut off if it is long."""
        shown = text.replace("\n", "\\n")
        sys.stdout.write(f"{self._prefix(name)} {_cut(shown)}\n")
        sys.stdout.flush()

    def _prefix(self, name: str) -> str:
        label = f"{name:<{self._width}} |"
        if not self._colour:
            return label
        number = self._order.setdefault(name, len(self._order))
        return f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{label}\x1b[0m"


def compact(line: str) -> str:
    """Return a line in short form, or an empty text for an unimportant one."""
    text = line.rstrip()
    if found := _NATS.match(text):
        level, message = found[1], found[2].strip()
        if _is_unimportant(level, message):
            return ""
        text = f"{level} {message}" if message else ""
    elif text.startswith("{"):
        text = _from_json(text)
    elif (plain := _PLAIN.match(text)) and _is_unimportant("", plain[1]):
        return ""
    return _cut(text)


def _cut(text: str) -> str:
    if len(text) <= _MAX_LINE_LENGTH:
        return text
    return f"{text[:_MAX_LINE_LENGTH]}… (+{len(text) - _MAX_LINE_LENGTH})"


def _is_unimportant(level: str, message: str) -> bool:
    return level in _UNIMPORTANT_LEVELS or message.startswith(_EXPECTED_WARNINGS)


def _from_json(text: str) -> str:
    try:
        fields: dict[str, Any] = json.loads(text)
    except ValueError:
        return text
    message = next((fields[key] for key in _MESSAGE if key in fields), None)
    if message is None:
        return text
    is_dapr = fields.get("type") == "log"
    is_server = is_dapr or "caller" in fields
    if is_server and _is_unimportant(str(fields.get("level")), str(message)):
        return ""
    extras = " ".join(
        f"{key}={value}"
        for key, value in fields.items()
        if key not in _OMITTED_FIELDS and not (is_dapr and key in _DAPR_FIELDS)
    )
    return f"{fields.get('level', '')} {message} {extras}".strip()
