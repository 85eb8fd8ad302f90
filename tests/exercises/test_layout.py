"""Where questions lie: one module a question, named by its slug, and nothing of one question in another."""

import ast
import importlib
import types
from pathlib import Path

import pytest

from tl_course import exercises

HOME = Path(exercises.__file__).parent
LESSONS = pytest.mark.parametrize("number", exercises.lessons())


@LESSONS
def test_a_module_is_named_as_its_question(number):
    modules = {file.stem for file in (HOME / f"lesson_{number}").glob("*.py")} - {"__init__", "_shared"}
    assert modules == {question.slug for question in exercises.questions(number)}
    for slug in modules:
        assert importlib.import_module(f"tl_course.exercises.lesson_{number}.{slug}").QUESTION.slug == slug


@LESSONS
def test_a_lesson_lists_its_questions_and_does_nothing_else(number):
    package = importlib.import_module(f"tl_course.exercises.lesson_{number}")
    docstring, *imports, last = ast.parse(Path(package.__file__).read_text()).body
    assert isinstance(docstring, ast.Expr)
    assert all(isinstance(one, ast.ImportFrom) for one in imports)
    assert last.targets[0].id == "QUESTIONS"
    for question in package.QUESTIONS:  # no name of the package hides a module
        assert isinstance(getattr(package, question.slug), types.ModuleType)


@LESSONS
def test_no_question_imports_another(number):
    for file in (HOME / f"lesson_{number}").glob("[!_]*.py"):
        imported = {
            name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom | ast.Import)
            for name in [getattr(node, "module", None), *(one.name for one in node.names)]
            if name and ".lesson_" in name
        }
        assert imported <= {f"tl_course.exercises.lesson_{number}._shared"}, file
