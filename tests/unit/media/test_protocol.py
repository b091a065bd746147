"""The service accepts no answer that a sound process would not write."""

import json
from typing import Any

import pytest

from services.media.pictures import protocol

JPEG = b"\xff\xd8\xff" + b"pixels"
HASH, COLOUR = "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "#808080"


def head(**changed: Any) -> bytes:
    whole = {
        "renditions": [[len(JPEG), "image/jpeg", 4, 3]],
        "blurhash": HASH,
        "colour": COLOUR,
        **changed,
    }
    return json.dumps(whole).encode() + b"\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b"3\n",
        b'"code"\n',
        b"[" * 4000 + b"\n",
        b" " * 5000 + head() + JPEG,
        head(),
        head() + JPEG + b"more",
        head(renditions=[]) + JPEG,
        head(renditions=[[len(JPEG), "image/jpeg", 4, 3]] * 4) + JPEG * 4,
        head(renditions=[[len(JPEG), "text/html", 4, 3]]) + JPEG,
        head(renditions=[[len(JPEG), ["image/jpeg"], 4, 3]]) + JPEG,
        head(renditions=[[6, "image/jpeg", 4, 3]]) + b"<html>",
        head(renditions=[[99, "image/jpeg", 4, 3], [len(JPEG) - 99, "image/jpeg", 4, 3]]) + JPEG,
        head(renditions=[[len(JPEG), "image/jpeg", 2049, 3]]) + JPEG,
        head(renditions=[[len(JPEG), "image/jpeg", 4, 0]]) + JPEG,
        head(renditions=[[len(JPEG), "image/jpeg", 4.5, 3]]) + JPEG,
        head(renditions=[[float(len(JPEG)), "image/jpeg", 4, 3]]) + JPEG,
        head(blurhash='"><script>') + JPEG,
        head(blurhash=None) + JPEG,
        head(colour="red;background:url(//x)") + JPEG,
        head(code="broken", message="two\nlines"),
        head(code="broken", message=["a list"]),
        head(code="broken", message="x" * 301),
        head(code="admin", message="Hello."),
        protocol.encode_failure("Traceback"),
    ],
)
def test_any_other_answer_is_refused(answer: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, RecursionError)):
        protocol.decode(answer)
