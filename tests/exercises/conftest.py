"""A course of one question, and a learner's folder."""

import asked
import pytest

from tl_course.exercises import catalogue, checking, notes


@pytest.fixture
def use(monkeypatch):
    """Make a question the only one of the course."""

    def choose(**changed):
        question = asked.question(**changed)
        monkeypatch.setattr(catalogue, "questions", lambda lesson=None: [question])
        monkeypatch.setattr(checking, "questions", lambda lesson=None: [question])
        return question

    choose()
    return choose


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.setattr(notes, "_unwritten", {})


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """A learner's folder."""
    monkeypatch.setenv("TL_LEDGER", str(tmp_path / "learner" / "ledger.jsonl"))
    return tmp_path / "learner" / "exercises.json"
