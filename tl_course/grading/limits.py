"""How much a submission may take."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 2**20
MAX_PARTS = 500_000
"""Commas and brackets in a message: each may become an object many times as large as itself."""


@dataclass(frozen=True)
class Limits:
    """Limits of one submission.

    Attributes
    ----------
    cell : float
        Seconds that one cell may run.
    question : float
        Seconds that all trials of one question may take at most; mostly the question's own limit is shorter.
    patience : float
        How many times as long a cell or a question may take on the clock while it computes for less: a busy machine
        costs no points.
    grace : float
        Seconds after which a process that did not stop when told to is killed.
    submission : float
        Seconds for everything, second attempts included.
    memory : int
        Bytes that the processes may take together, beyond what Python and PyTorch need.
    processes : int
        Processes and threads at once.
    file, room : int
        Bytes of one file, and of all files together. The second holds where the sandbox has a file system of its own.
    message : int
        Bytes of one message, and so of what an answer may give back.
    """

    cell: float = 20.0
    question: float = 60.0
    patience: float = 3.0
    grace: float = 5.0
    submission: float = 180.0
    memory: int = 1024 * MEBIBYTE
    processes: int = 64
    file: int = 64 * MEBIBYTE
    room: int = 256 * MEBIBYTE
    message: int = 8 * MEBIBYTE

    @property
    def silence(self) -> float:
        """Seconds without a message after which a process is taken to hang, if it computes or if patience ends."""
        return max(self.cell, self.question) + self.grace
