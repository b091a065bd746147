"""The examples of the contract models are valid."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest

from services import contracts
from services.contracts.accounts import Model


def models() -> set[type[Model]]:
    for module in pkgutil.iter_modules(contracts.__path__, "services.contracts."):
        importlib.import_module(module.name)
    found, left = set[type[Model]](), [Model]
    while left:
        left += (subclasses := left.pop().__subclasses__())
        found.update(one for one in subclasses if one.__module__.startswith("services.contracts."))
    return found


def examples() -> list[tuple[type[Model], Any]]:
    return [
        (model, example)
        for model in sorted(models(), key=lambda model: model.__name__)
        for example in (model.model_config.get("json_schema_extra") or {}).get("examples", [])  # type: ignore[union-attr]
    ]


@pytest.mark.parametrize(("model", "example"), examples())
def test_an_example_is_valid_and_has_no_unknown_field(model: type[Model], example: Any) -> None:
    written = model.model_validate(example).model_dump(mode="json", exclude_unset=True)
    assert written == example
