"""Messages over a pipe: eight bytes that say how long, then the bytes. Nothing is trusted to be short."""

from __future__ import annotations

import os

HEAD = 8
MOST_AT_ONCE = 10_000
"""Messages in the bytes of one look: an honest process sends a few."""


class Broken(Exception):
    """The other side broke off, or announced a message that is too long."""


def pack(message: bytes) -> bytes:
    """Return a message with its length before it.

    >>> pack(b"ok")
    b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02ok'
    """
    return len(message).to_bytes(HEAD, "big") + message


def write(descriptor: int, message: bytes) -> None:
    """Write one message, all of it."""
    rest = memoryview(pack(message))
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read(descriptor: int, limit: int) -> bytes:
    """Wait for one message and return it.

    Raises
    ------
    Broken
        If the pipe ends, or the message is longer than the limit.
    """
    length = int.from_bytes(_exactly(descriptor, HEAD), "big")
    if length > limit:
        raise Broken(f"a message of {length} bytes")
    return _exactly(descriptor, length)


def _exactly(descriptor: int, count: int) -> bytes:
    parts, left = [], count
    while left:
        part = os.read(descriptor, min(left, 2**20))
        if not part:
            raise Broken("the pipe ended")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


class Inbox:
    """Puts messages together from bytes as they come, and holds no more than one of them.

    >>> inbox = Inbox(limit=10)
    >>> inbox.take(pack(b"one") + pack(b"two")[:9]), inbox.take(b"wo")
    ([b'one'], [b'two'])
    """

    def __init__(self, limit: int):
        self.limit = limit
        self._bytes = bytearray()

    def take(self, received: bytes) -> list[bytes]:
        """Return the messages that are now complete.

        Raises
        ------
        Broken
            If one is longer than the limit or empty, or very many come at once.
        """
        self._bytes += received
        complete, start = [], 0
        while len(self._bytes) >= start + HEAD:
            length = int.from_bytes(self._bytes[start : start + HEAD], "big")
            if length > self.limit:
                raise Broken(f"a message of {length} bytes")
            if length == 0 or len(complete) == MOST_AT_ONCE:
                raise Broken("messages without content, or too many of them")
            if len(self._bytes) < start + HEAD + length:
                break
            complete.append(bytes(self._bytes[start + HEAD : start + HEAD + length]))
            start += HEAD + length
        del self._bytes[:start]
        return complete
