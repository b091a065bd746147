"""The plan of one start, from the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.chassis.security.access_rules import (
    ACCESS_FILE,
    Access,
    AccessFileError,
    read_access,
)
from tools.runner.config.guests import access_files
from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import REPO, RunDir
from tools.runner.errors import RunnerError

DEFAULT_PORT = 8080
"""The port of a gateway that neither the command line nor the manifest gives one."""


@dataclass(frozen=True)
class StartPlan:
    """One start: run directory, services, replicas and component set."""

    run: RunDir
    manifest: Path = REPO / "dapr.yaml"
    access: Path = ACCESS_FILE
    components: str | None = None
    only: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    replicas: Mapping[str, int] = field(default_factory=dict)
    guests: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The languages of the programs that take the place of a service, or run beside them all."""
    port: int | None = None
    infra_only: bool = False
    mtls: bool = True
    """Whether sidecars prove to each other who they are. Without it, any local process may call."""
    trace: float | None = None
    """The share of requests that are traced, from 0 to 1; None for the default."""
    observe: bool = False
    """Whether Prometheus and Alertmanager run beside the system, and sidecars serve metrics.

    Those cost processor time. Each sidecar has a port of its own for them.
    """

    dashboard: bool = False
    dashboard_port: int | None = None
    """None: 8090 for the default system, any free port for another."""

    @property
    def uses_manifest_ports(self) -> bool:
        """Whether services and sidecars listen where the manifest says.

        A second system (with --run-dir or --port) gets free ports instead.
        """
        return self.run.is_default and self.port is None

    def select_apps(self, apps: Sequence[ManifestApp]) -> list[ManifestApp]:
        """Return the apps to start.

        Raises RunnerError for an unknown name, and if no app is left.
        """
        known = {app.app_id for app in apps}
        for name in sorted((self.only | self.excluded | set(self.replicas)) - known):
            raise RunnerError(f'there is no app "{name}" (known: {", ".join(sorted(known))})')
        chosen = [app for app in apps if self._is_selected(app.app_id)]
        if not chosen and not self.infra_only:
            raise RunnerError("--only and --except leave no app to start")
        return chosen

    def served_apps(self, apps: Sequence[ManifestApp]) -> list[ManifestApp]:
        """Return the apps that servers are started for: all of them with `infra_only`."""
        return list(apps) if self.infra_only else self.select_apps(apps)

    def rules(self) -> Access:
        """Return the rules of all services. Raises RunnerError for an invalid file."""
        try:
            return read_access(self.access, access_files(self.guests))
        except (OSError, AccessFileError) as error:
            raise RunnerError(str(error)) from None

    def require_rules(self, apps: Sequence[ManifestApp]) -> None:
        """Raise RunnerError for an app that the rules do not name."""
        rules = self.rules()
        for app in apps:
            if app.app_id not in rules:
                raise RunnerError(
                    f'{self.access}: "{app.app_id}" is missing in "services". Name there what it '
                    "may use, and who may call its routes: whatever is not named is refused"
                )

    def _is_selected(self, name: str) -> bool:
        if self.infra_only or name in self.excluded:
            return False
        return not self.only or name in self.only
