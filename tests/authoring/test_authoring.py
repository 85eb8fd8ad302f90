"""Building notebooks from sources: reproducible, executed no more than needed, linked to each other."""

import dataclasses
import json
import sys

import nbformat
import pytest
from bad_notebooks import HEADER, code_cells, good_cells, write_notebook, write_source
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from authoring import build, generated, outputs, sources, tags, timings
from authoring.build import BuildError, Course
from authoring.sources import SourceError
from authoring.timings import Timing
from tl_course import records
from tl_course.app import startpage
from tl_course.app.running import Result


def lesson(title="Small", code="print(6 * 7)", **tagged):
    cells = [new_markdown_cell(f"# {title}\n\n{{{{budget}}}}"), new_code_cell(code)]
    return cells + [new_code_cell(source, metadata={"tags": [tag]}) for tag, source in tagged.items()]


@pytest.fixture
def executions(monkeypatch):
    """Count executions, and do them without a kernel: every code cell prints its number."""
    stems = []

    def execute(path, out_path, *, timeout, cwd, env):
        notebook = nbformat.read(path, as_version=4)
        for count, cell in enumerate(code_cells(notebook), start=1):
            cell.execution_count, cell.outputs = count, [new_output("stream", text=f"{count} {env['TL_TARGET']}\n")]
        build.running.save(notebook, out_path)
        stems.append(path.stem)
        return Result(seconds=12.3, peak_bytes=640_000_001, ok=True)

    monkeypatch.setattr(build.running, "execute", execute)
    return stems


def files(root):
    return {path.name: path.read_bytes() for path in sorted((root / "notebooks").glob("*"))}


# ------------------------------------------------------------------------------------------------ sources


def test_a_source_is_read_as_its_author_meant_it(tmp_path):
    write_source(tmp_path, good_cells(), header={**HEADER, "target": "mnist_m"})
    (found,) = sources.find(tmp_path)
    assert (found.stem, found.number, found.title) == ("00_good", "00", "A good lesson")
    assert (found.summary, found.minutes, found.target) == ("What a lesson looks like.", 5, "mnist_m")
    assert [cell.source for cell in found.cells] == [cell.source for cell in good_cells()]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"summary": "Text."}, "lacks minutes"),
        ({"minutes": 5}, "lacks summary"),
        ({**HEADER, "minutes": "5"}, "must be of type int, not '5'"),
        ({**HEADER, "summary": "two\nlines"}, "one line"),
        ({**HEADER, "summery": "x"}, "unknown key 'summery'; known are summary, minutes, target"),
        ([], "no tl_course header"),
    ],
)
def test_a_wrong_header_is_refused_with_the_remedy(header, says, tmp_path):
    write_source(tmp_path, lesson(), header=header)
    with pytest.raises(SourceError, match=says) as error:
        sources.find(tmp_path)
    assert "00_good.py" in str(error.value)


def test_other_unreadable_sources_are_refused(tmp_path):
    path = write_source(tmp_path, [new_code_cell("1")])
    with pytest.raises(SourceError, match="does not start with a Markdown cell"):
        sources.read(path)
    with pytest.raises(SourceError, match=r"Intro\.py is not named NN_slug\.py"):
        sources.read(path.rename(path.with_name("Intro.py")))
    path = write_source(tmp_path, lesson(), stem="01_raw")
    path.write_text(path.read_text() + "\n# %% [raw]\n# secret\n")
    with pytest.raises(SourceError, match="raw cell"):
        sources.read(path)
    path.write_text("# ---\n# tl_course: [\n# ---\n\n# %% [markdown]\n# # Title\n")
    with pytest.raises(SourceError, match="not YAML"):
        sources.read(path)


def test_two_lessons_cannot_share_a_number(tmp_path):
    write_source(tmp_path, lesson(), stem="03_a")
    write_source(tmp_path, lesson(), stem="03_b")
    with pytest.raises(SourceError, match=r"03_a\.py and 03_b\.py share a number"):
        Course(tmp_path)


# ----------------------------------------------------------------------------------------------- assembly


def test_the_learners_notebook(tmp_path):
    write_source(tmp_path, good_cells())
    course = Course(tmp_path)
    notebook = course.assemble(course.lessons[0], None)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == [f"00_good-{i:03d}" for i in range(len(notebook.cells))]
    assert tags.of(notebook.cells[0]) == tags.of(notebook.cells[-1]) == {"nav"}
    assert not any("instructor" in tags.of(cell) for cell in notebook.cells)
    folded = [cell.source for cell in notebook.cells if cell.metadata.get("jupyter") == {"source_hidden": True}]
    assert folded == ["print('It wins.')"]
    assert notebook.metadata.tl_course == {
        "minutes": 5,
        "profile": "mini",
        "source": "authoring/lessons/00_good.py",
        "target": "mnist_m",
    }
    assert set(notebook.metadata) == {"kernelspec", "language_info", "tl_course"}
    assert "version" not in notebook.metadata.language_info


def test_a_further_section_is_shown_folded(tmp_path):
    further = new_markdown_cell("## More", metadata={"tags": ["further"]})
    write_source(tmp_path, [*lesson(), further, new_code_cell("print(1)")])
    course = Course(tmp_path)
    cells = course.assemble(course.lessons[0], None).cells
    assert [cell.source for cell in cells if "jp-MarkdownHeadingCollapsed" in cell.metadata] == ["## More"]


def test_links_go_to_what_exists(tmp_path):
    for stem in ("00_a", "01_b", "02_c"):
        write_source(tmp_path, lesson(title=stem.upper()), stem=stem)
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "01_b.ipynb").write_text("{}")
    lessons = Course(tmp_path).lessons
    lines = [generated.navigation(lesson, lessons, tmp_path / "exercises") for lesson in lessons]
    help_ = "[Glossary](../GLOSSARY.md) · [Stuck?](../HELP.md)"
    assert lines[0] == f"**Lesson 00** · {help_}<br>\n[01 01_B →](01_b.ipynb)"
    assert lines[1] == (
        f"**Lesson 01** · [Exercises](../exercises/01_b.ipynb) · {help_}<br>\n"
        "[← 00 00_A](00_a.ipynb) · [02 02_C →](02_c.ipynb)"
    )
    assert lines[2] == f"**Lesson 02** · {help_}<br>\n[← 01 01_B](01_b.ipynb)"


# -------------------------------------------------------------------------------------------------- build


@pytest.mark.integration
def test_a_lesson_is_executed_for_real(tmp_path):
    code = "import os\nprint(os.environ['TL_PROFILE'], os.environ['TL_TARGET'], os.listdir('.'))"
    cells = lesson(code=code, **{"raises-exception": "1 / 0"})
    cells[0].source = "# Without a budget: seconds differ from run to run"
    write_source(tmp_path, cells)
    course = Course(tmp_path)
    assert course.build(course.lessons[0]).startswith("executed in")
    first, second = code_cells(course.committed(course.lessons[0]))
    assert first.outputs[0].text == "mini mnist_m ['00_good.ipynb']\n"
    assert second.outputs[0].traceback == ["ZeroDivisionError: division by zero"]
    before = files(tmp_path)
    assert course.build(course.lessons[0], force=True).startswith("executed in")
    assert files(tmp_path) == before


@pytest.mark.integration
def test_a_failing_lesson_leaves_the_committed_notebook_alone(tmp_path):
    write_source(tmp_path, good_cells())
    committed = write_notebook(tmp_path).read_bytes()
    write_source(tmp_path, lesson(code="print('so far')\nundefined"))
    course = Course(tmp_path)
    with pytest.raises(BuildError, match=r"00_good: cell 3 \(In \[1\]\): NameError.*build/failed/00_good.ipynb"):
        course.build(course.lessons[0])
    assert files(tmp_path) == {"00_good.ipynb": committed}
    partial = nbformat.read(tmp_path / "build" / "failed" / "00_good.ipynb", as_version=4)
    assert code_cells(partial)[0].outputs[0].text == "so far\n"


def test_building_twice_gives_the_same_bytes(tmp_path, executions):
    write_source(tmp_path, lesson())
    course = Course(tmp_path)
    course.build(course.lessons[0])
    first = files(tmp_path)
    (tmp_path / "notebooks" / "00_good.ipynb").unlink()
    course.build(course.lessons[0])
    assert files(tmp_path) == first
    assert len(executions) == 2


def test_what_is_unchanged_is_not_executed_again(tmp_path, executions):
    write_source(tmp_path, lesson())
    course = Course(tmp_path)
    course.build(course.lessons[0])
    path = course.notebook_path(course.lessons[0])
    written = path.stat().st_mtime_ns
    assert course.build(course.lessons[0]) == "unchanged"
    assert path.stat().st_mtime_ns == written
    assert len(executions) == 1
    course.build(course.lessons[0], force=True)
    assert len(executions) == 2


def test_new_prose_and_new_links_keep_the_outputs(tmp_path, executions):
    write_source(tmp_path, lesson())
    Course(tmp_path).build(Course(tmp_path).lessons[0])
    write_source(tmp_path, [*lesson(), new_markdown_cell("More words.")])
    write_source(tmp_path, lesson(), stem="01_next")
    course = Course(tmp_path)
    assert not course.in_step(course.lessons[0], course.committed(course.lessons[0]))
    assert course.build(course.lessons[0]) == "rewritten, outputs kept"
    notebook = course.committed(course.lessons[0])
    assert course.in_step(course.lessons[0], notebook)
    assert code_cells(notebook)[0].outputs[0].text == "1 mnist_m\n"
    assert "01_next.ipynb" in notebook.cells[-1].source
    assert executions == ["00_good"]


@pytest.mark.parametrize("change", ["code", "tag", "order", "never executed"])
def test_new_code_is_executed(change, tmp_path, executions):
    cells = [*lesson(), new_markdown_cell("Words."), new_code_cell("2")]
    write_source(tmp_path, cells)
    course = Course(tmp_path)
    course.build(course.lessons[0])
    if change == "code":
        cells[1].source += "  # more"
    elif change == "tag":
        cells[1].metadata["tags"] = ["raises-exception"]
    elif change == "order":
        cells[1], cells[3] = cells[3], cells[1]
    else:
        notebook = course.committed(course.lessons[0])
        code_cells(notebook)[1].execution_count = None
        build.running.save(notebook, course.notebook_path(course.lessons[0]))
    write_source(tmp_path, cells)
    course = Course(tmp_path)
    assert course.build(course.lessons[0]).startswith("executed")
    assert course.build(course.lessons[0]) == "unchanged"


def test_the_target_is_kept_until_another_is_named(tmp_path, executions):
    write_source(tmp_path, lesson())
    write_source(tmp_path, lesson(), stem="01_own", header={**HEADER, "target": "letters"})
    for target, expected in [("cifar10", "cifar10"), (None, "cifar10"), ("mnist_m", "mnist_m")]:
        course = Course(tmp_path, target)
        for each in course.lessons:
            course.build(each)
        notebooks = [course.committed(each) for each in course.lessons]
        assert [notebook.metadata.tl_course.target for notebook in notebooks] == [expected, "letters"]
        assert code_cells(notebooks[0])[0].outputs[0].text == f"1 {expected}\n"
    assert executions.count("00_good") == 2
    assert executions.count("01_own") == 1


def test_the_budget_is_the_measured_one(tmp_path, executions):
    write_source(tmp_path, lesson())
    course = Course(tmp_path)
    before = course.assemble(course.lessons[0], None).cells[1].source
    assert before == "# Small\n\nYour own time: about 5 minutes, which is a guess."
    course.build(course.lessons[0])
    assert "took at most 15 s and 650 MB" in course.committed(course.lessons[0]).cells[1].source
    assert json.loads(timings.path(tmp_path).read_text()) == {"00_good": {"seconds": 15, "megabytes": 650}}
    assert course.build(course.lessons[0]) == "unchanged"


def test_the_larger_profiles_are_said_where_a_lesson_follows_them():
    """The small ResNet takes 0.0751e9; ResNet-18 at 64 pixels 1.814e9 / 12.25, ResNet-50 at 224 pixels 4.09e9."""
    cells = (new_code_cell("net = tl.models.create(env.backbone)"),)
    one = sources.Lesson(sources.ROOT / "05_a.py", "A", "", 5, None, cells)
    cost = timings.Timing(15, 650)
    assert generated.budget(one, cost) == (
        "Running every cell took at most 15 s and 650 MB, on two CPU threads. That was the `mini` profile. For one "
        "example the network takes about 2 times as many multiplications at the size of `cpu` and about 54 times as "
        "many multiplications at the size of `gpu`. Your own time: about 5 minutes, which is a guess."
    )
    longer = dataclasses.replace(one, cells=(*cells, new_code_cell("fit(net, steps=env.steps(60))")))
    assert "at the size of `gpu`; training takes 2 times and 40 times as many steps." in generated.budget(longer, cost)
    plain = dataclasses.replace(one, cells=(new_code_cell("1 + 1"),))
    assert "profile" not in generated.budget(plain, cost)


def test_marks_are_links_to_a_folded_table_of_evidence(tmp_path):
    said = new_markdown_cell("Far, what moves most does best.[^05.far_finetune_beats_probe_100]")
    write_source(tmp_path, [*lesson(), said], stem="05_marked")
    course = Course(tmp_path)
    cells = course.assemble(course.lessons[0], None).cells
    mark = records.mark("05.far_finetune_beats_probe_100")
    assert tags.of(cells[-3]) == {"nav"}
    assert cells[-4].source == f"Far, what moves most does best.[{mark}](05_marked.ipynb#Evidence)"
    assert cells[-2].source == "## Evidence"
    assert cells[-2].metadata["jp-MarkdownHeadingCollapsed"]
    assert records.evidence("05", profile="mini")._repr_markdown_() in cells[-1].source
    assert f"| {mark} |" in cells[-1].source


CLAIM = 'tl.records.claim("05.finetune_beats_scratch_10", target=task.name, profile="mini")'


def test_claims_are_sentences_that_follow_their_records_without_an_execution(tmp_path, executions):
    write_source(tmp_path, lesson(claim=CLAIM), stem="05_claims")
    course = Course(tmp_path, "cifar10")
    course.build(course.lessons[0])
    before = course.committed(course.lessons[0])
    said = records.claim("05.finetune_beats_scratch_10", target="cifar10", profile="mini").markdown
    shown = [cell.source for cell in before.cells if tags.of(cell) == {"claim"}]
    assert shown == [said.replace("(#Evidence)", "(05_claims.ipynb#Evidence)")]
    write_source(tmp_path, [*lesson(claim=CLAIM), new_code_cell(CLAIM, metadata={"tags": ["claim"]})], stem="05_claims")
    course = Course(tmp_path, "cifar10")
    assert course.build(course.lessons[0]) == "rewritten, outputs kept"
    assert len(executions) == 1


@pytest.mark.parametrize("bar", ["  0%|     | 0/3 [00:00<?, ?it/s]", "steps: 45%|## | 9/20 [00:01]", "7it [00:00]"])
def test_progress_bars_go(bar):
    cell = new_code_cell("t", outputs=[new_output("display_data", {outputs.WIDGET: {}, "text/plain": bar})])
    outputs.clean(new_notebook(cells=[cell]))
    assert cell.outputs == []


def test_the_environments_folder_is_nobodys():
    said = new_output("stream", text=f"good  command  {startpage.anywhere()}")
    outputs.clean(new_notebook(cells=[new_code_cell("print(report())", outputs=[said])]))
    assert sys.prefix not in said.text
    assert outputs.ENVIRONMENT in said.text


def test_widgets_leave_a_sentence_and_pictures_stay():
    view = {outputs.WIDGET: {"model_id": "0123"}, "text/plain": "interactive(children=(IntSlider(value=0)))"}
    cells = [
        new_code_cell("w", outputs=[new_output("display_data", dict(view))]),
        new_code_cell("f", outputs=[new_output("display_data", {**view, "text/html": "<figure></figure>"})]),
    ]
    outputs.clean(new_notebook(cells=cells))
    assert cells[0].outputs[0].data == {"text/html": outputs.PLACEHOLDER, "text/plain": "An interactive widget"}
    assert cells[1].outputs[0].data["text/html"] == "<figure></figure>"


# ------------------------------------------------------------------------------------- README, command line


def test_the_table_of_lessons_and_the_readme(tmp_path, executions):
    write_source(tmp_path, lesson(title="One | two"))
    write_source(tmp_path, lesson(title="Three"), stem="01_three")
    readme = tmp_path / "README.md"
    readme.write_text("Before\n<!-- lessons -->\nold\n<!-- /lessons -->\nAfter\n")
    course = Course(tmp_path)
    course.build(course.lessons[0])
    assert build.main(["--readme"], root=tmp_path) == 0
    once = readme.read_text()
    assert once.splitlines() == [
        "Before",
        "<!-- lessons -->",
        "| no. | lesson | what it is about | your minutes | seconds to run |",
        "|---|---|---|---:|---:|",
        r"| 00 | [One \| two](notebooks/00_good.ipynb) | What a lesson looks like. | 5 | 15 |",
        "| 01 | [Three](notebooks/01_three.ipynb) | What a lesson looks like. | 5 | – |",
        "<!-- /lessons -->",
        "After",
    ]
    build.main(["--readme"], root=tmp_path)
    assert readme.read_text() == once


def test_minutes_of_what_is_folded_stand_apart_in_the_budget_and_the_notebook(tmp_path, executions):
    opening = new_markdown_cell("# Small\n\n{{budget}}")
    more = [
        new_markdown_cell("## More\n\n" + "word " * 700, metadata={"tags": ["further"]}),
        new_code_cell("\n".join(["x = 1"] * 12)),
        new_markdown_cell("told " * 900, metadata={"tags": ["instructor"]}),
        new_markdown_cell("## Points\n\n" + "word " * 700),
    ]
    write_source(tmp_path, [opening, new_code_cell("1"), *more])
    course = Course(tmp_path)
    [lesson] = course.lessons
    assert generated.further_minutes(lesson) == 10  # 700 words and 12 lines are 6.8
    assert generated.minutes(lesson) == "5 + 10"
    made = course.assemble(lesson, None)
    assert made.metadata.tl_course["further"] == 10
    assert "about 5 minutes, which is a guess, and about 10 more for the folded sections" in made.cells[1].source
    write_source(tmp_path, [opening, new_code_cell("1")])
    course = Course(tmp_path)
    assert "further" not in course.assemble(course.lessons[0], None).metadata.tl_course


def test_a_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="<!-- lessons -->"):
        generated.fill_readme("nothing here", generated.lesson_table([], {"x": Timing(1, 10)}))


def test_check_names_everything_out_of_step_and_writes_nothing(tmp_path, executions, capsys):
    write_source(tmp_path, lesson())
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "07_gone.ipynb").write_text("{}")
    (tmp_path / "README.md").write_text("<!-- lessons -->\n<!-- /lessons -->\n")
    before = files(tmp_path)
    assert build.main(["--check"], root=tmp_path) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "notebooks/00_good.ipynb",
        "notebooks/07_gone.ipynb",
        "README.md",
    ]
    assert files(tmp_path) == before
    (tmp_path / "notebooks" / "07_gone.ipynb").unlink()
    assert build.main([], root=tmp_path) == 0
    assert build.main(["--readme"], root=tmp_path) == 0
    assert build.main(["--check"], root=tmp_path) == 0


def test_lessons_are_chosen_by_number_or_name(tmp_path, executions, capsys):
    for stem in ("00_a", "01_b", "02_c"):
        write_source(tmp_path, lesson(), stem=stem)
    assert build.main(["2", "00_a"], root=tmp_path) == 0
    assert executions == ["02_c", "00_a"]
    assert build.main(["7"], root=tmp_path) == 1
    assert capsys.readouterr().err == "There is no lesson 7; the lessons are 00, 01, 02.\n"
