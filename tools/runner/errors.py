"""Errors of the runner."""


class RunnerError(Exception):
    """An error that the user can correct; the message says how."""


class StartFailedError(RunnerError):
    """A process died, or was not ready in time, during the start."""
