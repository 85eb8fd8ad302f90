"""One server for all tests: it takes seconds to start."""

import pytest
from classroom import QUICK

from tl_course.exercises import catalogue
from tl_course.grading.marking import mark
from tl_course.grading.notebooks import EXERCISES, extract, worksheet
from tl_course.grading.server_client import ServerClient


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """A test that asks for the server runs learners' code in processes: it is an integration test."""
    for item in items:
        if "client" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def client():
    made = ServerClient("02", None)
    yield made
    made.close()


@pytest.fixture(scope="session")
def walls(client):
    """What holds around learners' code on this system."""
    return client.trial(QUICK).walls


@pytest.fixture(scope="session")
def sheet():
    return worksheet("02", catalogue.questions("02"), [EXERCISES], [])


@pytest.fixture
def marks(client, sheet):
    """Mark a notebook of exercise 02; returns the marks by question."""

    def run(notebook: dict, limits=QUICK) -> dict:
        found, sound = mark(extract(notebook, sheet), sheet, client.run, limits)
        assert sound
        return {one.question: one for one in found}

    return run
