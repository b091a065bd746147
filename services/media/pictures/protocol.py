"""The encoding of answers on the socket of a child: a line of JSON, then the bodies.

The child has decoded untrusted bytes, so a compromised one may answer anything. An answer is
parsed, never unpickled, and only what `encode` can write is accepted: above all no other MIME
type, under which a browser would run it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from services.media.pictures.model import MAX_SIDE, Code, PictureError, Processed, Rendition

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes. Two renditions with the most pixels have less, even of noise."""

_MAX_HEAD = 4096
_MAX_FAILURE = 2000
_START = {"image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}
_BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,64}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_MESSAGE = re.compile(r"[ -~]{1,300}")


def encode(result: Processed | PictureError) -> bytes:
    """Encode a result."""
    if isinstance(result, PictureError):
        return _line({"code": result.code, "message": result.message})
    renditions = [result.original]
    if result.medium is not result.original:
        renditions.append(result.medium)
    if result.small is not result.original:
        renditions.append(result.small)
    head = {
        "renditions": [[len(one.body), one.mime, one.width, one.height] for one in renditions],
        "blurhash": result.blurhash,
        "colour": result.colour,
    }
    return _line(head) + b"".join(one.body for one in renditions)


def encode_failure(trace: str) -> bytes:
    """Encode the traceback of a bug; its end says most."""
    return _line({"failure": trace[-_MAX_FAILURE:]})


def _line(head: Mapping[str, object]) -> bytes:
    return json.dumps(head).encode() + b"\n"


def decode(data: bytes) -> Processed:
    """Decode a result, or raise its PictureError.

    Raises ValueError, KeyError, TypeError or RecursionError for what `encode` never writes.
    """
    end = data.find(b"\n", 0, _MAX_HEAD)
    head = json.loads(data[: max(end, 0)])
    if "code" in head:
        raise _error(head["code"], head["message"])
    if "failure" in head:
        raise ValueError(str(head["failure"])[:_MAX_FAILURE])
    renditions = list(_renditions(head["renditions"], data[end + 1 :]))
    return Processed(
        original=renditions[0],
        medium=renditions[len(renditions) == 3],
        small=renditions[-1],
        blurhash=_matching(_BLURHASH, head["blurhash"]),
        colour=_matching(_COLOUR, head["colour"]),
    )


def _renditions(listed: list[list[Any]], bodies: bytes) -> Iterator[Rendition]:
    if not 1 <= len(listed) <= 3 or sum(length for length, *_ in listed) != len(bodies):
        raise ValueError("the bodies do not have the announced lengths")
    for length, mime, width, height in listed:
        if type(length) is not int or not bodies.startswith(_START[mime]):
            raise ValueError("a body is not of the announced type")
        if not all(type(side) is int and 1 <= side <= MAX_SIDE for side in (width, height)):
            raise ValueError("a size is not possible")
        yield Rendition(bodies[:length], mime, width, height)
        bodies = bodies[length:]


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"not of the form {pattern.pattern}")
    return text


def _error(name: str, message: str) -> PictureError:
    for code in get_args(Code):
        if name == code:
            return PictureError(code, _matching(_MESSAGE, message))
    raise ValueError(f"no such error: {name!r}")
