"""Models in TypeScript, Go and Java can be generated from every contract, and compile."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tools.contracts.models import go, java, typescript
from tools.contracts.models.schemas import Contract, Type, read_contract
from tools.runner.config.guests import FOLDER
from tools.web import npm

QUICK_JAVA = ("-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-proc:none")
"""Options that halve the processor time of a compiler that runs for two seconds."""

CONTRACTS = Path(__file__).parents[3] / "docs" / "contracts"


def contracts() -> Iterator[Contract]:
    for path in sorted([*CONTRACTS.glob("*.json"), *FOLDER.glob("*/openapi.json")]):
        name = path.name.partition(".")[0] if path.parent == CONTRACTS else path.parent.name
        yield read_contract(name.replace("-", "_"), json.loads(path.read_text()))


@pytest.fixture(scope="module")
def all_contracts() -> Sequence[Contract]:
    return list(contracts())


def run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[:3_000]


def types_in(own: Type) -> Iterator[Type]:
    yield own
    for inner in (*own.choices, *([own.item] if own.item else [])):
        yield from types_in(inner)


def test_every_choice_is_between_types_with_names(all_contracts: Sequence[Contract]) -> None:
    unnamed = [
        f"{contract.name}: {model.name}.{field.name}"
        for contract in all_contracts
        for model in contract.models.values()
        for field in model.fields
        for each in types_in(field.type)
        if any(choice.kind in ("any", "union") for choice in each.choices)
    ]
    assert unnamed == []


def test_models_in_typescript_compile(all_contracts: Sequence[Contract], tmp_path: Path) -> None:
    if not npm.can_install():
        pytest.skip("there is no npm")
    for contract in all_contracts:
        (tmp_path / f"{contract.name}.ts").write_text(typescript.render(contract))
    compiler = npm.install(FOLDER, "tsc")
    files = [f"{contract.name}.ts" for contract in all_contracts]
    run([str(compiler), "--noEmit", "--strict", "--types", "", *files], tmp_path)


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")
def test_models_in_go_compile(all_contracts: Sequence[Contract], tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module models\n\ngo 1.22\n")
    for contract in all_contracts:
        folder = tmp_path / go.package_name(contract)
        folder.mkdir()
        (folder / "models.go").write_text(go.render(contract))
    run(["go", "build", "./..."], tmp_path)


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no Java compiler")
def test_models_in_java_compile(all_contracts: Sequence[Contract], tmp_path: Path) -> None:
    for contract in all_contracts:
        path = tmp_path / f"{java.class_name(contract)}.java"
        path.write_text(java.render(contract))
    files = [path.name for path in tmp_path.glob("*.java")]
    run(["javac", *QUICK_JAVA, "-d", "out", *files], tmp_path)


DOCUMENT = {
    "components": {
        "schemas": {
            "Shop": {
                "description": "A shop. Not more.\n\nAnd so on.",
                "properties": {
                    "id": {"type": "string"},
                    "state": {"enum": ["open", "closed"], "type": "string"},
                    "class": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
                    "place": {"type": "object", "properties": {"x": {"type": "number"}}},
                },
                "required": ["id", "lines"],
            },
            "Line": {"type": "object", "additionalProperties": {"type": "integer"}},
        }
    }
}


def test_a_contract_in_typescript() -> None:
    text = typescript.render(read_contract("shops", DOCUMENT))
    assert "/** A shop. Not more. */\nexport interface Shop {" in text
    assert '  readonly state?: "open" | "closed";' in text
    assert "  readonly class?: number | null;" in text
    assert "  readonly lines: ReadonlyArray<Line>;" in text
    assert "  readonly place?: ShopPlace;" in text
    assert "export type Line = Readonly<Record<string, number>>;" in text


def test_a_contract_in_go() -> None:
    text = go.render(read_contract("shops", DOCUMENT))
    assert '\tId string `json:"id"`\n' in text
    assert '\tClass *int64 `json:"class,omitempty"`\n' in text
    assert "type Line = map[string]int64\n" in text


def test_a_contract_in_java() -> None:
    text = java.render(read_contract("shops", DOCUMENT))
    assert "        Long class_,\n" in text
    assert "java.util.List<java.util.Map<String, Long>> lines" in text
    assert "public record ShopPlace(" in text
