"""Refuses programs that other users of this machine could have changed."""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from tools.runner.errors import RunnerError


def require_trusted(program: Path) -> Path:
    """Return a program that nobody but root and this user can change or replace.

    That holds for the file, and for each folder and link on its way. Raises RunnerError, with what
    to do about it.
    """
    for path in dict.fromkeys(_way_to(program.absolute())):
        status = path.stat()
        if status.st_uid not in (0, os.geteuid()):
            raise RunnerError(
                f"{program} is not used: {path} belongs to another user. Remove it from PATH, or "
                f"if you trust what it is, run `chown root {path}`"
            )
        if _others_can_write(status):
            raise RunnerError(
                f"{program} is not used: other users can write to {path}. If you trust what it "
                f"is, run `chmod go-w {path}`; else remove {program}, and it is built or fetched"
            )
    return program


def _way_to(path: Path) -> Iterator[Path]:
    """Yield a file and its folders, also behind links: each could be exchanged."""
    yield from (path, *path.parents)
    while path.is_symlink():
        path = path.parent / path.readlink()
        yield from path.parents
    yield from path.resolve().parents


def _others_can_write(status: os.stat_result) -> bool:
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return False  # in such a folder only the owner of a file can exchange it, as in /tmp
    in_group = status.st_mode & stat.S_IWGRP and _has_others(status.st_gid)
    return bool(in_group or status.st_mode & stat.S_IWOTH)


def _has_others(group: int) -> bool:
    """Return whether a group has members but root and this user, as far as is known."""
    try:
        known = {"root", pwd.getpwuid(os.geteuid()).pw_name}
        members = {*grp.getgrgid(group).gr_mem}
    except KeyError:
        return True
    members |= {user.pw_name for user in pwd.getpwall() if user.pw_gid == group}
    return bool(members - known)
