"""The notebook lint: a good lesson passes, and each rule is proven by lessons that only it rejects."""

import ast
import os
import subprocess
import sys

import bad_notebooks
import nbformat
import pytest
from bad_notebooks import BAD, good_cells, write_exercise, write_notebook, write_source
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from authoring import lint, sources
from authoring.build import Course
from authoring.rules import RULES, evidence, sizes
from authoring.rules.code import parsed
from authoring.rules.markdown import prose
from tl_course import records
from tl_course.app import running

NEEDS_AN_EXERCISE = {"title", "exercise-with-outputs"}
"""Rules that no lesson can break alone: a lesson without a title is refused before it is a notebook."""


def rules_broken(root):
    return {problem.rule for problem in lint.check_all(lint.find(root), Course(root))}


def test_a_good_lesson_passes(tmp_path):
    write_source(tmp_path, good_cells())
    write_notebook(tmp_path)
    assert len(lint.find(tmp_path)) == 2
    assert lint.check_all(lint.find(tmp_path), Course(tmp_path)) == []


@pytest.mark.parametrize("name", BAD)
def test_only_the_rule_meant_rejects_a_bad_lesson(name, tmp_path):
    bad = BAD[name]
    bad.write(tmp_path)
    problems = lint.check_all(lint.find(tmp_path), Course(tmp_path))
    assert {problem.rule for problem in problems} == {bad.rule}
    assert any(bad.says in problem.message for problem in problems)
    assert all(problem.cell or bad.rule in {"stale", "big-notebook", "long-core"} for problem in problems)


def test_every_rule_is_proven():
    assert {bad.rule for bad in BAD.values()} | NEEDS_AN_EXERCISE == {rule.name for rule in RULES}


def test_what_is_wrong_in_the_source_is_reported_in_the_source_too(tmp_path):
    source, _ = BAD["decimal"].write(tmp_path)
    (problem,) = lint.check(source, Course(tmp_path))
    assert str(problem) == (
        f"{source}: cell 13 (It reaches 0.93 on the test split.): '0.93' is typed into prose; use claim(…), "
        "or link a cited number to its source [typed-number]"
    )


@pytest.mark.parametrize(
    "text",
    [
        "The probe does better.",
        "With few labels, fine-tuning falls behind.",
        "Averaging helps.",
        "The probe is far ahead.[^05.near_order] From scratch it does worst.",
        "* Augmentation helped.\n* See [the paper](https://example.org).",
        "## Which is better?\n\nThe probe beats the rest.",
        "| way | what it does |\n|---|---|\n| probe | does best |",
    ],
)
def test_a_comparison_needs_evidence(text):
    assert len(list(evidence.comparisons(new_markdown_cell(text)))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Which is better?",
        "The probe is ahead.[^05.near_order]",
        "The probe is ahead,[^05.near_order] and stays so.",
        "Augmentation [helped others](https://example.org).",
        'You read: "Our network is better. It beats theirs." What is missing?',
        "Validation says which of the two is better.",
        "Keep what is better on validation.",
        "That is the mark to beat.",
        "A larger one might do better; we did not try.",
        "<details><summary>It is better.</summary>Not this. It is worse.</details>",
        "`better` is a name, and $better$ is another one.",
    ],
)
def test_what_is_no_result_or_has_its_evidence_passes(text):
    assert list(evidence.comparisons(new_markdown_cell(text))) == []


def test_an_assert_above_stands_for_the_text_before_the_next_heading():
    text = new_markdown_cell("* The probe is ahead.\n* It helps.\n\n## Next\n\nMixing is worse.")
    assert list(evidence.comparisons(text, shown=True)) == ["Mixing is worse."]


def test_few_sentences_are_permitted_and_each_stands_in_its_lesson():
    lessons = {lesson.number: lesson for lesson in sources.find(sources.ROOT)}
    for number, permitted in evidence.PERMITTED.items():
        prose_of = " ".join(" ".join(cell.source.split()) for cell in lessons[number].cells)
        assert len(permitted) <= evidence.MAX_PERMITTED
        assert all(start in prose_of for start in permitted)
        assert all(len(reason) > 10 for reason in permitted.values())


@pytest.mark.parametrize(
    "code",
    [
        "create(env.backbone, size=env.pixels)",
        "create('resnet_tiny')",
        "fit(net, task, steps=env.steps(60))",
        "load('sentiment', domain='tweets', train_per_class=env.labels(10))",
        "load('sentiment', domain='movies', three_class=True)",
        "load(**env.reviews, train_per_class=count)",
        "say(steps=True, name='bert')",
    ],
)
def test_what_no_role_has_may_be_typed(code):
    assert list(sizes.typed_sizes(ast.parse(code))) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("STEPS = {10: 60, 100: 200}", "STEPS={10: 60, 100: 200} is the same in every profile; take env.steps(…)"),
        ("RATE, PROBE_STEPS = 1e-3, 400", "PROBE_STEPS=400 is"),
        ("BUDGETS = (10, 100)", "BUDGETS=(10, 100) is the same in every profile; take env.labels(…)"),
        ("def make():\n    return network('resnet18')", 'create("resnet18") is the same in every profile'),
        ("fit(net, task, steps=60)", "steps=60 is"),
    ],
)
def test_a_record_takes_its_sizes_from_the_profile(line, says, tmp_path):
    path = tmp_path / "authoring" / "records" / "91_toy.py"
    path.parent.mkdir(parents=True)
    path.write_text(f'"""Record 91_toy."""\n{line}\n')
    (problem,) = lint.check_all(lint.find(tmp_path), Course(tmp_path))
    assert says in problem.message
    path.write_text('"""Record."""\nSTEPS, BUDGETS, RATES = env.steps(60), budgets(10, 100), (1, 10)\n')
    assert lint.check(path, Course(tmp_path)) == []


def test_an_exercise_is_no_place_for_a_typed_size_either(tmp_path):
    """What is worked on the profile's network would follow mini alone."""
    (worked,) = (sources.ROOT / "authoring" / "exercises").glob("05_*.py")
    path = tmp_path / "authoring" / "exercises" / worked.name
    path.parent.mkdir(parents=True)
    path.write_text(worked.read_text(encoding="utf-8") + '\n# %%\nnet = create("resnet18")\n', encoding="utf-8")
    found = {problem.rule: problem.message for problem in lint.check(path, Course(sources.ROOT))}
    assert 'create("resnet18") is the same in every profile' in found["typed-size"]


@pytest.mark.full
def test_a_permission_that_nothing_needs_any_more_is_taken_back():
    typed = {
        (lesson.stem[:2], found)
        for lesson in Course(sources.ROOT).lessons
        for cell in lesson.cells
        if cell.cell_type == "code"
        for found, _ in sizes.typed_sizes(parsed(cell.source))
    }
    typed |= {
        (path.stem, found)
        for path in sorted((sources.ROOT / "authoring" / "records").glob("[0-9]*.py"))
        for found, _ in sizes.typed_in_script(parsed(path.read_text(encoding="utf-8")))
    }
    assert typed == set(sizes.PERMITTED)
    assert all(len(reason) > 10 for reason in sizes.PERMITTED.values())


def test_an_exercise_needs_no_execution(tmp_path):
    write_exercise(tmp_path, [new_markdown_cell("# Exercises"), new_code_cell("answer = ..."), new_code_cell("answer")])
    assert rules_broken(tmp_path) == set()


def test_an_exercise_with_outputs_or_without_title_is_refused(tmp_path):
    answered = new_code_cell("1", execution_count=1, outputs=[new_output("stream", text="1")])
    write_exercise(tmp_path, [new_markdown_cell("# Exercises"), answered])
    assert rules_broken(tmp_path) == {"exercise-with-outputs"}
    write_exercise(tmp_path, [new_markdown_cell("## Exercises")])
    assert rules_broken(tmp_path) == {"title"}


def test_a_notebook_without_source_is_stale(tmp_path):
    write_source(tmp_path, good_cells())
    notebook = write_notebook(tmp_path)
    notebook.rename(notebook.with_name("01_gone.ipynb"))
    assert rules_broken(tmp_path) == {"stale"}


def test_a_sentence_that_its_record_no_longer_bears_out_is_named(tmp_path):
    write_source(tmp_path, good_cells(), stem="05_good")
    path = write_notebook(tmp_path)
    assert rules_broken(tmp_path) == set()
    path.write_text(path.read_text(encoding="utf-8").replace("+27.7 points", "+28.7 points"), encoding="utf-8")
    assert rules_broken(tmp_path) == {"stale"}


@pytest.mark.parametrize(
    "markdown",
    [
        "Versions: torch 2.8, Python ≥ 3.11, version 1.5, v2.0, release 1.2.3.",
        "See section 4.2, §3.1, Table 2.4, figure 1.1 and arXiv:1409.7495.",
        "In 2012, 1,000 classes, 32 px, 2e-5, CIFAR-10.",
        "The weight is $0.5$, \\(0.25\\), or\n$$\n0.75 \\%\n$$",
        "Use `lr=0.1` or ``a ` 0.2``.\n\n~~~\n50 %\n~~~\n",
        "Paper: [Hutto and Gilbert report 0.96](https://doi.org/10.1609/icwsm.v8i1.14550).",
        "An autolink <https://arxiv.org/abs/1409.7495> and https://arxiv.org/abs/1409.7495 bare.",
        "<!-- 0.5 --> <span style='opacity:0.5'>pale</span>",
        "Three times the steps, twice as many labels, half of the way, two points of a plane, ten times in a row.",
    ],
)
def test_numbers_that_may_be_typed(markdown, tmp_path):
    write_exercise(tmp_path, [new_markdown_cell("# Exercises"), new_markdown_cell(markdown)])
    assert rules_broken(tmp_path) == set()


@pytest.mark.parametrize(
    "code",
    [
        'show(fig, alt=f"{name} {value:.1%}", caption="95% Wilson intervals.")',
        'print("0.93")\nlr = "1e-3"\nax.set(title="lr=3e-4")',
        "for x, (color, marker) in runs:\n    ax.plot(x, color=color, marker=marker)",
        "for x, looks in runs:\n    ax.plot(x, color=looks.color, **looks.shape)",
        'for x in runs:\n    ax.plot(x, color=GREY, linestyle=":")',
        'ax.plot(a, color=BLUE, marker="s")\nax.plot(b, color=GREEN, marker="o")\nax.scatter(a, b, color=BLACK)',
        'ax.fill_between(x, a, b, color=GREY, alpha=0.2)\nax.scatter(a, b, color="white", edgecolor=INK)',
        'ax.plot(x, color="none", marker="o")\nax.plot(y, color=unknown)',
    ],
)
def test_figures_that_may_be_drawn(code, tmp_path):
    cells = good_cells()
    cells[bad_notebooks.CODE].source = code
    assert lint.check(write_source(tmp_path, cells), Course(tmp_path)) == []


@pytest.mark.parametrize(
    "caption", ["Recorded: films, 3 seeds.", "Recorded, three seeds", "Recorded over 3 recorded seeds"]
)
def test_captions_that_their_record_bears_out(caption, tmp_path):
    cells = good_cells()
    cells[bad_notebooks.CODE].source = 'shift = tl.records.read("01_domain_shift")'
    write_source(tmp_path, cells)
    write_notebook(tmp_path, bad_notebooks._captioned(caption))
    assert rules_broken(tmp_path) == set()


def test_a_claim_that_says_what_its_record_says_passes(tmp_path):
    said = records.claim("01.finetune_beats_scratch_10", target="mnist_m", profile="mini").markdown

    def show(notebook):
        bad_notebooks.code_cells(notebook)[3].outputs = [new_output("display_data", {"text/markdown": said})]

    cells = good_cells()
    cells[8].source = "claim('01.finetune_beats_scratch_10')"
    cells[8].metadata["tags"] = ["claim"]
    write_source(tmp_path, cells)
    write_notebook(tmp_path, show)
    assert rules_broken(tmp_path) == set()


def test_prose_keeps_what_the_author_says():
    text = prose("Say **this** `not this` $not$ that [link text](a.ipynb) and [cited](https://example.org).")
    assert text.split() == ["Say", "**this**", "that", "[link", "text", "and", "."]


def test_the_command_line_lists_problems_and_fails(tmp_path, capsys):
    BAD["shell line"].write(tmp_path)
    assert lint.main([], root=tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.endswith("[shell]") for line in lines)


def test_the_command_line_passes_what_is_good(tmp_path, capsys):
    write_source(tmp_path, good_cells())
    path = write_notebook(tmp_path)
    assert lint.main([str(path)], root=tmp_path) == 0
    assert capsys.readouterr().out == "1 files, nothing to report.\n"


@pytest.mark.parametrize("content", [None, "no JSON", "unknown folder"])
def test_what_cannot_be_read_is_said_in_one_line(content, tmp_path, capsys):
    path = tmp_path / "notebooks" / "00_x.ipynb"
    path.parent.mkdir()
    if content == "unknown folder":
        path = tmp_path / "elsewhere.ipynb"
    if content:
        path.write_text(content)
    assert lint.main([str(path)], root=tmp_path) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


PASSED_BY_NBVAL = ["line magic", "shell line", "did not raise"]


@pytest.mark.full
def test_nbval_lets_pass_what_the_lint_rejects(tmp_path):
    sources = {"line magic": "%nosuchmagic 3\nx = 1", "shell line": "!false", "did not raise": "1 + 1"}
    tags = {"did not raise": ["raises-exception"]}
    for name in PASSED_BY_NBVAL:
        cell = new_code_cell(sources[name], metadata={"tags": tags.get(name, [])}, execution_count=1)
        path = tmp_path / "solutions" / f"{name.replace(' ', '_')}.ipynb"
        running.save(new_notebook(cells=[new_markdown_cell("# Bad"), cell]), path)
        assert {problem.rule for problem in lint.check(path, Course(tmp_path))} == {BAD[name].rule}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env", "-q"]
    finished = subprocess.run(
        [*command, "solutions"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
    )
    assert finished.returncode == 0, finished.stdout
    assert f"{len(PASSED_BY_NBVAL)} passed" in finished.stdout


@pytest.mark.integration
def test_bad_notebooks_are_valid_notebooks(tmp_path):
    for bad in BAD.values():
        nbformat.validate(nbformat.read(bad.write(tmp_path)[1], as_version=4))
    assert bad_notebooks.STEM == "00_good"
