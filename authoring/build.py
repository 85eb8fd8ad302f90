"""Build notebooks, exercises and solutions from their sources: ``python -m authoring.build [NN ...]``.

A lesson is executed only when its code changed (or with ``--force``); when prose or links changed, its notebook is
rewritten with the outputs it has; when nothing changed, its file stays as it is. ``--check`` writes nothing and fails
when a notebook, the README's table of lessons or a page beside it is out of step. ``--readme`` fills that table and
writes those pages, the glossary and the help. ``--exercises`` leaves the lessons alone. A solution is executed again
also when what its checks say is no longer what the questions say.

Lessons run with fixed settings (mini profile, CPU, two threads, fp32), because that is what the published notebooks
show and what their measured seconds mean.
"""

import argparse
import copy
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from authoring import assemble, comparable, generated, outputs, sources, timings, worksheets
from authoring.sources import Lesson
from authoring.worksheets import Worksheet
from tl_course import exercises
from tl_course.app import running, startpage

CELL_TIMEOUT_SECONDS = 600
SETTINGS = {
    "TL_PROFILE": assemble.PROFILE,
    "TL_DEVICE": "cpu",
    "TL_THREADS": "2",
    "TL_PRECISION": "fp32",
    "PYTHONHASHSEED": "0",
}


class BuildError(RuntimeError):
    """A lesson did not run; the message names lesson, cell and reason."""


class Course:
    """The lessons under one root and the notebooks made from them.

    Parameters
    ----------
    root : pathlib.Path
        The repository.
    target : str or None
        Data set of the live experiments; None keeps what each notebook was built on.
    questions : sequence of Question, optional
        What the exercises ask; the package's where left out.
    """

    def __init__(
        self,
        root: Path = sources.ROOT,
        target: str | None = None,
        questions: Sequence[exercises.Question] | None = None,
    ):
        self.root = root
        self.target = target
        self.lessons = sources.find(root)
        asked = exercises.questions() if questions is None else questions
        self.worksheets = worksheets.find(root, self.lessons, asked)

    def notebook_path(self, lesson: Lesson) -> Path:
        """Return where the lesson's notebook lies."""
        return self.root / "notebooks" / f"{lesson.stem}.ipynb"

    def committed(self, lesson: Lesson) -> NotebookNode | None:
        """Return the notebook that lies there, if any."""
        path = self.notebook_path(lesson)
        return nbformat.read(path, as_version=4) if path.is_file() else None

    def assemble(self, lesson: Lesson, built_on: NotebookNode | None) -> NotebookNode:
        """Return the notebook as the source wants it now, without outputs, on the target that ``built_on`` has."""
        before = built_on.metadata.get("tl_course", {}).get("target") if built_on else None
        target = self.target or before or assemble.TARGET
        return assemble.assemble(lesson, self.lessons, root=self.root, target=target, timings=timings.read(self.root))

    def in_step(self, lesson: Lesson, notebook: NotebookNode | None) -> bool:
        """Whether a notebook equals, outputs aside, what the lesson's source wants."""
        return notebook is not None and _agree(self.assemble(lesson, notebook), notebook)

    def build(self, lesson: Lesson, *, force: bool = False) -> str:
        """Bring one notebook up to date and return what was done, in words.

        Raises
        ------
        BuildError
            If a cell fails; the notebook up to there is saved under ``build/failed``, the committed one untouched.
        """
        committed = self.committed(lesson)
        notebook = self.assemble(lesson, committed)
        if not force and committed is not None and outputs.reusable(notebook, committed):
            outputs.carry_over(committed, notebook)
            if comparable.mark(notebook) == committed:
                return "unchanged"
            running.save(notebook, self.notebook_path(lesson))
            return "rewritten, outputs kept"
        executed, result = self._execute(lesson, notebook)
        timings.record(self.root, lesson.stem, result)
        notebook = self.assemble(lesson, executed)  # again: its budget sentence is known only now
        outputs.carry_over(executed, notebook)
        running.save(comparable.mark(notebook), self.notebook_path(lesson))
        return f"executed in {result.seconds:.0f} s, {result.peak_bytes / 1e6:.0f} MB"

    # --- exercises and solutions -----------------------------------------------------------------------------------

    def worksheet_path(self, worksheet: Worksheet, *, worked: bool) -> Path:
        """Return where the worksheet, or its solution, lies."""
        return self.root / ("solutions" if worked else "exercises") / f"{worksheet.stem}.ipynb"

    def build_worksheet(self, worksheet: Worksheet, *, force: bool = False) -> str:
        """Bring an exercise and its solution up to date and return what was done, in words.

        Raises
        ------
        BuildError
            If the solution does not run, or one of its own checks does not call it right.
        """
        running.save(
            worksheets.assemble(worksheet, root=self.root, worked=False), self.worksheet_path(worksheet, worked=False)
        )
        if not force and not self._worksheet_problems(worksheet):
            return "unchanged"
        solution = worksheets.assemble(worksheet, root=self.root, worked=True)
        if not force and (kept := self._with_outputs_kept(worksheet, solution)):
            running.save(kept, self.worksheet_path(worksheet, worked=True))
            return "rewritten, outputs kept"
        executed, result = self._execute(worksheet, solution)
        wrong = [question.slug for question in worksheet.questions if not _says(executed, question)]
        if wrong:
            raise BuildError(f"solutions/{worksheet.stem}: the check does not call {', '.join(wrong)} right.")
        running.save(comparable.mark(executed), self.worksheet_path(worksheet, worked=True))
        return f"solved in {result.seconds:.0f} s"

    def _with_outputs_kept(self, worksheet: Worksheet, solution: NotebookNode) -> NotebookNode | None:
        """The solution with the outputs of the one that lies there; None where it must be executed."""
        path = self.worksheet_path(worksheet, worked=True)
        there = nbformat.read(path, as_version=4) if path.is_file() else None
        if there is None or not outputs.reusable(solution, there):
            return None
        outputs.carry_over(there, solution)
        comparable.mark(solution)
        return solution if all(_says(solution, question) for question in worksheet.questions) else None

    def _worksheet_problems(self, worksheet: Worksheet) -> list[str]:
        """What of an exercise and its solution its source would make otherwise."""
        problems = []
        for worked in (False, True):
            path = self.worksheet_path(worksheet, worked=worked)
            there = nbformat.read(path, as_version=4) if path.is_file() else None
            wanted = worksheets.assemble(worksheet, root=self.root, worked=worked)
            if there is None or not _agree(wanted, there):
                problems.append(f"{path.parent.name}/{path.name} is out of step with its source")
            elif worked and not all(_says(there, question) for question in worksheet.questions):
                problems.append(f"{path.parent.name}/{path.name} shows checks that say something else today")
        return [f"{problem}; run python -m authoring.build --exercises {worksheet.stem[:2]}" for problem in problems]

    def _orphans(self) -> list[str]:
        """What lies beside the exercises and comes from no source."""
        stems = {worksheet.stem for worksheet in self.worksheets}
        return [
            f"{path.parent.name}/{path.name} has no source in authoring/exercises; delete it or write one"
            for folder in ("exercises", "solutions")
            for path in sorted((self.root / folder).glob("*.ipynb"))
            if path.stem not in stems
        ]

    def out_of_step(self) -> list[str]:
        """Return one sentence for each thing in the repository that the sources would make otherwise."""
        problems = [
            f"notebooks/{lesson.stem}.ipynb is out of step with its source; run python -m authoring.build"
            for lesson in self.lessons
            if not self.in_step(lesson, self.committed(lesson))
        ]
        stems = {lesson.stem for lesson in self.lessons}
        problems += [
            f"notebooks/{path.name} has no source in authoring/lessons; delete it or write one"
            for path in sorted((self.root / "notebooks").glob("*.ipynb"))
            if path.stem not in stems
        ]
        problems += [problem for worksheet in self.worksheets for problem in self._worksheet_problems(worksheet)]
        problems += self._orphans()
        readme = self._readme()
        if readme.is_file() and self.filled_readme() != readme.read_text(encoding="utf-8"):
            problems.append("README.md has an old table of lessons; run python -m authoring.build --readme")
        problems += [
            f"{name} is out of step with what it is made from; run python -m authoring.build --readme"
            for name, text in self._pages().items()
            if not (self.root / name).is_file() or (self.root / name).read_text(encoding="utf-8") != text
        ]
        return problems

    def lesson_table(self) -> str:
        """Return the Markdown table of the lessons that exist."""
        return generated.lesson_table(self.lessons, timings.read(self.root))

    def filled_readme(self) -> str:
        """Return the README's text with the table of lessons of today."""
        return generated.fill_readme(self._readme().read_text(encoding="utf-8"), self.lesson_table())

    def write_readme(self) -> None:
        """Fill the README's table of lessons, and write the pages beside it to which lessons link."""
        self._readme().write_text(self.filled_readme(), encoding="utf-8")
        for name, text in self._pages().items():
            (self.root / name).write_text(text, encoding="utf-8")

    def _pages(self) -> dict[str, str]:
        """Glossary and help by their names; none where there is no glossary."""
        words = self.root / "docs" / "site" / "glossary.toml"
        return startpage.beside_the_readme(words.read_text(encoding="utf-8")) if words.is_file() else {}

    def _readme(self) -> Path:
        return self.root / "README.md"

    def _execute(self, lesson: Lesson | Worksheet, notebook: NotebookNode) -> tuple[NotebookNode, running.Result]:
        """Execute an assembled notebook in an empty folder and return it with storable outputs."""
        settings = SETTINGS | {"TL_TARGET": notebook.metadata.tl_course.target}
        if isinstance(lesson, Worksheet):
            settings["TL_LEDGER"] = "off"  # the author's own progress is none of the course's business
        failed = self.root / "build" / "failed" / f"{lesson.stem}.ipynb"
        with tempfile.TemporaryDirectory(prefix="tl-course-build-") as folder:
            path = Path(folder) / f"{lesson.stem}.ipynb"
            running.save(notebook, path)
            result = running.execute(path, path, timeout=CELL_TIMEOUT_SECONDS, cwd=folder, env=settings)
            executed = nbformat.read(path, as_version=4)
        if not result.ok:
            running.save(executed, failed)
            where = failed.relative_to(self.root)
            raise BuildError(f"{lesson.stem}: {result.error}. What ran until then is in {where}.")
        outputs.clean(executed)
        failed.unlink(missing_ok=True)
        return executed, result


def _agree(wanted: NotebookNode, there: NotebookNode) -> bool:
    """Whether a notebook equals what its source makes, outputs aside, and is tagged as these outputs ask for."""
    if not outputs.same_program(wanted, there):
        return False
    wanted = copy.deepcopy(wanted)
    outputs.carry_over(there, wanted)
    return assemble.without_outputs(there) == assemble.without_outputs(comparable.mark(wanted))


def _says(notebook: NotebookNode, question: exercises.Question) -> bool:
    """Whether a solution's check says what the question says today to a right answer."""
    verdict = exercises.Verdict.on(question, exercises.RIGHT, question.why, points=question.points)
    wanted = {"text/plain": repr(verdict), "text/html": verdict._repr_html_()}
    shown = [
        output.get("data", {})
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == f"{question.slug}-check"
        for output in cell.outputs
    ]
    return any(
        "text/plain" in data and all(data.get(kind, said) == said for kind, said in wanted.items()) for data in shown
    )


def select(lessons: Sequence[Lesson], numbers: Sequence[str]) -> list[Lesson]:
    """Return the lessons of these numbers (``0``, ``00``) or stems, all of them where none is named.

    Raises
    ------
    ValueError
        If a name fits no lesson.
    """
    chosen = []
    for name in numbers:
        found = [lesson for lesson in lessons if name in (lesson.stem, lesson.number) or name.zfill(2) == lesson.number]
        if not found:
            known = ", ".join(lesson.number for lesson in lessons) or "none yet"
            raise ValueError(f"There is no lesson {name}; the lessons are {known}.")
        chosen += found
    return chosen or list(lessons)


def main(arguments: Sequence[str] | None = None, root: Path = sources.ROOT) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m authoring.build", description="Build the lessons' notebooks.")
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lesson numbers; all where none is given")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is out of step")
    parser.add_argument("--exercises", action="store_true", help="build exercises and solutions, and no lesson")
    parser.add_argument("--force", action="store_true", help="execute even where the code is unchanged")
    parser.add_argument("--readme", action="store_true", help="only write README, glossary and help")
    parser.add_argument("--target", help="data set of the live experiments, for instance cifar10 or mnist_m")
    options = parser.parse_args(arguments)
    try:
        course = Course(root, options.target)
        if options.check:
            problems = course.out_of_step()
            print("\n".join(problems) or f"{len(course.lessons)} lessons, all in step.")
            return 1 if problems else 0
        if options.readme:
            course.write_readme()
            return 0
        _build(course, select(course.lessons, options.lessons), options.exercises, options.force)
    except (ValueError, OSError, BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _build(course: Course, chosen: Sequence[Lesson], only_exercises: bool, force: bool) -> None:
    """Build exercises first: lessons link to those that exist."""
    for worksheet in course.worksheets:
        if worksheet.lesson in chosen:
            print(f"exercises/{worksheet.stem}: ", end="", flush=True)
            print(course.build_worksheet(worksheet, force=force))
    for lesson in () if only_exercises else chosen:
        print(f"{lesson.stem}: ", end="", flush=True)
        print(course.build(lesson, force=force))


if __name__ == "__main__":
    sys.exit(main())
