"""Every cell of every lesson runs in the larger profiles: rehearsed from an empty cache, without a hub."""

import pytest

from authoring import sources
from tl_course.app import running

NOTEBOOKS = sorted((sources.ROOT / "notebooks").glob("[0-9]*.ipynb"))
QUICK = {("06", "cpu"), ("13", "gpu")}
"""One lesson of pictures and one of texts, which `make test` rehearses; the others take minutes together."""


def cases():
    for path in NOTEBOOKS:
        for profile in ("cpu", "gpu"):
            tier = pytest.mark.integration if (path.stem[:2], profile) in QUICK else pytest.mark.full
            yield pytest.param(path, profile, marks=tier, id=f"{path.stem[:2]}-{profile}")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Empty at first; the lessons share the stand-ins that the first of them makes."""
    return tmp_path_factory.mktemp("rehearsed")


@pytest.mark.parametrize(("path", "profile"), list(cases()))
def test_every_cell_runs_in_a_larger_profile(path, profile, cache, tmp_path):
    settings = {"TL_PROFILE": profile, "TL_REHEARSE": "1", "TL_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    settings |= {"TL_DEVICE": "cpu", "TL_TARGET": "mnist_m"}
    result = running.execute(path, tmp_path / path.name, timeout=300, cwd=path.parent, env=settings)
    print(f"{path.stem}, {profile}: {result.seconds:.0f} s, {result.peak_bytes / 1e6:.0f} MB")
    assert result.ok, result.error
