"""The guest `insights`: its contract and its rules."""

from __future__ import annotations

import json

from services.chassis.security.access_rules import read_access
from services.contracts.insights import Insights
from tools.runner.config.guests import FOLDER, access_files

GUEST = FOLDER / "insights-ts"


def test_its_answer_has_the_fields_that_the_gateway_reads() -> None:
    document = json.loads((GUEST / "openapi.json").read_text())
    assert document["components"]["schemas"]["Insights"]["properties"].keys() == (
        Insights.model_json_schema()["properties"].keys()
    )


def test_its_rules_count_only_while_it_runs() -> None:
    assert "insights" not in read_access()
    access = read_access(additions=access_files({"insights": ["ts"]}))
    assert access["insights"].calls["GET /insights/{account}"] == {"gateway"}
    assert "insights" in access["auth"].calls["GET /deletions"]
    assert "insights" in access["orders"].subscribers["orders"]
    assert access["feed"] == read_access()["feed"]
