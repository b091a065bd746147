"""What the runner says when it cannot go on."""


class RunnerError(Exception):
    """A fault that the person at the keyboard can mend: the message says how."""


class StartFailedError(RunnerError):
    """A process that died, or was not ready in time, while the system was starting."""
