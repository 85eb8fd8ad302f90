"""The committed lessons: in step with their sources and clean under the lint.

No kernel runs here; nbval executes the notebooks elsewhere.
"""

import pytest

from authoring import lint
from authoring.build import Course

COURSE = Course()
FILES = lint.find(COURSE.root)


def name(path):
    return path.relative_to(COURSE.root).as_posix()


def test_everything_generated_is_in_step():
    assert COURSE.out_of_step() == []


@pytest.mark.parametrize("path", FILES or [pytest.param(None, id="no lessons yet")], ids=name if FILES else None)
def test_lint_has_nothing_to_report(path):
    problems = lint.check(path, COURSE) if path else []
    assert not problems, "\n".join(map(str, problems))
