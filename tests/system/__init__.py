"""A whole system for tests: started by the one command, used by real clients.

`System` starts it and injects faults, `LoggedInUser` has an account and clients, `Toot` is the
real `toot` of one user, `WebBrowser` fills in forms, and `wait_until` waits for a condition.
"""

from tests.conftest import SETS
from tests.system.browser import WebBrowser
from tests.system.system import WITH_GRPC, ProcessRow, System, start_system
from tests.system.toot import Toot
from tests.system.users import ClientApplication, LoggedInUser
from tests.system.waiting import DEADLINE, wait_until

__all__ = [
    "DEADLINE",
    "SETS",
    "WITH_GRPC",
    "ClientApplication",
    "LoggedInUser",
    "ProcessRow",
    "System",
    "Toot",
    "WebBrowser",
    "start_system",
    "wait_until",
]
