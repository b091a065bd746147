"""What was asked for on the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.runner.errors import RunnerError
from tools.runner.manifest import App
from tools.runner.paths import REPO, RunDir


@dataclass(frozen=True)
class Plan:
    """One start: where, which services, how many of each, on which component set."""

    run: RunDir
    manifest: Path = REPO / "dapr.yaml"
    components: str | None = None
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    replicas: Mapping[str, int] = field(default_factory=dict)
    port: int = 8080
    infra_only: bool = False

    def chosen(self, apps: Sequence[App]) -> list[App]:
        """Return the apps to start.

        Raises RunnerError for a name that the manifest does not have, and where none is left.
        """
        known = {app.app_id for app in apps}
        for name in sorted((self.only | self.without | set(self.replicas)) - known):
            raise RunnerError(f'there is no app "{name}" (known: {", ".join(sorted(known))})')
        chosen = [app for app in apps if self._wants(app.app_id)]
        if not chosen and not self.infra_only:
            raise RunnerError("--only and --except leave nothing to start")
        return chosen

    def served(self, apps: Sequence[App]) -> list[App]:
        """Return the apps that servers are started for: with `infra_only` those of others, all."""
        return list(apps) if self.infra_only else self.chosen(apps)

    def _wants(self, name: str) -> bool:
        if self.infra_only or name in self.without:
            return False
        return not self.only or name in self.only
