"""The command line."""

import argparse
from pathlib import Path

VERBS = {
    "up": "start everything and follow the logs (the default verb)",
    "down": "stop everything, also what a killed runner left",
    "ps": "show services, sidecars and servers",
    "logs": "show the logs",
    "restart": "restart a service with its sidecar, one process, or a server",
    "stop": "stop one of these until it is started again",
    "start": "start it again",
    "infra": "start or stop the servers alone, those of Dapr too, for a plain `dapr run -f .`",
    "deadletters": "list the messages that a service could not take, or replay them",
    "ledger": "add up all that was ever booked, and say whether it agrees",
    "admin": "make somebody an admin, who can remove posts and suspend accounts",
    "rebuild": "make what orders shows anew from its event logs",
    "demo": "fill a running system with people, photos and what they say",
    "doctor": "say what is missing, what is in the way, and what to do",
    "test": "run all checks, or with --fast those that need no sidecar",
    "bench": "measure the system",
}

_EXAMPLES = """\
examples:
  ./tye-like-run.sh                                 start, follow the logs, Ctrl-C to stop
  ./tye-like-run.sh --components rabbitmq-redis     the same on RabbitMQ and Redis
  ./tye-like-run.sh up --detach --replicas feed=2   in the background, with two of feed
  ./tye-like-run.sh logs -f posts                   follow one service and its sidecar
  ./tye-like-run.sh down
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return what is asked for; exits with a message where that is unclear."""
    parser = _parser()
    first, rest = _run_dir_parser().parse_known_args(arguments)
    if not rest or (rest[0].startswith("-") and rest[0] not in ("-h", "--help")):
        rest = ["up", *rest]
    options, unknown = parser.parse_known_args(rest)
    if unknown and options.verb not in ("test", "bench"):
        if unknown[0] in VERBS:
            parser.error(f"the verb comes first: ./tye-like-run.sh {unknown[0]} …")
        parser.error(f"unknown: {' '.join(unknown)} (see --help)")
    options.rest = unknown
    options.run_dir = first.run_dir
    return options


def _run_dir_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--run-dir", metavar="DIR", help="where the system lives (.run; or set MICROGRAM_RUN_DIR)"
    )
    return parser


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./tye-like-run.sh",
        description="Microgram, all of it, with one command.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_run_dir_parser()],
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    made = {
        name: verbs.add_parser(
            name,
            help=text,
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
        "--components", metavar="NAME", help="component set: embedded (default), rabbitmq-redis"
    )
    up.add_argument("--only", type=_names, default=frozenset(), metavar="A,B", help="only these")
    up.add_argument(
        "--except", type=_names, default=frozenset(), dest="without", metavar="C", help="not these"
    )
    up.add_argument(
        "--replicas", type=_replicas, default={}, metavar="A=N,B=M", help="more than one of a kind"
    )
    up.add_argument(
        "--port", type=_port, help="the gateway's port (8080; 0: any); all others are free ones"
    )
    up.add_argument("--detach", action="store_true", help="return when all is ready")
    up.add_argument("--watch", action="store_true", help="restart a service when its files change")
    up.add_argument("--quiet", action="store_true", help="do not follow the logs")
    up.add_argument("--manifest", type=Path, help="another file than dapr.yaml")
    up.add_argument("--infra-only", action="store_true", help=argparse.SUPPRESS)


def _other_options(made: dict[str, argparse.ArgumentParser]) -> None:
    for name in ("ps", "doctor"):
        made[name].add_argument("--json", action="store_true", help="for programs")
    made["logs"].add_argument(
        "app", nargs="?", help="a service, or one process such as posts.daprd"
    )
    made["logs"].add_argument("-f", "--follow", action="store_true", help="go on as they grow")
    made["logs"].add_argument("-n", "--lines", type=_count, default=50, help="of each file (50)")
    for name in ("restart", "stop", "start"):
        made[name].add_argument("app", help="posts, posts.daprd, nats, …")
    made["restart"].add_argument("--empty", action="store_true", help="a server, without its data")
    made["infra"].add_argument("action", choices=["up", "down"])
    made["deadletters"].add_argument("app", nargs="?", help="a service (default: all)")
    made["deadletters"].add_argument("--replay", action="store_true", help="deliver them again")
    made["admin"].add_argument("name", help="a username")
    made["admin"].add_argument("--remove", action="store_true", help="an admin no more")
    made["demo"].add_argument(
        "--people", type=int, default=12, metavar="N", help="how many (12; at most 100)"
    )
    made["demo"].add_argument("--port", type=_port, help="of a system that was started elsewhere")
    made["test"].add_argument("--fast", action="store_true", help="about a minute, no sidecars")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 0 on')
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f'"{text}" is not a port from 0 to 65535')
    return int(text)


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _replicas(text: str) -> dict[str, int]:
    found = {}
    for part in text.split(","):
        name, _, count = part.partition("=")
        if not count.isdigit() or not 1 <= int(count) <= 50:
            raise argparse.ArgumentTypeError(f'"{part}" is not of the form posts=2')
        found[name.strip()] = int(count)
    return found
