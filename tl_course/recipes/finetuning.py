"""From a path to a trained model, saved with a report: the verb behind ``tl-course finetune``."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

from tl_course import models
from tl_course.data.image_files import read_image
from tl_course.data.task import Task
from tl_course.plain_numbers import real_number, whole_number
from tl_course.recipes import images, recipe, report, texts
from tl_course.recipes.answer_tables import write_test
from tl_course.recipes.budget import SAMPLED, Budget, available, measured, sampled
from tl_course.recipes.examination import as_text
from tl_course.recipes.freed_memory import give_back
from tl_course.recipes.planning import Plan, longest, plan_images, plan_texts, shortened
from tl_course.recipes.prepared import Prepared, counted, joined
from tl_course.recipes.results import Finished
from tl_course.recipes.unfinished import Unfinished, fingerprint, is_unfinished, told_files, whole

TABLES = {".csv", ".tsv", ".txt"}
REPORT = "report.html"
# So many of what was left out are named where there is no report to name all.
LISTED = 5
CLASS_WEIGHTS = ("auto", "balanced", "none")
# The settings that say how training goes.
TRAINING = ("steps", "epochs", "lr", "batch_size", "class_weights", "seed", "seeds")
# What the model says about each test example.
PREDICTIONS = "predictions.csv"


@dataclass(frozen=True)
class Settings:
    """What may be chosen; every default works.

    Attributes
    ----------
    out : Path, optional
        Folder for model and report; by default ``NAME-finetuned`` in the working folder.
    force : bool
        Write into a folder that is there already. A fine-tuning that was stopped there goes on all the same, unless it
        was another one.
    model, weights, size
        As in :func:`tl_course.recipes.planning.plan_images`.
    steps, epochs : int, optional
        Length of fine-tuning; by default it follows the number of examples. 0 steps for the linear probe alone.
    minutes : float, optional
        What all may take, from the first look at the data to the report; then the number of examples and of steps
        follow from it and from the speed of the machine. With steps or epochs, the shorter holds.
    lr : float, optional
        Peak learning rate of the backbone in fine-tuning; the head's keeps its proportion to it.
    batch_size : int, optional
        Examples in a step of fine-tuning.
    class_weights : {"auto", "balanced", "none"}
        As in :func:`tl_course.recipes.recipe.learn`.
    seed : int
    seeds : int
        How often to fine-tune, with this seed and the next ones.
    on_error : {"raise", "skip"}
        What to do with broken images and rows, and with classes too small.
    flip : bool
        Mirror training images at random; not for letters, arrows and the like.
    fit : {"crop", "pad", "squish"}
        How images become squares, as in :class:`tl_course.data.ImagePreprocess`.
    text, label, group : str, optional
        Columns of a table.
    encoding : str
        Of a table.
    test, validation : path, optional
        Tables that are the whole test, or the whole validation, with the columns of the first.
    """

    out: Path | None = None
    force: bool = False
    model: str = "auto"
    weights: str | None = None
    size: int | None = None
    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    lr: float | None = None
    batch_size: int | None = None
    class_weights: str = "auto"
    seed: int = 0
    seeds: int = 1
    on_error: str = "raise"
    flip: bool = True
    fit: str = "crop"
    text: str | None = None
    label: str | None = None
    group: str | None = None
    encoding: str = "utf-8-sig"
    test: Path | None = None
    validation: Path | None = None


def finetune(
    path: str | Path, settings: Settings | None = None, *, command: str = "", say: Callable[[str], None] = print
) -> Finished:
    """Train a classifier on one's own images or texts, and save it with a report.

    Parameters
    ----------
    path : path
        A folder whose subfolders are the classes, or a table (CSV) with columns for text and label.
    settings : Settings, optional
    command : str
        What the report names as the command.
    say : callable
        Is told in lines what is done.

    Returns
    -------
    Finished
        After Ctrl-C, too, with what was trained by then.

    Raises
    ------
    ValueError
        When the data or a setting will not do: one sentence with the way out.
    tl_course.assets.AssetError
        When weights have to be fetched and cannot be.

    Examples
    --------
    >>> finetune("photos", Settings(minutes=5, seeds=3))
    Traceback (most recent call last):
    ValueError: There is no folder or file photos; give a folder of images or a CSV file.
    """
    settings = settings or Settings()
    path = Path(path).expanduser()
    _check(path, settings)
    out = _claim_folder(path, settings)
    stopped_before = is_unfinished(out)
    keep = Unfinished(out, _plain(settings), settings.force)
    began = time.perf_counter()
    budget = _budget(settings)
    try:
        prepared, plan, model = _examined(path, settings, budget, keep, say)
        chosen = {name: getattr(settings, name) for name in TRAINING}
        if keep.get("probe"):
            say(f"Going on with the fine-tuning that was stopped; to begin again, delete {keep.folder}.")
        if budget and keep.get("speeds"):
            budget.go_on(keep.get("used") or budget.used, keep.get("speeds"))
        outcome = recipe.learn(model, prepared.task, plan, **chosen, budget=budget, keep=keep, say=say)
        finished = Finished(path, out, prepared, plan, outcome, 0.0, command, settings.seed)
        with whole(out) as place:
            models.save(
                outcome.model.cpu(),
                place,
                class_names=prepared.task.class_names,
                temperature=finished.confidence.temperature,
            )
            write_test(finished, place / PREDICTIONS)
            finished.seconds = time.perf_counter() - began
            (place / REPORT).write_text(report.page(finished), encoding="utf-8")
    except BaseException as error:  # Ctrl-C, too
        if not keep.get("probe") and not stopped_before:
            keep.remove()
        elif isinstance(error, KeyboardInterrupt):
            error.kept = f"what was trained is kept in {out}, and the same command goes on from there."
        if not any(out.iterdir()):
            out.rmdir()
        raise
    if outcome.interrupted:
        keep.save()
    else:
        keep.remove()
    _tell(finished, say)
    if budget:
        _tell_time(budget, say)
    return finished


def examine(path: str | Path, settings: Settings | None = None, *, say: Callable[[str], None] = print) -> Prepared:
    """Look at one's own images or texts as :func:`finetune` does first, and stop there: nothing is written.

    Parameters
    ----------
    path, settings, say
        As in :func:`finetune`.

    Returns
    -------
    Prepared
        The task that would be learned, what was found (``findings``) and what was left out (``lists``).

    Raises
    ------
    ValueError, tl_course.assets.AssetError
        As :func:`finetune`.

    Examples
    --------
    >>> examine("reviews.csv", Settings(text="review", label="stars"))
    Traceback (most recent call last):
    ValueError: There is no folder or file reviews.csv; give a folder of images or a CSV file.
    """
    settings = settings or Settings()
    path = Path(path).expanduser()
    _check(path, settings)
    prepared, _, _ = _examined(path, settings, _budget(settings), Unfinished(None, {}), say)
    for heading, lines in prepared.lists.items():
        say(f"{heading}: " + "; ".join(lines[:LISTED]) + f"; and {len(lines) - LISTED:,} more" * (len(lines) > LISTED))
    say("That is all that was asked for: nothing was trained or written.")
    return prepared


def _budget(settings: Settings) -> Budget | None:
    return None if settings.minutes is None else Budget(settings.minutes)


def _examined(
    path: Path, settings: Settings, budget: Budget | None, keep: Unfinished, say: Callable[[str], None]
) -> tuple[Prepared, Plan, nn.Module]:
    """Read and divide the data, choose a network, and show what was found before anything is trained."""
    prepare = _prepare_images if path.is_dir() else _prepare_texts
    prepared, plan, model = prepare(path, settings, budget, keep, say)
    if plan.weights is None and settings.weights is None:
        prepared.findings.tell(
            "Network",
            f"{plan.title} has no trained weights and begins with random ones: nothing is "
            "transferred. Another network will do better on few examples.",
            "warning",
        )
    say(f"{prepared.task}.\n\n{as_text(prepared)}\n")
    say(f"Network: {_named(plan, model)}: {plan.why}.")
    if plan.licence:
        say(plan.licence)
    return prepared, plan, model


def _check(path: Path, settings: Settings) -> None:
    if not path.exists():
        raise ValueError(f"There is no folder or file {path}; give a folder of images or a CSV file.")
    if path.is_file() and path.suffix.lower() not in TABLES:
        raise ValueError(f"{path} is neither a folder of images nor a table (.csv, .tsv); unpack or convert it first.")
    if path.is_file() and not (settings.text and settings.label):
        raise ValueError(f"{path} is a table: name its columns, --text COLUMN --label COLUMN.")
    if path.is_dir() and (settings.text or settings.label or settings.group):
        raise ValueError(f"{path} is a folder of images; --text, --label and --group are for tables.")
    _check_tables(path, settings)
    if path.is_file() and settings.fit != "crop":
        raise ValueError(f"{path} is a table; --fit is for images.")
    if settings.steps is not None and settings.epochs is not None:
        raise ValueError("Give --steps or --epochs, one of the two.")
    if min(settings.steps or 0, settings.epochs or 0) < 0:
        raise ValueError("--steps and --epochs cannot be negative; --steps 0 trains the linear probe alone.")
    lr, batch_size = real_number("--lr", settings.lr), whole_number("--batch-size", settings.batch_size)
    if lr is not None and not 0 < lr < math.inf:
        raise ValueError(f"--lr {lr:g} is no learning rate; give a number above 0, such as 1e-4.")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"--batch-size {batch_size} is not a number of examples; give at least 1.")
    if whole_number("--seeds", settings.seeds) < 1:
        raise ValueError(f"--seeds {settings.seeds} trains nothing; give at least 1.")
    if settings.class_weights not in CLASS_WEIGHTS:
        raise ValueError(f"--class-weights {settings.class_weights} is unknown; give {', '.join(CLASS_WEIGHTS)}.")
    if settings.minutes is not None and not 0 < settings.minutes < math.inf:
        raise ValueError(f"--minutes {settings.minutes:g} is no time; give a number above 0, such as 10.")


def _plain(settings: Settings) -> dict:
    """Return what must be the same for a fine-tuning to go on, as plain values."""
    given = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if name not in ("out", "force")
    }


def _check_tables(path: Path, settings: Settings) -> None:
    for option, table in (("--test", settings.test), ("--validation", settings.validation)):
        if table is None:
            continue
        if path.is_dir():
            raise ValueError(
                f"{option} {table} is for tables, and {path} is a folder of images; put those into subfolders of it "
                "that are called train, validation and test."
            )
        table = Path(table).expanduser()
        if not table.is_file() or table.suffix.lower() not in TABLES:
            found = "is no table" if table.exists() else "is not there"
            raise ValueError(f"{option} {table} {found}; give a table (.csv, .tsv) with the columns of {path.name}.")


def _claim_folder(path: Path, settings: Settings) -> Path:
    """Make the folder for the results before anything is trained, never over another one unasked."""
    source = path.resolve()
    inside = source.is_dir() and Path.cwd().is_relative_to(source)
    out = (
        settings.out
        or (source.parent if inside else Path()) / f"{source.stem if path.is_file() else source.name}-finetuned"
    )
    out = out.expanduser()
    if source.is_dir() and out.resolve().is_relative_to(source):
        raise ValueError(
            f"{out} lies inside the images and would be taken for a class next time; choose another --out."
        )
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; choose another --out.")
    if out.exists() and any(out.iterdir()) and not settings.force and not is_unfinished(out):
        raise ValueError(f"{out} is there already; choose another --out, or pass --force to write over it.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"The folder {out} cannot be made ({error.strerror}); choose another --out.") from error
    return out


def _sampled(settings: Settings, count: int) -> int:
    return SAMPLED * sampled(settings.batch_size or recipe.usual_batch(count))


def _amounts(
    model: nn.Module,
    sample: Task,
    read: float,
    parts: Sequence[str],
    settings: Settings,
    budget: Budget,
    keep: Unfinished,
    say: Callable,
) -> dict:
    """Return how many examples are read so that all fits into the minutes, and say what was measured."""
    there = available(parts)
    batch_size = settings.batch_size or recipe.usual_batch(there["train"])
    speeds = measured(model, sample, sampled(batch_size), read, settings.minutes, len(parts))
    give_back()
    say(
        f"Measured: {1 / (speeds.read + speeds.forward):,.0f} examples a second are read and looked at, "
        f"{1 / speeds.step:,.0f} trained on."
    )
    passes = math.inf if settings.steps is None else settings.steps * batch_size
    size = sample.train.inputs[0].nbytes if sample.kind == "image" else 0
    limits = {"passes": passes, "repeats": settings.seeds, "bytes_each": size}
    found = budget.amounts(there, sample.num_classes, speeds, **limits)
    most = {"most_training": found.train, "most_held": dict(found.held), "why": found.why}
    keep.note(most=most, speeds=speeds)
    return most


def _prepare_images(
    path: Path, settings: Settings, budget: Budget | None, keep: Unfinished, say: Callable
) -> tuple[Prepared, Plan, nn.Module]:
    folder = images.look_over(path, settings.on_error)
    keep.check_data(fingerprint(told_files(folder.root, folder.files)))
    plan, model = plan_images(
        folder.side,
        len(folder.files),
        model=settings.model,
        weights=settings.weights,
        size=settings.size,
        fit=settings.fit,
    )
    say(f"Reading {counted(len(folder.files), 'image')} of {counted(len(folder.examples.class_names), 'class')}.")
    look = {"size": plan.size, "fit": model.preprocess.fit, "fill": model.preprocess.fill}
    most = keep.get("most") or {"most_training": plan.passes}
    if budget and not keep.get("most"):
        some, read = images.sample(
            folder, SAMPLED * sampled(recipe.usual_batch(len(folder.files))), partial(read_image, **look)
        )
        most = _amounts(model, some, read, folder.examples.parts, settings, budget, keep, say)
    return images.read(folder, **look, **most, seed=settings.seed, flip=settings.flip), plan, model


def _prepare_texts(
    path: Path, settings: Settings, budget: Budget | None, keep: Unfinished, say: Callable
) -> tuple[Prepared, Plan, nn.Module]:
    given = {
        name: Path(table).expanduser()
        for name, table in (("test", settings.test), ("validation", settings.validation))
        if table is not None
    }
    table = texts.look_over(
        path,
        settings.text,
        settings.label,
        settings.group,
        **given,
        encoding=settings.encoding,
        on_error=settings.on_error,
    )
    rows = zip(table.texts, table.examples.labels.tolist(), table.examples.parts, strict=True)
    keep.check_data(fingerprint([*map(str, rows), str(table.examples.groups)]))
    plan, model = plan_texts(model=settings.model, weights=settings.weights)
    length = settings.size or min(texts.length_for(table.to_learn_from, model.preprocess), longest(model))
    plan = shortened(plan, model, length)
    most = keep.get("most") or {"most_training": plan.passes}
    if budget and not keep.get("most"):
        some = texts.sample(table, _sampled(settings, len(table.texts)))
        most = _amounts(model, some, 0.0, table.examples.parts, settings, budget, keep, say)
    english = plan.model in models.MODELS
    return texts.read(table, model.preprocess, **most, seed=settings.seed, english=english), plan, model


def _named(plan: Plan, model: nn.Module) -> str:
    unit = "pixels" if model.spec and hasattr(model.preprocess, "mean") else "tokens"
    start = f"weights {plan.weights!r}" if plan.weights else "random weights"
    return f"{plan.title} at {plan.size} {unit} with {start}"


def _tell_time(budget: Budget, say: Callable[[str], None]) -> None:
    used = budget.used / 60
    if round(used, 1) > budget.minutes:
        say(f"It took {used:.1f} minutes and not {budget.minutes:g}: the machine became slower than was measured.")
    else:
        say(f"It took {used:.1f} of {budget.minutes:g} minutes.")


def _tell(finished: Finished, say: Callable[[str], None]) -> None:
    name, share = finished.majority
    kept = {"linear_probe": "the linear probe", "fine_tune": "the fine-tuned network"}[finished.outcome.kept.method]
    seed = finished.outcome.kept.seed
    say(f"Validation chose {kept}{'' if seed is None else f' of seed {seed}'}.")
    say(f"Test accuracy: {finished.accuracy:.1%}; always answering {name!r} would give {share:.1%}.")
    if spread := finished.outcome.spread(finished.prepared.task):
        say(spread)
    if finished.outcome.uneven:
        ours, largest = finished.macro_f1
        say(f"Test macro F1: {ours:.3f}; always answering {name!r} would give {largest:.3f}.")
    for sentence in finished.confidence.sentences:
        say(sentence)
    own = {*finished.prepared.findings.leakage, *finished.prepared.findings.warnings}
    for sentence in finished.warnings:
        if sentence not in own:  # those were told at once
            say(f"Note: {sentence}")
    if topics := finished.prepared.findings.doubts:
        say(f"Before you believe this accuracy, read what stands in the table above under {joined(topics)}.")
    say(f"Report: {finished.out / REPORT}; each test example: {finished.out / PREDICTIONS}")
    say(f"Use it: {finished.use}")
