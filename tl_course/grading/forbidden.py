"""Calls of the Linux kernel that a learner's process must not make: a filter in the kernel, for good.

It needs no rights, so it holds for an ordinary user without namespaces too. Forbidden is what holds memory that no
process counts as its own, what makes new namespaces, and what reaches into other processes. Where there is nothing else
against it, all sockets are forbidden as well.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import sys

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_NUMBERS = {
    # name: number for x86_64, number for aarch64
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180), "io_uring_setup": (425, 425), "userfaultfd": (323, 282),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "fsopen": (430, 430), "fsmount": (432, 432), "open_tree": (428, 428), "move_mount": (429, 429),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241),
}  # fmt: skip
_SOCKET, _CLONE, _CLONE3 = (41, 198), (56, 220), (435, 435)
_NEW_NAMESPACES = 0x7E020000
"""The flags of ``clone`` that make namespaces."""
_OTHER_NUMBERING = 0x40000000
"""From here on calls of x86_64 have another numbering, which no common program uses."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_SET_FILTER, _BY_FILTER = 22, 2


class _Step(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step))]


def forbid(*, sockets: bool) -> bool:
    """Forbid the calls to this process and all that come of it, for good. Returns whether the kernel took it.

    Parameters
    ----------
    sockets : bool
        Forbid making sockets too. Pairs of sockets within a program are still made.
    """
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES or sys.maxsize < 2**32:
        return False
    steps = _program(platform.machine(), sockets=sockets)
    program = _Program(len(steps), (_Step * len(steps))(*steps))
    return ctypes.CDLL(None).prctl(_SET_FILTER, _BY_FILTER, ctypes.byref(program), 0, 0) == 0


def _program(machine: str, *, sockets: bool) -> list[_Step]:
    column = list(_ARCHITECTURES).index(machine)
    refused = [numbers[column] for numbers in _NUMBERS.values()] + ([_SOCKET[column]] if sockets else [])
    return [
        _Step(_LOAD, 0, 0, _ARCHITECTURE),
        _Step(_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        _Step(_RETURN, 0, 0, _FAIL | errno.EPERM),
        _Step(_LOAD, 0, 0, _NUMBER),
        *_unless(_AT_LEAST, _OTHER_NUMBERING, errno.ENOSYS),
        *(step for number in refused for step in _unless(_EQUAL, number, errno.EPERM)),
        *_unless(_EQUAL, _CLONE3[column], errno.ENOSYS),  # its flags are out of a filter's sight; libraries use clone
        _Step(_EQUAL, 0, 3, _CLONE[column]),
        _Step(_LOAD, 0, 0, _FIRST_ARGUMENT),
        *_unless(_ANY_BIT, _NEW_NAMESPACES, errno.EPERM),
        _Step(_RETURN, 0, 0, _ALLOW),
    ]


def _unless(comparison: int, value: int, error: int) -> list[_Step]:
    """Let the call fail where the comparison holds; go on otherwise."""
    return [_Step(comparison, 0, 1, value), _Step(_RETURN, 0, 0, _FAIL | error)]
