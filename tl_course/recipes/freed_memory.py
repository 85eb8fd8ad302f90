"""Memory that one part of the work has freed is given back before the next part begins."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Give memory that is no longer used back to the system, where its C library keeps it for later (glibc).

    A network that was trained for a moment leaves gaps of hundreds of megabytes, between which the next one does not
    fit: without this, the peak is that of both.

    >>> give_back()
    """
    gc.collect()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or none that can be asked
        return
    trim(0)
