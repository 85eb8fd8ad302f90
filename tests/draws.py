"""Seeds for tests that hold for every draw: one for daily work, three on the way to main, the others in the sweep."""

import pytest

IN_MAKE_TEST = 3


def seeds(count: int) -> list:
    """Return so many seeds for ``pytest.mark.parametrize``: one for `make check`, three for `make test`."""
    marks = [(), *[pytest.mark.another_seed] * (IN_MAKE_TEST - 1)]
    return [pytest.param(seed, marks=marks[seed] if seed < IN_MAKE_TEST else pytest.mark.full) for seed in range(count)]
