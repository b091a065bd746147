"""Runs the verb that the command line names."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable

from tools.runner import cli
from tools.runner.config.paths import REPO, RunDir
from tools.runner.errors import RunnerError


def main(arguments: list[str]) -> int:
    """Run one command, and return its exit code."""
    options = cli.parse(arguments)
    try:
        return _VERBS[options.verb](options, RunDir.at(options.run_dir))
    except RunnerError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # a full disk, a folder that may not be written to
        where = f"{error.filename}: " if error.filename else ""
        print(f"\n{where}{error.strerror or error}", file=sys.stderr)
        return 1


def _up(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands import start
    from tools.runner.config.start_plan import StartPlan

    plan = StartPlan(
        run=run,
        manifest=options.manifest or REPO / "dapr.yaml",
        access=options.access or REPO / "services" / "access.yaml",
        components=options.components,
        only=options.only,
        excluded=options.without,
        replicas=options.replicas,
        guests=options.guest,
        port=options.port,
        infra_only=options.infra_only,
        mtls=not options.no_mtls,
        dashboard=not (options.no_dashboard or options.infra_only),
        dashboard_port=options.dashboard_port,
        trace=options.trace,
        observe=options.observe,
    )
    if options.detach:
        return start.up_detached(plan, _foreground_arguments(options))
    return start.up(plan, watch=options.watch, quiet=options.quiet)


def _foreground_arguments(options: Namespace) -> list[str]:
    """Return the command line of the same start in the foreground."""
    again = ["up", "--quiet"]
    again += [] if options.port is None else ["--port", str(options.port)]
    if options.components:
        again += ["--components", options.components]
    for flag, path in (("--manifest", options.manifest), ("--access", options.access)):
        again += [flag, str(path.resolve())] if path else []
    for flag, names in (("--only", options.only), ("--except", options.without)):
        again += [flag, ",".join(names)] if names else []
    if options.replicas:
        again += ["--replicas", ",".join(f"{k}={v}" for k, v in options.replicas.items())]
    if options.guest:
        again += ["--guest", ",".join(f"{k}={'+'.join(v)}" for k, v in options.guest.items())]
    again += ["--watch"] if options.watch else []
    again += [] if options.trace is None else ["--trace", str(options.trace)]
    if options.dashboard_port is not None:
        again += ["--dashboard-port", str(options.dashboard_port)]
    flags = {
        "--infra-only": options.infra_only,
        "--no-mtls": options.no_mtls,
        "--no-dashboard": options.no_dashboard,
        "--observe": options.observe,
    }
    return again + [flag for flag, is_given in flags.items() if is_given]


def _down(_: Namespace, run: RunDir) -> int:
    from tools.runner.commands.start import down

    return down(run)


def _ps(options: Namespace, run: RunDir) -> int:
    from tools.runner.output import tables
    from tools.runner.supervisor import control

    report = control.send_command(run, {"verb": "ps"})
    if options.json:
        nothing: dict[str, object] = {"run_dir": str(run.path), "gateway": None}
        nothing |= {"services": [], "infra": []}
        print(json.dumps(report or nothing, indent=2))
    elif report is None:
        print(_describe_absence(run))
    else:
        tables.print_report(report)
    return 0


def _describe_absence(run: RunDir) -> str:
    from tools.runner.supervisor.lock import runner_pid
    from tools.runner.supervisor.orphans import find_orphans

    if pid := runner_pid(run):
        return f"the system is starting or stopping (pid {pid})"
    if left := len(find_orphans(run)):
        return f"processes of a killed runner are left ({left}): stop them with `down`"
    return "nothing is running"


def _order(options: Namespace, run: RunDir) -> int:
    verb = "restart-rolling" if getattr(options, "rolling", False) else options.verb
    empty = getattr(options, "empty", False)
    return _send(run, [{"verb": verb, "name": options.app, "empty": empty}])


def _scale(options: Namespace, run: RunDir) -> int:
    counts = options.replicas.items()
    return _send(run, [{"verb": "scale", "name": name, "count": n} for name, n in counts])


def _switch(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands.switch import switch

    return switch(run, options.components)


def _send(run: RunDir, orders: Iterable[dict[str, object]]) -> int:
    """Send orders to the runner, one after another, and print the last report."""
    from tools.runner.output import tables
    from tools.runner.supervisor import control

    report: dict[str, object] = {}
    for order in orders:
        answer = control.send_command(run, order, control.LONG_TIMEOUT)
        if answer is None:
            raise RunnerError("nothing is running: start it with ./tye-like-run.sh")
        report = answer
    tables.print_report(report)
    return 0


def _logs(options: Namespace, run: RunDir) -> int:
    from tools.dashboard.queries.logs import LogFilter
    from tools.runner.commands.logs import print_logs

    wanted = LogFilter(
        options.app or "", options.level, options.text, options.trace, limit=options.lines
    )
    return print_logs(run, wanted, follow=options.follow, as_json=options.json)


def _traces(options: Namespace, run: RunDir) -> int:
    from tools.dashboard.queries.traces import TraceFilter
    from tools.runner.commands import traces

    if options.id:
        return traces.show_trace(run, options.id, as_json=options.json)
    wanted = TraceFilter(
        options.service, options.text, options.min_ms, options.errors, options.lines
    )
    return traces.list_traces(run, wanted, follow=options.follow, as_json=options.json)


def _dashboard(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands import dashboard

    if options.open:
        return dashboard.show_export(options.open)
    return dashboard.print_address(run)


def _infra(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands import start
    from tools.runner.config.components import PRODUCTION
    from tools.runner.config.start_plan import StartPlan

    if options.action == "down":
        return start.down(run)
    plan = StartPlan(run=run, components=PRODUCTION, infra_only=True)
    again = ["up", "--quiet", "--components", PRODUCTION, "--infra-only"]
    return start.up_detached(plan, again)


def _alerts(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands.alerts import list_alerts

    return list_alerts(run, options.json)


def _deadletters(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands.dead_letters import list_or_replay

    return list_or_replay(run, options.app, options.replay)


def _ledger(_: Namespace, run: RunDir) -> int:
    from tools.runner.commands.ledger import audit_ledger

    return audit_ledger(run)


def _admin(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands.admin import set_admin

    return set_admin(run, options.name, options.remove)


def _password(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands.password import print_password_link

    return print_password_link(run, options.name)


def _rebuild(_: Namespace, run: RunDir) -> int:
    from tools.runner.commands.rebuild import rebuild_read_models

    return rebuild_read_models(run)


def _backup(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands.backup import back_up

    os.umask(0o077)
    os.nice(10)  # services go first
    return back_up(run, options.file, with_secrets=not options.without_secrets)


def _restore(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands import restore

    if options.check:
        return restore.check(options.file)
    os.umask(0o077)
    return restore.restore(
        run,
        options.file,
        components=options.components,
        secrets_file=options.secrets,
        without_secrets=options.without_secrets,
        end_sessions=options.end_sessions,
    )


def _refuse_guests(options: Namespace) -> None:
    if options.guest:
        raise RunnerError(
            f"--guest {','.join(options.guest)}: the images have the services in Python only, and "
            f"so has what `{options.verb}` makes. Guests run with ./tye-like-run.sh up"
        )


def _kubernetes(options: Namespace, run: RunDir) -> int:
    from tools.kubernetes import command

    _refuse_guests(options)
    if options.secrets:
        return command.print_secrets(run)
    return command.check() if options.check else command.write()


def _migrate(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands.migrate import migrate

    os.umask(0o077)
    return migrate(run, options.from_set, options.to_set)


def _compose(options: Namespace, _: RunDir) -> int:
    from tools.runner.commands import compose

    _refuse_guests(options)
    if options.write:
        return compose.write_project(options.components)
    if options.secrets:
        return compose.write_secrets(options.components)
    return compose.print_project(options.components)


def _demo(options: Namespace, run: RunDir) -> int:
    from tools.demo.command import fill_demo

    return fill_demo(run, options.people, options.port)


def _doctor(options: Namespace, run: RunDir) -> int:
    from tools.runner.commands.doctor import doctor

    return doctor(run, options.json)


def _test(options: Namespace, _: RunDir) -> int:
    from tools.runner.commands import checks

    special = {
        "coverage": checks.test_coverage,
        "official_daprd": checks.test_official_daprd,
        "matrix": checks.test_matrix,
        "observe": checks.test_observe,
        "browser": checks.test_browser,
        "backup": checks.test_backup,
        "kubernetes": checks.test_kubernetes,
        "learn": checks.test_learn,
        "containers": checks.test_containers,
        "guests": checks.test_guests,
        "scaffold": checks.test_scaffold,
    }
    for name, run in special.items():
        if getattr(options, name):
            return run(options.rest)
    return checks.test(options.fast, options.rest)


def _audit(_: Namespace, __: RunDir) -> int:
    from tools.runner.commands.audit import audit

    return audit()


def _new(options: Namespace, _: RunDir) -> int:
    from tools.scaffold import command

    if options.remove:
        return command.remove(options.name, force=options.force)
    return command.create(
        options.name, options.owns, options.tells, options.hears, options.language
    )


def _conform(options: Namespace, _: RunDir) -> int:
    from tools.runner.commands import conformance

    if (options.command or options.guest) and len(options.app) != 1:
        raise RunnerError(
            "--command and --guest take the place of one service: name it, as `conform comments`"
        )
    guest = f"{options.app[0]}={options.guest}" if options.guest else ""
    subject = conformance.Subject(tuple(options.app), options.command, guest, options.components)
    return conformance.conform(subject, options.rest, planted=options.planted)


def _bench(options: Namespace, _: RunDir) -> int:
    from tools.runner.commands import checks

    return checks.bench(options.rest)


def _learn(options: Namespace, run: RunDir) -> int:
    from tools.learn.command import learn

    return learn(options, run)


def _release(options: Namespace, _: RunDir) -> int:
    from tools.release import command

    if options.check or options.tag:
        return command.check(options.tag)
    if options.notes:
        print(command.release_notes(), end="")
        return 0
    return command.begin(options.next) if options.next else command.release()


_VERBS = {
    "up": _up,
    "down": _down,
    "ps": _ps,
    "restart": _order,
    "scale": _scale,
    "switch": _switch,
    "stop": _order,
    "start": _order,
    "logs": _logs,
    "traces": _traces,
    "dashboard": _dashboard,
    "infra": _infra,
    "alerts": _alerts,
    "deadletters": _deadletters,
    "ledger": _ledger,
    "admin": _admin,
    "password": _password,
    "rebuild": _rebuild,
    "backup": _backup,
    "restore": _restore,
    "kubernetes": _kubernetes,
    "migrate": _migrate,
    "compose": _compose,
    "demo": _demo,
    "doctor": _doctor,
    "test": _test,
    "audit": _audit,
    "bench": _bench,
    "learn": _learn,
    "conform": _conform,
    "new": _new,
    "release": _release,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
