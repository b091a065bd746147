"""A network that belongs to this test run: nobody else reaches it, and it reaches nobody.

Dapr's injector and the health ports of its servers listen on all addresses, whatever the options
say (1.18.2). `./tye-like-run.sh test --kubernetes` therefore runs the tests in a network namespace,
in which loopback is the only interface. All of 10.0.0.0/8 is its own there, as 127.0.0.0/8 is
everywhere, so that addresses of pods can be answered.
"""

from __future__ import annotations

import fcntl
import socket
import struct

SERVICES = "10.0.0.0/24"
API_ADDRESS = "10.1.0.1"
PODS = "10.2.0.1/16"
_WHOLE = "10.0.0.1"
"""The kernel takes a /8 with it, since the address is one of class A."""

# SIOCSIFADDR, SIOCGIFFLAGS and SIOCSIFFLAGS, linux/sockios.h
_SET_ADDRESS, _GET_FLAGS, _SET_FLAGS = 0x8916, 0x8913, 0x8914
_UP, _RUNNING = 0x1, 0x40  # IFF_UP and IFF_RUNNING, linux/if.h


def is_own() -> bool:
    """Return whether this process is alone in its network: no interface but loopback is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return not any(_is_up(control, name) for _, name in socket.if_nameindex() if name != "lo")


def _is_up(control: socket.socket, name: str) -> bool:
    answer = _request(control, _GET_FLAGS, name, b"")
    (flags,) = struct.unpack_from("h", answer, 16)
    return bool(flags & _UP)


def open_loopback() -> None:
    """Start loopback, with the addresses of the cluster."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _request(control, _SET_FLAGS, "lo", struct.pack("h", _UP | _RUNNING))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(_WHOLE))
        _request(control, _SET_ADDRESS, "lo:1", address)


def _request(control: socket.socket, request: int, name: str, value: bytes) -> bytes:
    return fcntl.ioctl(control, request, struct.pack("16s24s", name.encode(), value))
