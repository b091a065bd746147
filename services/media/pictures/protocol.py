"""The encoding of results on the pipe from a child: a line of JSON, then the bodies.

The child has decoded untrusted bytes, so its answer is parsed and never unpickled.
"""

import json
from typing import get_args

from services.media.pictures.model import Code, PictureError, Processed, Rendition


def encode(result: Processed | PictureError) -> bytes:
    """Encode a result."""
    if isinstance(result, PictureError):
        return json.dumps({"code": result.code, "message": result.message}).encode() + b"\n"
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
    return json.dumps(head).encode() + b"\n" + b"".join(one.body for one in renditions)


def decode(data: bytes) -> Processed:
    """Decode a result, or raise its PictureError.

    Raises ValueError, KeyError or TypeError for what `encode` never writes.
    """
    line, _, bodies = data.partition(b"\n")
    head = json.loads(line)
    if "code" in head:
        raise _error(head)
    renditions = []
    for length, mime, width, height in head["renditions"]:
        renditions.append(Rendition(bodies[:length], str(mime), int(width), int(height)))
        bodies = bodies[length:]
    if not renditions or bodies:
        raise ValueError("the bodies do not have the announced lengths")
    original, medium, small = renditions[0], renditions[len(renditions) == 3], renditions[-1]
    return Processed(original, medium, small, str(head["blurhash"]), str(head["colour"]))


def _error(head: dict[str, object]) -> PictureError:
    for code in get_args(Code):
        if head["code"] == code:
            return PictureError(code, str(head["message"]))
    raise ValueError(f"no such error: {head['code']!r}")
