"""The command line."""

import argparse
import os
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error", "critical")

LEARN = ("where", "list", "start", "check", "hint", "solution", "reset", "watch")
_LEARN_HELP = (
    "where: what is done and what is next (the default); start: get the files of an exercise; "
    "check: try them; watch: check again after each change; solution: the difference to it, after "
    "a try; reset: get the files anew"
)

VERB_GROUPS = {
    "run a system": {
        "up": "start everything and follow the logs (the default verb)",
        "down": "stop everything, also processes that a killed runner left",
        "infra": "start or stop only the servers, including Dapr's, for a plain `dapr run -f .`",
        "demo": "fill a running system with people, photos, comments and shops",
        "restart": "restart a service with its sidecar, one process, or a server",
        "stop": "stop one of these until `start`",
        "start": "start it again after `stop`",
        "scale": "change how many replicas a service has, without losing a request",
        "switch": "move a running system to the broker of another component set",
    },
    "see what it does": {
        "ps": "show services, sidecars and servers",
        "logs": "show the logs of all processes, merged by time",
        "traces": "list traces, or show one as a tree",
        "dashboard": "print the address of the dashboard, or show an export of a run",
        "alerts": "list the alerts of a system that was started with `up --observe`",
        "doctor": "report what is missing or in conflict, and what to do",
    },
    "look after accounts and data": {
        "admin": "make an account an admin, who can remove posts and suspend accounts",
        "password": "print a link to a new password, for a user who forgot theirs",
        "deadletters": "list the events that a service could not handle, or replay them",
        "ledger": "add up all ledger entries, and report disagreements",
        "rebuild": "rebuild the lists of orders from their event logs",
        "backup": "copy all data of a system, as of one instant, while it runs",
        "restore": "fill a new system from a backup",
        "migrate": "move the state of a stopped system to another component set",
    },
    "deploy it": {
        "compose": "print or write the compose project of deploy/, or make its secrets",
        "kubernetes": "write deploy/kubernetes again, or print the secrets of a cluster",
    },
    "learn and develop": {
        "learn": "learn from exercises that check themselves (docs/learn)",
        "new": "write a new service with its tests and rules, or take one out again",
        "test": "run all checks, or with --fast only static checks and unit tests",
        "conform": "test whether a program keeps the protocol of a service (docs/protocol.md)",
        "bench": "measure the system",
        "audit": "look up known vulnerabilities of all that is pinned",
        "release": "make this tree a release, or say what forbids it (docs/releasing.md)",
    },
}
"""What the verbs do, in the groups of the help."""

GUEST = "MICROGRAM_GUEST"
"""The variable with the guests of a start, as `--guest` has them."""

VERBS = {name: text for group in VERB_GROUPS.values() for name, text in group.items()}

_EXAMPLES = """\
examples:
  ./tye-like-run.sh                                 start, follow the logs, Ctrl-C to stop
  ./tye-like-run.sh --components rabbitmq-redis     the same on RabbitMQ and Redis
  ./tye-like-run.sh up --detach --replicas feed=2   in the background, with two of feed
  ./tye-like-run.sh logs -f posts                   follow one service and its sidecar
  ./tye-like-run.sh logs --level warning            what any process warned of
  ./tye-like-run.sh scale posts=3                   two more of posts, while it runs
  ./tye-like-run.sh down
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options of a command line; exits with a message for an invalid one."""
    parser = _parser()
    first, rest = _run_dir_parser().parse_known_args(arguments)
    if not rest or (rest[0].startswith("-") and rest[0] not in ("-h", "--help")):
        rest = ["up", *rest]
    options, unknown = parser.parse_known_args(rest)
    if unknown and options.verb not in ("test", "bench", "conform"):
        if unknown[0] in VERBS:
            parser.error(f"the verb comes first: ./tye-like-run.sh {unknown[0]} …")
        parser.error(f"unknown arguments: {' '.join(unknown)} (see --help)")
    if options.verb == "up" and not options.guest:
        options.guest = _guests_of_environment(parser)
    options.rest = unknown
    options.run_dir = first.run_dir
    return options


def _run_dir_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--run-dir", metavar="DIR", help="the folder of the system (.run; or set MICROGRAM_RUN_DIR)"
    )
    return parser


def _describe_verbs() -> str:
    lines = ["Starts, tests and operates Microgram. VERB --help tells the options of a verb."]
    for group, verbs in VERB_GROUPS.items():
        lines += ["", f"{group}:", *(f"  {name:<12} {text}" for name, text in verbs.items())]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./tye-like-run.sh",
        usage="./tye-like-run.sh [VERB] [--run-dir DIR] ...",
        description=_describe_verbs(),
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_run_dir_parser()],
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, help=argparse.SUPPRESS, prog="./tye-like-run.sh"
    )
    made = {
        name: verbs.add_parser(
            name,
            description=text[0].upper() + text[1:] + ".",
            add_help=name != "bench",  # it has options, and so a --help, of its own
        )
        for name, text in VERBS.items()
    }
    for each in made.values():
        each.allow_abbrev = False
    _up_options(made["up"])
    _other_options(made)
    return parser


def _up_options(up: argparse.ArgumentParser) -> None:
    up.add_argument(
        "--components",
        metavar="NAME",
        help="component set: embedded (default), rabbitmq-redis, redis-streams",
    )
    up.add_argument(
        "--only", type=_names, default=frozenset(), metavar="A,B", help="start only these"
    )
    up.add_argument(
        "--except",
        type=_names,
        default=frozenset(),
        dest="without",
        metavar="C",
        help="start all but these",
    )
    up.add_argument(
        "--replicas", type=_replicas, default={}, metavar="A=N,B=M", help="replicas of a service"
    )
    _guest_option(
        up,
        "run guests/A-LANG in the place of the service A, or beside all if it is one of its own; "
        "A=python+LANG: replicas in turn",
    )
    up.add_argument(
        "--port", type=_port, help="the gateway's port (8080; 0: any); all others are free ones"
    )
    up.add_argument(
        "--detach", action="store_true", help="run in the background; return when ready"
    )
    up.add_argument(
        "--observe",
        action="store_true",
        help="also start Prometheus and Alertmanager, with the rules of deploy/observability",
    )
    up.add_argument("--no-dashboard", action="store_true", help="start without the dashboard")
    up.add_argument(
        "--dashboard-port",
        type=_port,
        metavar="PORT",
        help="the dashboard's port (8090; any free one for a second system, and if it is taken)",
    )
    up.add_argument("--watch", action="store_true", help="restart a service when its files change")
    up.add_argument("--quiet", action="store_true", help="do not print the logs")
    up.add_argument(
        "--trace",
        type=_ratio,
        metavar="RATIO",
        help="the share of requests that are traced, from 0 to 1 (docs/observability.md)",
    )
    up.add_argument(
        "--no-mtls",
        action="store_true",
        help="sidecars do not check who calls them: to measure the price of mTLS only",
    )
    up.add_argument("--manifest", type=Path, help="instead of dapr.yaml")
    up.add_argument("--access", type=Path, help="instead of services/access.yaml")
    up.add_argument("--infra-only", action="store_true", help=argparse.SUPPRESS)


def _guest_option(parser: argparse.ArgumentParser, meaning: str) -> None:
    parser.add_argument(
        "--guest",
        type=_guests,
        default={},
        metavar="A=LANG",
        help=meaning,
    )


def _other_options(made: dict[str, argparse.ArgumentParser]) -> None:
    for name in ("ps", "alerts", "doctor"):
        made[name].add_argument("--json", action="store_true", help="print JSON")
    made["logs"].add_argument(
        "app", nargs="?", help="a service, or one process such as posts.daprd"
    )
    made["logs"].add_argument("-f", "--follow", action="store_true", help="keep printing new lines")
    made["logs"].add_argument(
        "--level", default="", choices=LEVELS, help="the lowest level that is shown"
    )
    made["logs"].add_argument(
        "--trace", default="", metavar="ID", help="only what belongs to this trace"
    )
    made["traces"].add_argument("id", nargs="?", help="show this trace")
    made["traces"].add_argument("--service", default="", help="only with this service in them")
    made["traces"].add_argument(
        "--min-ms",
        type=_milliseconds,
        default=0.0,
        metavar="N",
        help="only those that took so long",
    )
    made["traces"].add_argument("--errors", action="store_true", help="only with errors")
    made["traces"].add_argument("-f", "--follow", action="store_true", help="keep printing")
    for name, count in (("logs", 200), ("traces", 30)):
        made[name].add_argument(
            "--text", default="", metavar="WORD", help="only with this text in them, without case"
        )
        made[name].add_argument(
            "-n", "--lines", type=_count, default=count, help=f"the newest so many ({count})"
        )
        made[name].add_argument("--json", action="store_true", help="print JSON")
    made["dashboard"].add_argument(
        "--open", type=Path, metavar="FILE.zip", help="show what a dashboard exported, read-only"
    )
    for name in ("restart", "stop", "start"):
        made[name].add_argument("app", help="posts, posts.daprd, nats, …")
    how = made["restart"].add_mutually_exclusive_group()
    how.add_argument("--empty", action="store_true", help="delete the data of a server")
    how.add_argument(
        "--rolling",
        action="store_true",
        help="a service: one replica after another, a single one after a stand-in is ready",
    )
    made["scale"].add_argument(
        "replicas", type=_replicas, metavar="A=N,B=M", help="replicas of a service"
    )
    made["switch"].add_argument(
        "--components",
        required=True,
        metavar="NAME",
        help="a component set that differs in its broker only",
    )
    made["infra"].add_argument("action", choices=["up", "down"])
    made["deadletters"].add_argument("app", nargs="?", help="a service (default: all)")
    made["deadletters"].add_argument(
        "--replay", action="store_true", help="deliver the events again"
    )
    made["admin"].add_argument("name", help="a username")
    made["admin"].add_argument("--remove", action="store_true", help="remove the role")
    made["password"].add_argument("name", help="a username or an e-mail address")
    _backup_options(made["backup"], made["restore"])
    how = made["kubernetes"].add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="only report what would be written")
    how.add_argument(
        "--secrets", action="store_true", help="print Secrets, made of those of the run directory"
    )
    for name in ("compose", "kubernetes"):
        _guest_option(made[name], argparse.SUPPRESS)
    for side, whose in (("from", "that it was started with"), ("to", "that it will be")):
        made["migrate"].add_argument(
            f"--{side}",
            dest=f"{side}_set",
            required=True,
            metavar="NAME",
            help=f"the component set {whose}",
        )
    made["compose"].add_argument(
        "--components",
        default="rabbitmq-redis",
        metavar="NAME",
        help="component set (rabbitmq-redis)",
    )
    what = made["compose"].add_mutually_exclusive_group()
    what.add_argument(
        "--write", action="store_true", help="write deploy/compose.yaml and deploy/compose/"
    )
    what.add_argument("--secrets", action="store_true", help="make deploy/secrets/")
    made["demo"].add_argument(
        "--people", type=int, default=12, metavar="N", help="how many (12; at most 100)"
    )
    made["demo"].add_argument(
        "--port", type=_port, help="the gateway of a system that another runner started"
    )
    made["test"].add_argument(
        "--fast", action="store_true", help="static checks and unit tests only, about a minute"
    )
    made["test"].add_argument(
        "--coverage",
        action="store_true",
        help="unit tests only, or those named; .run/coverage gets the lines of services they reach",
    )
    made["test"].add_argument(
        "--official-daprd",
        action="store_true",
        help="contract tests only, on the official daprd with all components",
    )
    made["test"].add_argument(
        "--matrix",
        action="store_true",
        help="contract and end-to-end tests and a short benchmark on every component set, or on "
        "those that are named; hours (docs/components.md)",
    )
    made["test"].add_argument(
        "--observe", action="store_true", help="tests that let alerts fire in a real system only"
    )
    made["test"].add_argument(
        "--browser", action="store_true", help="tests of the web app in a real browser only"
    )
    made["test"].add_argument(
        "--backup",
        action="store_true",
        help="tests of backup, restore, upgrade, migrate and switch only",
    )
    _learn_options(made["learn"])
    _release_options(made["release"])
    _new_options(made["new"])
    made["test"].add_argument(
        "--kubernetes",
        action="store_true",
        help="apply deploy/kubernetes to a real API server only; the first time builds it, 25 min",
    )
    made["test"].add_argument(
        "--learn", action="store_true", help="commands of docs/learn that need a system only"
    )
    made["test"].add_argument(
        "--containers",
        action="store_true",
        help="tests of the images and the compose project with podman only (docs/deploying.md)",
    )
    made["test"].add_argument(
        "--guests",
        action="store_true",
        help="conformance, end-to-end and crash tests with the guest comments=go in the place of "
        "comments, and beside it, only",
    )
    made["test"].add_argument(
        "--scaffold",
        action="store_true",
        help="tests of what `new` writes, and of the service of docs/learn/stories.md, beside real "
        "sidecars only; in Go and TypeScript where these are",
    )
    made["conform"].add_argument("app", nargs="*", help="services (default: all of them)")
    made["conform"].add_argument(
        "--command",
        default="",
        help="the program that takes the place of the service, with its arguments in one text",
    )
    made["conform"].add_argument(
        "--guest", default="", metavar="LANG", help="test the guest in guests/APP-LANG, built first"
    )
    made["conform"].add_argument(
        "--components", default="embedded", metavar="NAME", help="component set (embedded)"
    )
    made["conform"].add_argument(
        "--planted", action="store_true", help="also show that the kit finds planted faults"
    )


def _new_options(new: argparse.ArgumentParser) -> None:
    new.add_argument(
        "name", help="the service, such as stories; no digits, dashes or capitals, as for NOUN"
    )
    new.add_argument(
        "--owns",
        default="",
        metavar="NOUN",
        help="what it owns, in the singular, such as story: 2 to 16 letters from a to z",
    )
    new.add_argument(
        "--tells", default="", metavar="EVENT", help="its event (story-changed for a story)"
    )
    new.add_argument(
        "--hears",
        type=_names,
        default=frozenset(),
        metavar="A,B",
        help="topics of other services, such as posts; each service hears of accounts",
    )
    new.add_argument(
        "--language",
        choices=("python", "go", "typescript"),
        default="python",
        help="python: a service of the repository; others: a guest, in a folder of guests/",
    )
    new.add_argument("--remove", action="store_true", help="take it out again")
    new.add_argument(
        "--force", action="store_true", help="with --remove: also files that were changed since"
    )


def _backup_options(backup: argparse.ArgumentParser, restore: argparse.ArgumentParser) -> None:
    backup.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="a new file (backups/TIME.tar)"
    )
    backup.add_argument(
        "--without-secrets", action="store_true", help="do not write FILE.secrets beside it"
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="a file that `backup` wrote")
    restore.add_argument(
        "--check", action="store_true", help="only read the whole file, and change nothing"
    )
    restore.add_argument("--components", metavar="NAME", help="component set (that of the backup)")
    restore.add_argument(
        "--secrets", type=Path, metavar="FILE", help="the file with the secrets (FILE.secrets)"
    )
    restore.add_argument(
        "--without-secrets", action="store_true", help="make new secrets; see docs/operating.md"
    )
    restore.add_argument(
        "--end-sessions",
        action="store_true",
        help="make new signing keys: everybody logs in again, as after a theft of tokens",
    )


def _release_options(release: argparse.ArgumentParser) -> None:
    what = release.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only say what forbids a release")
    what.add_argument(
        "--tag", default="", metavar="vX.Y.Z", help="only say what forbids the images of this tag"
    )
    what.add_argument("--notes", action="store_true", help="print what people should know of it")
    what.add_argument(
        "--next", default="", metavar="X.Y.Z", help="name the next version everywhere"
    )


def _learn_options(learn: argparse.ArgumentParser) -> None:
    learn.add_argument("action", nargs="?", default="where", choices=LEARN, help=_LEARN_HELP)
    learn.add_argument(
        "step", nargs="?", help="an exercise (the current one; `start`: the next one)"
    )
    learn.add_argument("--json", action="store_true", help="print JSON")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'"{text}" is not a number of at least 0')
    return int(text)


def _milliseconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1e12:  # nan is not, either
        raise argparse.ArgumentTypeError(f'"{text}" is not a number of milliseconds')
    return found


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f'"{text}" is not a port from 0 to 65535')
    return int(text)


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 0 to 1')
    return ratio


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _guests(text: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for part in text.split(",") if text else ():
        name, _, languages = part.partition("=")
        found[name.strip()] = tuple(each.strip() for each in languages.split("+"))
        if not all(each.isalnum() for each in found[name.strip()]):
            raise argparse.ArgumentTypeError(f'"{part}" is not of the form comments=go')
    return found


def _guests_of_environment(parser: argparse.ArgumentParser) -> dict[str, tuple[str, ...]]:
    """Return the guests of a start that names none: tests set them for all that they start."""
    try:
        return _guests(os.environ.get(GUEST, ""))
    except argparse.ArgumentTypeError as error:
        parser.error(f"{GUEST}: {error}")


def _replicas(text: str) -> dict[str, int]:
    found = {}
    for part in text.split(","):
        name, _, count = part.partition("=")
        if not count.isdigit() or not 1 <= int(count) <= 50:
            raise argparse.ArgumentTypeError(f'"{part}" is not of the form posts=2')
        found[name.strip()] = int(count)
    return found
