"""The report: one HTML page without scripts and without a network, readable by eye and by screen reader."""

from __future__ import annotations

import base64
import html
import io
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache

import numpy
import torch
from PIL import Image
from torch import Tensor

from tl_course import __version__, environment, figures, metrics, models
from tl_course.data.image_files import read_image
from tl_course.figures.style import BACKGROUND, GRID, INK, SOFT_INK, VERMILION
from tl_course.recipes.candidates import Candidate
from tl_course.recipes.confidence import THRESHOLDS, answered
from tl_course.recipes.examination import HEAD, class_rows
from tl_course.recipes.prepared import counted
from tl_course.recipes.results import FEW_TESTED, Finished
from tl_course.recipes.snippet import snippet

METHODS = {"linear_probe": "Linear probe", "fine_tune": "Fine-tuned"}
MISTAKES_SHOWN = 12
CLASSES_SEEN = 6
# A larger matrix cannot be read; the most frequent confusions are listed instead.
CLASSES_IN_MATRIX = 20
LONGEST_TEXT, LONGEST_NAME, LONGEST_LIST = 400, 18, 200
THUMBNAIL = 160
# A table that is wider than a narrow screen is moved by itself, and not the page.
WIDE = '<div class="wide">'
STYLE = f"""
body {{ font: 1rem/1.5 system-ui, sans-serif; color: {INK}; background: {BACKGROUND}; margin: 0 auto; max-width: 60rem;
  padding: 1rem 1.5rem 4rem; }}
h1, h2 {{ line-height: 1.2; }} h2 {{ margin-top: 2.5rem; border-bottom: 1px solid {GRID}; padding-bottom: .3rem; }}
.wide {{ overflow-x: auto; margin: 1rem 0; }}
table {{ border-collapse: collapse; }}
caption {{ text-align: left; color: {SOFT_INK}; padding-bottom: .4rem; }}
th, td {{ padding: .3rem .8rem .3rem 0; border-bottom: 1px solid {GRID}; text-align: left; vertical-align: top; }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.warnings h2 {{ margin-top: .5rem; }}
.warnings {{ border-left: .4rem solid {VERMILION}; padding: .2rem 1rem; background: #fff4ec; }}
.mistakes {{ display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none; }}
.mistakes figure {{ margin: 0; width: 10rem; overflow-wrap: anywhere; font-size: .9rem; }}
.mistakes img {{ width: 10rem; height: 10rem; object-fit: cover; }}
pre {{ background: #f0f1ef; padding: .8rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }}
"""


def page(finished: Finished) -> str:
    """Return the report as one self-contained HTML page.

    Parameters
    ----------
    finished : Finished

    Returns
    -------
    str
    """
    title = f"What was learned from {finished.prepared.task.title}"
    sections = (
        _summary(finished),
        _results(finished),
        _classes(finished),
        _confusions(finished),
        _mistakes(finished),
        _confidence(finished),
        _curves(finished),
        _data(finished),
        _cost(finished),
        _making(finished),
    )
    body = "\n".join(filter(None, sections))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_text(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n<h1>{_text(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


# --- pieces -------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    return html.escape(str(value))


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with a caption, column heads, and each row's first cell as its head; numbers stand to the right."""
    rows = [list(row) for row in rows]
    numeric = [
        all(not isinstance(row[place], str) or _is_number(row[place]) for row in rows) for place in range(len(head))
    ]
    kinds = [' class="number"' if each and place else "" for place, each in enumerate(numeric)]
    heads = "".join(f'<th scope="col"{kind}>{_text(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td{kind}>{_text(cell)}</td>" for cell, kind in zip(rest, kinds[1:], strict=True))
        lines.append(f'<tr><th scope="row"><bdi>{_text(first)}</bdi></th>{cells}</tr>')
    return (
        f"{WIDE}<table>\n<caption>{_text(caption)}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
        + "\n".join(lines)
        + "\n</tbody>\n</table></div>"
    )


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("%", "").replace("–", "").strip().isdigit() or cell == "–"


def _items(sentences: Iterable[str]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{_text(sentence)}</li>" for sentence in sentences) + "\n</ul>"


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _named(each: Candidate) -> str:
    return METHODS[each.method] + (f", seed {each.seed}" if each.seed is not None else "")


def _seeded(each: Candidate, finished: Finished) -> str:
    return f"{_named(each)}{f', seed {finished.seed}' * (each.seed is None)}"


# --- sections -----------------------------------------------------------------------------------------------------


def _summary(finished: Finished) -> str:
    task, right = finished.prepared.task, finished.accuracy
    name, share = finished.majority
    kind = {"image": "images", "text": "texts"}[task.kind]
    lines = [
        f"<p><strong>{right.value:.1%} of {right.n:,} test {kind} are recognised rightly</strong>; with 95% confidence "
        f"the true accuracy lies between {right.low:.1%} and {right.high:.1%} (Wilson’s interval). "
        f"Always answering “{_text(name)}”, the largest class, would be right for {share:.1%}.</p>"
    ]
    if finished.outcome.uneven:
        ours, largest = finished.macro_f1
        lines.append(
            f"<p>Macro F1, in which every class counts the same however rare: <strong>{ours:.3f}</strong>, against "
            f"{largest:.3f} of always giving that answer.</p>"
        )
    if finished.warnings:
        told = f"<h2>Read this first</h2>\n{_items(finished.warnings)}"
        lines.append(f'<section class="warnings" aria-label="Warnings">\n{told}\n</section>')
    return "\n".join(lines)


def _results(finished: Finished) -> str:
    outcome, task = finished.outcome, finished.prepared.task
    name, share = finished.majority
    usual = (task.validation.labels == task.class_names.index(name)).float().mean().item()
    rows = [[f"Always “{name}”", f"{usual:.1%}", f"{share:.1%}", "–", f"{finished.macro_f1[1]:.3f}", ""]]
    for each in outcome.candidates:
        report = metrics.precision_recall_f1(task.test.labels, each.logits["test"], class_names=task.class_names)
        right = metrics.accuracy(task.test.labels, each.logits["test"])
        valid = metrics.accuracy(task.validation.labels, each.logits["validation"])
        kept = "kept" if each is outcome.kept else ""
        interval = f"{right.low:.1%} to {right.high:.1%}"
        rows.append(
            [_named(each), f"{valid.value:.1%}", f"{right.value:.1%}", interval, f"{report.macro.f1:.3f}", kept]
        )
    by = "macro F1" if outcome.uneven else "accuracy"
    head = ["Method", "Validation accuracy", "Test accuracy", "95% interval of it", "Macro F1 on test", "Chosen"]
    caption = f"Validation {by} chose the method; the test was looked at afterwards."
    remarks = [f"{_named(each)}: {each.kept_weights}" for each in outcome.candidates if each.kept_weights]
    said = "".join(f"\n<p>{_text(remark)}</p>" for remark in (*remarks, outcome.spread(task), outcome.remark) if remark)
    return f"<h2>Results</h2>\n{_table(caption, head, rows)}{said}"


def _classes(finished: Finished) -> str:
    task = finished.prepared.task
    report = metrics.precision_recall_f1(
        task.test.labels, finished.outcome.kept.logits["test"], class_names=task.class_names
    )
    rows = [
        [name, f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", f"{count:,}"]
        for name, precision, recall, f1, count in zip(
            task.class_names, report.precision, report.recall, report.f1, report.support, strict=True
        )
    ]
    head = ["Class", "Precision", "Recall", "F1", "Test examples"]
    caption = "Precision: of those called so, the share that are. Recall: of those that are, the share called so."
    return f"<h2>Class by class</h2>\n{_table(caption, head, rows)}"


def _confusions(finished: Finished) -> str:
    task = finished.prepared.task
    matrix = metrics.confusion(task.test.labels, finished.outcome.kept.logits["test"], num_classes=task.num_classes)
    names = task.class_names
    if len(names) <= CLASSES_IN_MATRIX:
        shown = [_short(name, LONGEST_NAME) for name in names]
        note = ""
        if not all(map(_can_be_drawn, shown)):
            shown = [str(number) for number in range(1, len(names) + 1)]
            note = "<p>Classes are numbered in the order of the table above.</p>"
        return f"<h2>What is taken for what</h2>\n{note}{figures.confusion(matrix, shown)._repr_html_()}"
    wrong = matrix * (1 - numpy.eye(len(names), dtype=int))
    pairs = [divmod(int(place), len(names)) for place in (-wrong).ravel().argsort(kind="stable")[:CLASSES_IN_MATRIX]]
    rows = [[names[true], names[said], int(wrong[true, said])] for true, said in pairs if wrong[true, said]]
    caption = f"The most frequent mistakes; a matrix of {len(names)} classes could not be read."
    return f"<h2>What is taken for what</h2>\n{_table(caption, ['True class', 'Taken for', 'How often'], rows)}"


@cache
def _drawable() -> set[int]:
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    return set(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())


def _can_be_drawn(name: str) -> bool:
    return all(ord(letter) in _drawable() for letter in name)


def worst(logits: Tensor, labels: Tensor, most: int = MISTAKES_SHOWN) -> list[tuple[int, int, float]]:
    """Return the wrong answers that were given with the greatest confidence: position, answer, its probability.

    >>> worst(torch.tensor([[0.0, 3.0], [0.0, 1.0], [2.0, 0.0]]), torch.tensor([0, 0, 0]))
    [(0, 1, 0.95...), (1, 1, 0.73...)]
    """
    sure, said = logits.softmax(1).max(1)
    order = sure.argsort(descending=True, stable=True)
    wrong = order[said[order] != labels[order]][:most]
    return [(position, int(said[position]), float(sure[position])) for position in wrong.tolist()]


def _mistakes(finished: Finished) -> str:
    prepared, task = finished.prepared, finished.prepared.task
    found = worst(finished.probabilities.log(), task.test.labels)
    title = "<h2>The most confident mistakes</h2>\n"
    if not found:
        return f"{title}<p>None: every test example was recognised rightly.</p>"
    told = "<p>Look at them first: often the label is wrong, or the example is of no class at all.</p>\n"
    names = prepared.names["test"]
    if task.kind == "text":
        rows = [
            [
                names[at],
                _short(task.test.inputs[at], LONGEST_TEXT),
                task.class_names[said],
                f"{sure:.0%}",
                _true(task, at),
            ]
            for at, said, sure in found
        ]
        table = _table("Most confident first.", ["Where", "Text", "Answer", "Probability", "Label"], rows)
        return title + told + table.replace("<td>", '<td dir="auto">')
    pictures = [
        _picture(finished, at, f"{names[at]}: taken for {task.class_names[said]} ({sure:.0%}), is {_true(task, at)}")
        for at, said, sure in found
    ]
    return f'{title}{told}<ul class="mistakes">\n' + "\n".join(pictures) + "\n</ul>"


def _true(task, position: int) -> str:
    return task.class_names[int(task.test.labels[position])]


def _picture(finished: Finished, position: int, caption: str) -> str:
    """Show the image from its file, sharper than the network saw it but as much; where it is gone, what it saw."""
    look = finished.outcome.model.preprocess
    file = finished.root / finished.prepared.names["test"][position]
    pixels = read_image(file, THUMBNAIL, fit=look.fit, fill=look.fill)
    if isinstance(pixels, str):
        pixels = finished.prepared.task.test.inputs[position]
    return _shown(pixels, caption)


def _seen(finished: Finished) -> str:
    """A test image of each class (of the first few), in the very pixels that the network was given."""
    task = finished.prepared.task
    if task.kind != "image":
        return ""
    labels = task.test.labels.tolist()
    first = [labels.index(number) for number in range(CLASSES_SEEN) if number in labels]
    pictures = [
        _shown(task.test.inputs[at], f"{finished.prepared.names['test'][at]}, {_true(task, at)}") for at in first
    ]
    said = f"<p>Test images as the network sees them, {finished.plan.size} pixels a side:</p>\n"
    return f'{said}<ul class="mistakes">\n' + "\n".join(pictures) + "\n</ul>"


def _shown(pixels: Tensor, caption: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels.movedim(0, -1).numpy()).save(buffer, "JPEG", quality=85)
    source = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<li><figure><img alt="{_text(caption)}" src="data:image/jpeg;base64,{source}">'
        f"<figcaption>{_text(caption)}</figcaption></figure></li>"
    )


def _confidence(finished: Finished) -> str:
    """What the probabilities are worth, and what it costs to give up on answers that are not sure."""
    task, confidence = finished.prepared.task, finished.confidence
    total = len(task.test)
    rows = []
    for each in answered(task.test.labels, finished.probabilities):
        right = (
            [f"{each.right.value:.1%}", f"{each.right.low:.1%} to {each.right.high:.1%}"] if each.right else ["–", "–"]
        )
        rows.append([f"{each.threshold:.0%}", f"{each.count:,}", f"{each.count / total:.0%}", *right])
    head = ["Unsure below", "Answered", "Share answered", "Of these right", "95% interval of it"]
    caption = "What giving up on answers below a probability would do, on the test."
    parts = ["<h2>How sure it is</h2>", _items(confidence.sentences), _table(caption, head, rows)]
    ask = f"<p>To be told “unsure” there, ask with <code>--unsure-below {THRESHOLDS[2]:g}</code>.</p>"
    parts.append(ask)
    if total >= FEW_TESTED:
        drawn = {"Without temperature": confidence.before, "With temperature": confidence.after}
        parts.append(figures.reliability(drawn, legend="lower right")._repr_html_())
    return "\n".join(parts)


def _curves(finished: Finished) -> str:
    shown = [each for each in finished.outcome.candidates if each.history]
    if not shown:
        return ""
    parts = ["<h2>Learning curves</h2>"]
    for each in shown:
        parts.append(figures.learning_curves(each.history, title=_seeded(each, finished))._repr_html_())
    return "\n".join(parts)


def _data(finished: Finished) -> str:
    prepared = finished.prepared
    counts = class_rows(prepared)
    counts.append(("all", *(sum(column) for column in list(zip(*counts, strict=True))[1:])))
    rows = [[name, *(f"{count:,}" for count in each)] for name, *each in counts]
    found = [[topic, sentence] for topic, sentence, _ in prepared.findings.by_weight()]
    parts = [
        "<h2>Data</h2>",
        _table("Examples found, and those that each part uses.", HEAD, rows),
        _table("What was found, as it was told before training.", ["About", "Found"], found) if found else "",
        _seen(finished),
    ]
    for heading, lines in prepared.lists.items():
        shown = lines[:LONGEST_LIST]
        if len(lines) > len(shown):
            shown = [*shown, f"… and {len(lines) - len(shown):,} more"]
        parts.append(f"<details open><summary>{_text(heading)} ({len(lines):,})</summary>\n{_items(shown)}\n</details>")
    return "\n".join(parts)


def _cost(finished: Finished) -> str:
    outcome, plan = finished.outcome, finished.plan
    env = environment.current()
    rows = [
        [_named(each), f"{each.seconds:.1f}", f"{each.steps:,}", f"{each.trained:,}"] for each in outcome.candidates
    ]
    unit = "pixels" if finished.prepared.task.kind == "image" else "tokens"
    total = models.count_parameters(outcome.model).total
    facts = [
        f"{finished.seconds:.0f} seconds from the first look at the data to the saved model, on "
        f"{environment.device_name(env.device)}, {counted(env.threads, 'thread')}, {env.precision}.",
        f"{total:,} parameters; {plan.macs / 1e6:,.0f} million multiply-accumulates (MACs) for one example of "
        f"{plan.size} {unit}.",
    ]
    table = _table(
        "Features are counted with the linear probe.", ["Method", "Seconds", "Steps", "Numbers trained"], rows
    )
    return f"<h2>Cost</h2>\n{_items(facts)}\n{table}"


def _start(kind: str) -> str:
    if kind == "text":
        return ", from a new head"
    return ", from the probe’s head and with BatchNorm’s statistics kept"


def _augmented(names: Sequence[str]) -> str:
    done = " and ".join({"flip": "mirrored", "crop": "shifted"}[name] for name in names)
    return f"Training images were {done} at random." if names else ""


def _tuned(finished: Finished) -> int:
    """How often the network was fine-tuned."""
    return sum(each.method == "fine_tune" for each in finished.outcome.candidates)


def _then(finished: Finished) -> str:
    if not _tuned(finished):
        return "; nothing was fine-tuned"
    return (
        ", then the whole network was fine-tuned, the backbone more slowly than the head"
        f"{_start(finished.prepared.task.kind)}; validation chose between the two"
    )


def _runs(finished: Finished) -> str:
    count = _tuned(finished)
    if not count:
        return "This is one run."
    if count > 1:
        return f"The network was fine-tuned {count} times, from the same probe and split, with a seed each."
    return "This is one run: another seed would give somewhat other numbers, and --seeds 3 shows how much others."


def _making(finished: Finished) -> str:
    plan, task = finished.plan, finished.prepared.task
    weights = f"the weights {plan.weights!r}" if plan.weights else "random weights"
    facts = [
        f"{plan.title} with {weights}: {plan.why}.",
        plan.licence,
        f"A linear probe was trained on features of the frozen network{_then(finished)}.",
        *finished.outcome.facts,
        _augmented(task.augment) if _tuned(finished) else "",
        f"Seed {finished.seed}; the test examples are the same for every seed. {_runs(finished)}",
        f"tl_course {__version__}, torch {torch.__version__}, Python {platform.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
    ]
    commands = "".join(
        f"<p>{says}</p>\n<pre>{_text(command)}</pre>\n"
        for says, command in (("Made by", finished.command), ("To be used with", finished.use))
        if command
    )
    return f"<h2>How it was made</h2>\n{_items(filter(None, facts))}\n{commands}{_in_python(finished)}"


def _in_python(finished: Finished) -> str:
    said = "In Python, from the folder where the command was run:"
    return f'<p>{said}</p>\n<pre id="in-python">{_text(snippet(finished))}</pre>\n'
