"""No command of the documentation has a token on its command line, where all users can read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.test_links import PAGES

ON_THE_LINE = re.compile(
    r"""\bcurl\b[^|\n]*(?:-H|--header|-u|--user)[ =]*["']?(?:authorization|dapr-api-token)""",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_line_has_a_token(page: Path) -> None:
    assert not ON_THE_LINE.findall(page.read_text())


def test_such_a_command_is_found() -> None:
    assert ON_THE_LINE.search('curl -X POST -H "Authorization: Bearer $TOKEN" http://x')
    assert ON_THE_LINE.search("curl -H 'dapr-api-token: 1'")
    assert not ON_THE_LINE.search('echo "Authorization: Bearer $TOKEN" | curl -H @- http://x')
