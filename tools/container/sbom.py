"""Prints the bill of materials of the image of services: CycloneDX 1.6, made of the lock.

It has each package that the image installs, with its version, its hashes and what it requires. The
same lock gives the same bill.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from tools.container.runtime_lock import lock_entries, requirements, runtime_lock

_VERSION = re.compile(r"==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

Document = dict[str, Any]


def create_bill(lock: str, project: str) -> Document:
    """Return the bill of a lock and a pyproject.toml."""
    entries = lock_entries(runtime_lock(lock, project))
    needs = requirements(entries)
    about = tomllib.loads(project)["project"]
    own = f"pkg:pypi/{about['name']}@{about['version']}"
    purls = {name: f"pkg:pypi/{name}@{_version(text)}" for name, text in entries.items()}
    dependencies = {purls[name]: [purls[each] for each in needs.get(name, ())] for name in entries}
    dependencies[own] = [purls[each] for each in needs.get(about["name"], ())]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": about["name"],
                "version": about["version"],
                "purl": own,
            }
        },
        "components": [_component(name, entries[name], purls[name]) for name in sorted(entries)],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(dependencies[ref])} for ref in sorted(dependencies)
        ],
    }


def _version(entry: str) -> str:
    found = _VERSION.search(entry)
    if not found:
        raise ValueError(f"no version in {entry[:80]}")
    return found[1]


def _component(name: str, entry: str, purl: str) -> Document:
    """Return a package; its files are alternatives, of which the image has one."""
    files = [
        {
            "type": "distribution",
            "url": purl,
            "hashes": [{"alg": "SHA-256", "content": each}],
        }
        for each in _HASH.findall(entry)
    ]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": _version(entry),
        "purl": purl,
        "externalReferences": files,
    }


if __name__ == "__main__":
    bill = create_bill(Path("requirements.lock").read_text(), Path("pyproject.toml").read_text())
    sys.stdout.write(json.dumps(bill, indent=2) + "\n")
