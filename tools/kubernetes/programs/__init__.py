"""The programs of a cluster on this machine, built once per user and version."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tools.runner.config.paths import user_cache
from tools.runner.errors import RunnerError
from tools.runner.infra import go_build
from tools.runner.infra.go_build import GoProgram

_FOLDER = Path(__file__).parent
_DAPR = Path(__file__).parents[2] / "dapr"
_DAPR_MODULE = "github.com/dapr/dapr"
NAMES = {
    "etcd": ("server", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": ("server", "k8s.io/kubernetes/cmd/kube-apiserver"),
    "kube-controller-manager": ("server", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    "kube-scheduler": ("server", "k8s.io/kubernetes/cmd/kube-scheduler"),
    "kwok": ("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "injector": ("dapr", "github.com/dapr/dapr/cmd/injector"),
    "operator": ("dapr", "github.com/dapr/dapr/cmd/operator"),
    "helm": ("helm", "helm.sh/helm/v3/cmd/helm"),
}
"""Each program, with the module below this folder that pins it, and its package."""

_VERSION = "k8s.io/component-base/version.gitVersion"
_KEDA = ("github.com/kedacore/keda/v2@v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=")
"""A module of which the definitions are used and no package, and its hash as in a go.sum."""


def _cache() -> Path:
    return user_cache() / "kubernetes"


def version() -> str:
    """Return the pinned version of Kubernetes, such as v1.37.2."""
    return _pinned(_FOLDER / "server", "k8s.io/kubernetes")


def _pinned(module: Path, name: str) -> str:
    found = re.search(rf"\b{re.escape(name)} (v\S+)", (module / "go.mod").read_text())
    if not found:
        raise RunnerError(f"{module / 'go.mod'} does not name a version of {name}")
    return found[1]


def program(name: str) -> Path:
    """Return where a program is, or will be after `require_all`: by what its module pins."""
    pinned = (_FOLDER / NAMES[name][0] / "go.mod").read_bytes()
    return _cache() / hashlib.sha256(pinned).hexdigest()[:12] / name


def require_all() -> None:
    """Build the programs that are missing: about twenty-five minutes on two cores, once.

    The modules whose files are read are downloaded, too: the tests have no network for it. Raises
    RunnerError if a build fails.
    """
    wanted = [
        GoProgram(name, package, program(name), module=_FOLDER / module, stamped=_VERSION)
        for name, (module, package) in NAMES.items()
    ]
    missing = [each for each in wanted if not each.target.exists()]
    if missing:
        go_build.build(missing, _cache(), version())
    for read in (dapr_definitions, keda_definitions, kwok_stages):
        read()


def dapr_definitions() -> Path:
    """Return the folder with Dapr's custom resource definitions, of the pinned version."""
    return dapr_chart() / "crds"


def dapr_chart() -> Path:
    """Return the folder of Dapr's Helm chart, of the pinned version."""
    folder = _module(f"{_DAPR_MODULE}@{dapr_version()}", _sum_of(_DAPR, _DAPR_MODULE))
    return folder / "charts" / "dapr"


def dapr_version() -> str:
    """Return the pinned version of Dapr, such as v1.18.2."""
    return _pinned(_DAPR, _DAPR_MODULE)


def keda_definitions() -> Path:
    """Return the folder with KEDA's custom resource definitions."""
    return _module(*_KEDA) / "config" / "crd" / "bases"


def keda_scalers() -> list[dict[str, Any]]:
    """Return what KEDA says of its triggers, by type, and of their parameters."""
    path = _module(*_KEDA) / "schema" / "generated" / "scalers-schema.json"
    found: list[dict[str, Any]] = json.loads(path.read_text())["scalers"]
    return found


def kwok_stages() -> list[Path]:
    """Return the files that tell KWOK to make nodes and pods ready at once."""
    name = "sigs.k8s.io/kwok"
    kwok = _FOLDER / "kwok"
    folder = _module(f"{name}@{_pinned(kwok, name)}", _sum_of(kwok, name)) / "kustomize" / "stage"
    wanted = ("node/fast/*.yaml", "node/heartbeat-with-lease/*.yaml", "pod/fast/*.yaml")
    found = [path for pattern in wanted for path in sorted(folder.glob(pattern))]
    return [path for path in found if path.name != "kustomization.yaml"]


def _sum_of(module: Path, name: str) -> str:
    pinned = f"{name} {_pinned(module, name)} "
    lines = (module / "go.sum").read_text().splitlines()
    return next(line.removeprefix(pinned) for line in lines if line.startswith(pinned))


def _module(name: str, wanted: str) -> Path:
    """Return the folder of a module, downloaded and checked."""
    go = go_build.go_program(user_cache())
    command = [go, "mod", "download", "-json", name]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunnerError(f"{name} cannot be downloaded: {done.stdout}{done.stderr}")
    found = json.loads(done.stdout)
    if found["Sum"] != wanted:
        raise RunnerError(f"{name} is not what was pinned: {found['Sum']}, and not {wanted}")
    return Path(found["Dir"])
