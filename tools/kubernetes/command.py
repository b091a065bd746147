"""The verb `kubernetes`: writes deploy/kubernetes, and prints the Secrets of a cluster."""

from services.chassis.security.access_rules import read_access
from tools.kubernetes import files
from tools.kubernetes.secrets import secrets_of
from tools.runner.config.paths import RunDir


def write() -> int:
    """Write the generated files that differ, and print their names."""
    for path in files.write():
        print(files.FOLDER / path)
    return 0


def check() -> int:
    """Print the generated files that differ from their sources; return non-zero if some do."""
    outdated = files.outdated()
    for path in outdated:
        print(f"{files.FOLDER / path} is not up to date: run `./tye-like-run.sh kubernetes`")
    return 1 if outdated else 0


def print_secrets(run: RunDir) -> int:
    """Print Secrets for `kubectl apply -f -`, made of what the run directory keeps."""
    run.create()
    print(secrets_of(run, read_access()), end="")
    return 0
