"""The filter of system calls, run by an interpreter of its own on all numbers."""

import pytest

from services.media.pictures import seccomp

ALLOW, KILL, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050026
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # on x86_64: the same calls with short pointers
DENIED = {  # x86_64 and aarch64
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "socket": (41, 198),
    "connect": (42, 203), "sendmsg": (46, 211), "recvmsg": (47, 212), "fork": (57, None),
    "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435), "execve": (59, 221),
    "execveat": (322, 281), "kill": (62, 129), "tgkill": (234, 131), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "io_uring_setup": (425, 425), "bpf": (321, 280),
    "prctl": (157, 167), "prlimit64": (302, 261), "setitimer": (38, 103), "setuid": (105, 146),
    "unshare": (272, 97), "mount": (165, 40), "keyctl": (250, 219), "memfd_create": (319, 279),
    "shmget": (29, 194), "userfaultfd": (323, 282), "perf_event_open": (298, 241),
}  # fmt: skip


def verdict(machine: str, number: int, *arguments: int, threads: bool, architecture: int) -> int:
    """Run the filter as the kernel does: on `struct seccomp_data`, here its 32-bit words."""
    words = {0: number, 4: architecture} | {16 + 8 * n: each for n, each in enumerate(arguments)}
    program, at, loaded = seccomp._program(machine, threads=threads), 0, 0
    while True:
        code, if_true, if_false, constant = program[at]
        at += 1
        if code == 0x06:
            return constant
        if code == 0x20:
            loaded = words.get(constant, 0)
        else:
            holds = loaded == constant if code == 0x15 else bool(loaded & constant)
            at += if_true if holds else if_false


def test_only_listed_calls_are_allowed() -> None:
    for column, (machine, architecture) in enumerate(ARCHITECTURES.items()):
        listed = (*seccomp._ALLOWED.values(), *seccomp._ALLOWED_UNLESS_EXECUTABLE.values())
        allowed = {
            number
            for number in (*range(600), *range(X32, X32 + 600))
            if verdict(machine, number, threads=False, architecture=architecture) == ALLOW
        }
        assert allowed == {numbers[column] for numbers in listed}
        assert not allowed & {numbers[column] for numbers in DENIED.values()}


@pytest.mark.parametrize(
    ("name", "protection", "expected"),
    [("mmap", 3, ALLOW), ("mmap", 5, ENOSYS), ("mprotect", 1, ALLOW), ("mprotect", 4, ENOSYS)],
)
def test_memory_is_never_executable(name: str, protection: int, expected: int) -> None:
    for column, (machine, architecture) in enumerate(ARCHITECTURES.items()):
        number = seccomp._ALLOWED_UNLESS_EXECUTABLE[name][column]
        made = verdict(
            machine, number, 0, 4096, protection, threads=False, architecture=architecture
        )
        assert made == expected


def test_clone_makes_threads_only_and_only_where_they_are_needed() -> None:
    thread, process, in_new_network = 0x3D0F00, 0x11, 0x3D0F00 | 0x40000000
    for column, (machine, architecture) in enumerate(ARCHITECTURES.items()):
        made = [
            verdict(
                machine,
                seccomp._CLONE[column],
                flags,
                threads=threads,
                architecture=architecture,
            )
            for flags, threads in (
                (thread, True), (thread, False), (process, True), (in_new_network, True),
            )
        ]  # fmt: skip
        assert made == [ALLOW, ENOSYS, ENOSYS, ENOSYS]


def test_calls_of_another_architecture_end_the_process() -> None:
    i386 = 0x40000003
    assert verdict("x86_64", 3, threads=True, architecture=i386) == KILL
