"""From one source a worksheet without answers and a solution that is right; and mutants that prove the checks."""

import ast
import textwrap

import jupytext
import nbformat
import numpy as np
import pytest
from bad_notebooks import code_cells, write_source
from nbformat.v4 import new_code_cell, new_markdown_cell

from authoring import build, lint, mutants, tags, worksheets
from authoring.build import BuildError, Course
from authoring.sources import SourceError
from tl_course.exercises import Question, Verdict, Wrong

SOURCE = '''# %% [markdown]
# # Exercises 00: small
#
# {{budget}}

# %%
factor = 2

# %% [markdown]
# {{question double}}
#
# Double it.


# %%
def answer_double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return factor * x
    ### END SOLUTION


# %%
tl.check("double", answer_double)

# %% [markdown]
# {{question letter}}

# %%
### BEGIN SOLUTION
answer_letter = "B"
### END SOLUTION

# %%
tl.check("letter", answer_letter)

# %% [markdown] tags=["solution"]
# Because.
'''


def _question(slug, **changed):
    fields = {
        "slug": slug,
        "lesson": "00",
        "title": slug.capitalize(),
        "kind": "implement",
        "difficulty": 2,
        "minutes": 3,
        "points": 1,
        "hints": ("A hint.",),
        "inputs": lambda seed: [{"x": float(x)} for x in np.random.default_rng(seed).normal(size=2)],
        "reference": lambda x: 2 * x,
        "why": "It is twice as much.",
        "wrong": (Wrong("same", "It is the same.", lambda x: x),),
    }
    return Question(**(fields | changed))


QUESTIONS = (
    _question("double"),
    _question(
        "letter",
        kind="predict",
        points=0,
        inputs=lambda s: [{}],
        reference="B",
        wrong=(),
        probe=lambda answer, case: answer,
    ),
)


@pytest.fixture
def make(tmp_path):
    """Write a lesson and its exercises, and read them."""

    def course(source=SOURCE, stem="00_good", questions=QUESTIONS):
        if not list(tmp_path.glob("authoring/lessons/*.py")):
            write_source(tmp_path, [new_markdown_cell("# A lesson"), new_code_cell("1")])
        path = tmp_path / "authoring" / "exercises" / f"{stem}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return Course(tmp_path, questions=questions)

    return course


def assembled(course, *, worked):
    return worksheets.assemble(course.worksheets[0], root=course.root, worked=worked)


@pytest.fixture
def solved(monkeypatch):
    """Execute without a kernel: every check says that the answer is right."""
    runs = []

    def execute(path, out_path, *, timeout, cwd, env):
        assert env["TL_LEDGER"] == "off"
        notebook = nbformat.read(path, as_version=4)
        for count, cell in enumerate(code_cells(notebook), start=1):
            cell.execution_count, cell.outputs = count, []
            for question in QUESTIONS:
                if cell.metadata.get("nbgrader", {}).get("grade_id") == f"{question.slug}-check":
                    said = repr(Verdict.on(question, "right", question.why, points=question.points))
                    cell.outputs = [
                        nbformat.v4.new_output("execute_result", {"text/plain": said}, execution_count=count)
                    ]
        build.running.save(notebook, out_path)
        runs.append(path.stem)
        return build.running.Result(1.0, 10**8, ok=True)

    monkeypatch.setattr(build.running, "execute", execute)
    return runs


# --- worksheets -------------------------------------------------------------------------------------------------------


def test_the_worksheet_is_open_and_the_solution_is_worked(make):
    course = make()
    open_sheet, worked = (assembled(course, worked=value) for value in (False, True))
    for notebook in (open_sheet, worked):
        nbformat.validate(notebook)
        assert notebook.metadata.tl_course.exercise == "00"
        assert not any("SOLUTION" in cell.source for cell in notebook.cells)
    assert [cell.source for cell in code_cells(open_sheet)][1:4] == [
        'def answer_double(x):\n    """Twice x."""\n    ...  # YOUR CODE HERE',
        'tl.check("double", answer_double)',
        "answer_letter = ...  # YOUR CODE HERE",
    ]
    assert code_cells(worked)[1].source.endswith("    return factor * x")
    assert code_cells(worked)[3].source == 'answer_letter = "B"'
    assert not any("Because." in cell.source for cell in open_sheet.cells)
    assert any("Because." in cell.source for cell in worked.cells)
    for cell in code_cells(open_sheet):
        ast.parse(cell.source)


def test_headings_budget_and_links(make):
    cells = assembled(make(), worked=False).cells
    text = "\n".join(cell.source for cell in cells)
    assert "# Exercises 00: small\n\n2 questions, 1 points, about 6 minutes of yours" in text
    assert "## Double\n\n`double` · implement · difficulty 2 of 5 · about 3 minutes · 1 point\n\nDouble it." in text
    assert "no points" in text
    assert "../notebooks/00_good.ipynb" in cells[0].source
    assert cells[0].source.endswith("[Glossary](../GLOSSARY.md) · [Stuck?](../HELP.md)")
    assert tags.of(cells[0]) == tags.of(cells[-1]) == {"nav"}
    worked = "\n".join(cell.source for cell in assembled(make(), worked=True).cells)
    assert "# Solutions 00: small" in worked
    assert "../exercises/00_good.ipynb" in worked


def test_nbgraders_metadata(make):
    cells = [cell for cell in assembled(make(), worked=False).cells if "nbgrader" in cell.metadata]
    assert [cell.metadata.nbgrader.grade_id for cell in cells] == ["double", "double-check", "letter", "letter-check"]
    common = {"schema_version": 3, "task": False}
    assert cells[0].metadata.nbgrader == {
        **common, "grade": False, "grade_id": "double", "locked": False, "solution": True
    }  # fmt: skip
    assert cells[1].metadata.nbgrader == {
        **common, "grade": True, "grade_id": "double-check", "locked": True, "points": 1, "solution": False
    }  # fmt: skip
    assert cells[3].metadata.nbgrader.points == 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("### END SOLUTION\n\n\n# %%\ntl", "\n\n# %%\ntl", "do not pair up"),
        ("def answer_double", "def double", "must define one answer_<slug>"),
        ('tl.check("double", answer_double)', "1", "checked once; look at double"),
        ("{{question letter}}", "letter", "before it is announced"),
        ("answer_letter", "answer_other", "look at letter, other"),
        ('"letter", answer_letter', '"letter", answer_double', "checked once; look at letter"),
    ],
)
def test_a_source_that_asks_wrongly_is_refused(make, old, new, says):
    assert old in SOURCE
    with pytest.raises(SourceError, match=says) as error:
        make(SOURCE.replace(old, new))
    assert "exercises/00_good.py" in str(error.value)


def test_other_sources_that_are_refused(make):
    make()
    with pytest.raises(SourceError, match="belongs to no lesson"):
        make(stem="07_gone")
    with pytest.raises(SourceError, match=r"every question of .*lesson_00 must be announced once"):
        make(questions=(*QUESTIONS, _question("third")))
    with pytest.raises(SourceError, match="has a header"):
        make("# ---\n# tl_course:\n#   minutes: 3\n# ---\n" + SOURCE)


# --- build ------------------------------------------------------------------------------------------------------------


def test_building_makes_both_and_repeats_nothing(make, solved):
    course = make()
    [worksheet] = course.worksheets
    assert course.build_worksheet(worksheet) == "solved in 1 s"
    paths = [course.worksheet_path(worksheet, worked=worked) for worked in (False, True)]
    assert [path.relative_to(course.root).as_posix() for path in paths] == [
        "exercises/00_good.ipynb",
        "solutions/00_good.ipynb",
    ]
    before = [path.read_bytes() for path in paths]
    assert course.build_worksheet(worksheet) == "unchanged"
    assert course.build_worksheet(worksheet, force=True) == "solved in 1 s"
    assert [path.read_bytes() for path in paths] == before
    assert len(solved) == 2
    assert all(cell.execution_count is None for cell in code_cells(nbformat.read(paths[0], as_version=4)))
    assert lint.check_all(paths, course) == []


def test_new_prose_and_new_links_keep_a_solutions_outputs(make, solved):
    course = make()
    course.build_worksheet(course.worksheets[0])
    before = nbformat.read(course.root / "solutions" / "00_good.ipynb", as_version=4)
    changed = make(SOURCE.replace("Double it.", "Double it, please."))
    assert changed.build_worksheet(changed.worksheets[0]) == "rewritten, outputs kept"
    assert len(solved) == 1
    after = nbformat.read(course.root / "solutions" / "00_good.ipynb", as_version=4)
    assert [cell.outputs for cell in code_cells(after)] == [cell.outputs for cell in code_cells(before)]
    assert any("Double it, please." in cell.source for cell in after.cells)
    other = (_question("double", why="It is two times as much."), QUESTIONS[1])
    again = make(questions=other)
    with pytest.raises(BuildError, match="does not call double right"):  # executed, since its check says more today
        again.build_worksheet(again.worksheets[0])
    assert len(solved) == 2


def test_what_is_out_of_step_is_named(make, solved):
    course = make()
    course.build_worksheet(course.worksheets[0])
    exercises_only = [problem for problem in course.out_of_step() if not problem.startswith("notebooks/")]
    assert exercises_only == []
    changed = make(SOURCE.replace("Double it.", "Double it, please."))
    problems = "\n".join(changed.out_of_step())
    assert (
        "exercises/00_good.ipynb is out of step with its source; run python -m authoring.build --exercises 00"
        in problems
    )
    assert "solutions/00_good.ipynb is out of step" in problems
    other = (_question("double", why="It is two times as much."), QUESTIONS[1])
    assert "solutions/00_good.ipynb shows checks that say something else today" in "\n".join(
        make(questions=other).out_of_step()
    )
    (course.root / "exercises" / "07_gone.ipynb").write_text("{}")
    assert "exercises/07_gone.ipynb has no source" in "\n".join(make().out_of_step())


def test_a_solution_that_is_not_right_is_not_published(make, solved):
    other = (_question("double", why="Another reason."), QUESTIONS[1])
    course = make(questions=other)
    with pytest.raises(BuildError, match="does not call double right"):
        course.build_worksheet(course.worksheets[0])
    assert not (course.root / "solutions").exists()


def test_the_command_line_builds_exercises_before_the_lesson_that_links_to_them(make, solved, capsys, monkeypatch):
    course = make()
    monkeypatch.setattr(build.exercises, "questions", lambda: list(QUESTIONS))
    assert build.main(["--exercises"], root=course.root) == 0
    assert solved == ["00_good"]
    assert not (course.root / "notebooks").exists()
    assert build.main(["--exercises"], root=course.root) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "exercises/00_good: unchanged"


# --- mutants ----------------------------------------------------------------------------------------------------------


def changes(code):
    return {mutant.change for mutant in mutants.mutants("x", textwrap.dedent(code))}


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("a - b", "a - b → a + b"),
        ("a * b", "a * b → b"),
        ("-a", "-a → a"),
        ("a < b", "a < b → a <= b"),
        ("f(a, b)", "f(a, b) → f(b, a)"),
        ("x.sum(dim=1)", "1 → 2"),
        ("x.sum(dim=0)", "x.sum(dim=0) → x.sum()"),
        ("x.mean()", "x.mean() → x.sum()"),
        ("x.detach()", "x.detach() → x"),
        ("model.eval()", "model.eval() → pass"),
        ("with torch.no_grad():\n    f(x)", "with torch.no_grad(): → if True:"),
        ("x = True", "True → False"),
        ("if a and b:\n    f()", "a and b → a or b"),
    ],
)
def test_solutions_are_spoilt_in_every_way_that_is_promised(code, change):
    assert change in changes(code)


def test_docstrings_are_no_code():
    assert changes('def f():\n    """Text."""') == set()


def test_mutants_are_killed_by_a_check_and_survive_a_careless_one(make):
    [worksheet] = make().worksheets
    found = mutants.examine(worksheet)
    assert {slug: alive for slug, (_, alive) in found.items()} == {"double": [], "letter": []}
    assert found["double"][0] >= 3
    careless = _question("double", inputs=lambda seed: [{"x": 0.0}])
    [worksheet] = make(questions=(careless, QUESTIONS[1])).worksheets
    alive = {mutant.change for mutant in mutants.examine(worksheet)["double"][1]}
    assert alive == {"factor * x → x"}


def test_the_report_counts_excuses_and_refuses_stale_ones(make, tmp_path):
    careless = _question("double", inputs=lambda seed: [{"x": 0.0}])
    [worksheet] = make(questions=(careless, QUESTIONS[1])).worksheets
    lines, _, fine = mutants.report(worksheet, {})
    assert not fine
    assert any("factor * x → x: SURVIVES" in line for line in lines)
    lines, tally, fine = mutants.report(worksheet, {("double", "factor * x → x"): "x is zero"})
    assert fine
    assert (tally.share, tally.equivalent, tally.questions) == (1.0, 1, 2)
    assert lines[0] == f"00_good: {tally.killed} of {tally.mutants} mutants killed (100.0%), 1 equivalent"
    lines, _, fine = mutants.report(make().worksheets[0], {("double", "factor * x → x"): "x is zero"})
    assert not fine
    assert any("is listed and does not survive" in line for line in lines)
    (tmp_path / "authoring" / "mutants.toml").write_text('double = [{change = "a"}]')
    with pytest.raises(ValueError, match="lacks its change or its reason"):
        mutants.equivalents(tmp_path)


def test_what_came_out_is_kept_by_lesson(make, capsys, monkeypatch):
    course = make()
    monkeypatch.setattr(mutants, "Course", lambda root: course)
    mutants.keep(course.root, {"07_other": mutants.Tally(3, 40, 39, 1), "00_good": mutants.Tally(1, 2, 1, 0)})
    (course.root / "authoring" / "mutants.toml").write_text("")
    assert mutants.main(["0"], root=course.root) == 0
    found = mutants.kept(course.root)
    assert found["07_other"] == mutants.Tally(3, 40, 39, 1), "lessons that were not examined keep theirs"
    assert (found["00_good"].questions, found["00_good"].share) == (2, 1.0)
    assert f"00_good: {found['00_good']}" in capsys.readouterr().out


def test_sources_are_read_as_jupytext_does(make):
    course = make()
    assert len(jupytext.reads(SOURCE, fmt="py:percent").cells) == len(course.worksheets[0].cells)
