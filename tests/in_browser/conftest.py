"""A browser for all tests of a worker, and for each test pages of its own that may complain of nothing."""

import re
from pathlib import Path

import pytest

from authoring import browsing, lab, sources

SCREENSHOTS = sources.ROOT / "build" / "screenshots"
WINDOW = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def browser():
    with browsing.browser() as started:
        yield started


@pytest.fixture
def watch():
    """What the pages of this test asked for and complained of: nothing, in the end."""
    kept = browsing.Watch()
    yield kept
    assert kept.complaints == []


@pytest.fixture
def page(browser, watch):
    context = browser.new_context(viewport=WINDOW)
    context.set_default_timeout(lab.PATIENCE)
    watch.over(context)
    yield context.new_page()
    context.close()


@pytest.fixture
def picture(request, page):
    """Keep a picture of the page, to be looked at, under the name of the test."""

    def keep(name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        test = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
        path = SCREENSHOTS / f"{test}-{name}.png"
        page.screenshot(path=path)
        return path

    return keep


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    with lab.serve(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def learner(jupyterlab):
    """JupyterLab for one test, which starts with no kernel and an empty ledger, and leaves no warning on stderr."""
    before = len(jupyterlab.warnings())
    yield jupyterlab
    jupyterlab.end_kernels()
    jupyterlab.forget_the_learner()
    assert jupyterlab.warnings()[before:] == []
