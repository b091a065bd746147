"""A copy of the repository, for tests of commands that write into it."""
