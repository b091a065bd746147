"""A whole Microgram for tests: started by the one command, used by people with real clients.

`System` starts and breaks it, `Person` is somebody with an account and clients, `Toot` is the real
`toot` of one person, `Browser` fills in forms, and `wait_until` waits for a condition.
"""

from tests.conftest import SETS
from tests.system.browser import Browser
from tests.system.people import Application, Person
from tests.system.running import Row, System, started
from tests.system.toot import Toot
from tests.system.waiting import PATIENCE, wait_until

__all__ = [
    "PATIENCE",
    "SETS",
    "Application",
    "Browser",
    "Person",
    "Row",
    "System",
    "Toot",
    "started",
    "wait_until",
]
