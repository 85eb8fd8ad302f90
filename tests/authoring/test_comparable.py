"""Which outputs nbval compares: what no machine can change, by what a cell holds and shows."""

import nbformat
import pytest
from bad_notebooks import code_cells, good_cells, write_notebook, write_source
from nbformat.v4 import new_code_cell, new_notebook, new_output

from authoring import assemble, comparable, lint, tags
from authoring.build import Course

COMPARED, BY_TARGET = comparable.COMPARED, comparable.BY_TARGET
SHAPES = "print(x.shape)"


def cell(source, said="(4, 10)\n", *, tags=(), **outputs):
    made = [new_output("stream", text=said)] if said else []
    made += [new_output("execute_result", data=data) for data in outputs.values()]
    return new_code_cell(source, execution_count=1, outputs=made, metadata={"tags": list(tags)} if tags else {})


def marked(*cells):
    """The tags that the build adds to the last of the cells."""
    notebook = comparable.mark(new_notebook(cells=list(cells)))
    return tags.of(notebook.cells[-1]) & {COMPARED, BY_TARGET}


@pytest.mark.parametrize(
    "source",
    [
        SHAPES,
        "x.shape",
        "import torch\nx = torch.rand(4, 10)\nprint(tuple(x.shape))",
        "model = tl.models.create('resnet_small').to(env.device)\nprint(model.fc)",
        "losses = [i for i in range(3)]\nprint(losses)",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)",
        "task = tl.data.load('digits')\nprint(task)",
    ],
)
def test_words_and_whole_numbers_are_compared(source):
    before = cell("import tl_course as tl\nenv = tl.setup()\nstart = time.perf_counter()\nerror = start")
    assert marked(before, cell(source)) == {COMPARED}


@pytest.mark.parametrize(
    "source",
    [
        "print(start)",
        "y = start\nprint(y)",
        "tl.setup()\nprint(env)",
        "run = tl.training.fit(model, task)\nprint(run)",
        "def trained(model):\n    tl.training.fit(model, task)\n    return model\n\n\nother = trained(x)\nprint(other)",
        "losses = []\nfor batch in x:\n    losses.append(start)\nprint(losses)",
        "losses = []\nfit(model, watch=losses.append)\nprint(len(losses))",
        "optimizer = SGD(x)\noptimizer.step(x)\nprint(x)",
        "print(x.argmax())",
        "print(f'{x:.0f}')",
        "print(round(x))",
        "%time x",
        "x = 1",
        "verb()  # prints by itself\nx = 1",
        "points = tl.data.features(model, task)\nprint(shape)",
        "def seen(model):\n    return tl.data.features(model, task)\n\n\npoints = seen(model)\nprint(shape)",
    ],
)
def test_what_was_measured_trained_or_rounded_is_not(source):
    before = cell("import tl_course as tl\nenv = tl.setup()\nstart = time.perf_counter()")
    assert marked(before, cell(source)) == set()


@pytest.mark.parametrize(
    "said",
    ["0.93", "93 %", "93%", "1e-05", "3 s", "12 MB", "2 threads", "on cuda", "/home/x", "~/x", "20°", "2026-01-31", ""],
)
def test_what_differs_from_machine_to_machine_is_not(said):
    assert marked(cell(SHAPES, said)) == set()


def test_a_name_bound_again_is_clean_again():
    assert marked(cell("x = time.time()"), cell("x = 3\nprint(x)")) == {COMPARED}
    assert marked(cell("x = time.time()"), cell("x += 3\nprint(x)")) == set()
    assert marked(cell("x = time.time()"), cell("print([x for x in range(3)])")) == {COMPARED}


def test_pictures_errors_and_warnings_are_not_compared():
    assert marked(cell("x", "", one={"text/plain": "Figure", "text/html": "<img>"})) == set()
    assert marked(cell("x", "", one={"text/plain": "4"})) == {COMPARED}
    failed = cell("print(1)", tags=["raises-exception"])
    assert marked(failed) == set()
    warned = cell("print(1)", "")
    warned.outputs = [new_output("stream", name="stderr", text="1")]
    assert marked(warned) == set()


def test_checks_are_compared_whatever_numbers_they_show():
    assert marked(cell('tl.check("a", answer_a)', "", one={"text/plain": "Right (2 of 2)"})) == {COMPARED}
    assert marked(cell('tl.check("a", answer_a)', "")) == set()  # an exercise has no outputs


def test_what_follows_the_target_or_the_profile_is_tagged_so():
    task = cell("name = tl.data.target()\ntask = tl.data.load(name)", "")
    assert marked(cell("task = tl.data.load('digits')"), cell("print(task)")) == {COMPARED}
    assert marked(task, cell("print(task)")) == {COMPARED, BY_TARGET}
    assert marked(task, cell("model = create(task.num_classes)"), cell("print(model)")) == {COMPARED, BY_TARGET}
    assert marked(task, cell("task = 1\nprint(task)")) == {COMPARED}


@pytest.mark.parametrize(
    "source",
    ["print(env.backbone)", "count = env.labels(10)\nprint(count)", "model = create(env.text)\nprint(model.fc)"],
)
def test_what_the_profile_decides_is_compared_where_the_profile_is_the_same(source):
    setup = cell("import tl_course as tl\nenv = tl.setup()", "")
    assert marked(setup, cell(source)) == {COMPARED, BY_TARGET}
    assert marked(setup, cell("print(env.threads)")) == set()


def test_the_build_tags_and_the_lint_finds_a_tag_that_is_missing(tmp_path):
    write_source(tmp_path, good_cells())
    path = write_notebook(tmp_path)
    notebook = nbformat.read(path, as_version=4)
    hidden = [each for each in code_cells(notebook) if "hide-input" in tags.of(each)]
    assert [COMPARED in tags.of(each) for each in hidden] == [True]
    assert lint.check(path, Course(tmp_path)) == []
    hidden[0].metadata["tags"].remove(COMPARED)
    nbformat.write(notebook, path)
    assert {problem.rule for problem in lint.check(path, Course(tmp_path))} == {"stale"}
    course = Course(tmp_path)
    assert course.build(course.lessons[0]) == "rewritten, outputs kept"
    assert lint.check(path, course) == []


def test_an_output_that_changes_its_kind_changes_the_tag(tmp_path):
    write_source(tmp_path, good_cells())
    course = Course(tmp_path)
    notebook = nbformat.read(write_notebook(tmp_path), as_version=4)
    (hidden,) = [each for each in code_cells(notebook) if "hide-input" in tags.of(each)]
    hidden.outputs = []
    assert not course.in_step(course.lessons[0], notebook)
    hidden.metadata["tags"].remove(COMPARED)
    assert course.in_step(course.lessons[0], notebook)


def test_an_author_may_tag_by_hand(tmp_path):
    cells = good_cells()
    cells[2].metadata["tags"] = [COMPARED]
    write_source(tmp_path, cells)
    course = Course(tmp_path)
    notebook = course.assemble(course.lessons[0], None)
    assert COMPARED in tags.of(code_cells(comparable.mark(notebook))[0])
    assert assemble.without_outputs(notebook) == notebook


@pytest.mark.parametrize("path", lint.find(Course().root), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_check_of_the_course_is_compared(path):
    if path.suffix == ".py" or path.parent.name == "exercises":
        return
    for each in code_cells(nbformat.read(path, as_version=4)):
        if each.source.startswith("tl.check("):
            assert COMPARED in tags.of(each), each.source
