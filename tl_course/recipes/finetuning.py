"""From a path to a trained model, saved with a report: the verb behind ``tl-course finetune``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from tl_course import models
from tl_course.recipes import images, recipe, report, texts
from tl_course.recipes.examination import as_text
from tl_course.recipes.planning import Plan, plan_images, plan_texts, shortened
from tl_course.recipes.prepared import Prepared, counted
from tl_course.recipes.results import Finished

TABLES = {".csv", ".tsv", ".txt"}
REPORT = "report.html"
# So many of what was left out are named where there is no report to name all.
LISTED = 5


@dataclass(frozen=True)
class Settings:
    """What may be chosen; every default works.

    Attributes
    ----------
    out : Path, optional
        Folder for model and report; by default ``NAME-finetuned`` in the working folder.
    force : bool
        Write into a folder that is there already.
    model, weights, size
        As in :func:`tl_course.recipes.planning.plan_images`.
    steps, epochs : int, optional
        Length of fine-tuning; by default it follows the number of examples. 0 steps for the linear probe alone.
    seed : int
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
    seed: int = 0
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
    """
    settings = settings or Settings()
    path = Path(path).expanduser()
    _check(path, settings)
    out = _claim_folder(path, settings)
    began = time.perf_counter()
    try:
        prepared, plan, model = _examined(path, settings, say)
        outcome = recipe.learn(
            model, prepared.task, plan, steps=settings.steps, epochs=settings.epochs, seed=settings.seed, say=say
        )
        finished = Finished(path, out, prepared, plan, outcome, 0.0, command, settings.seed)
        models.save(outcome.model.cpu(), out, class_names=prepared.task.class_names)
        finished.seconds = time.perf_counter() - began
        (out / REPORT).write_text(report.page(finished), encoding="utf-8")
    except BaseException:  # Ctrl-C, too
        if not any(out.iterdir()):
            out.rmdir()
        raise
    _tell(finished, say)
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
    """
    settings = settings or Settings()
    path = Path(path).expanduser()
    _check(path, settings)
    prepared, _, _ = _examined(path, settings, say)
    for heading, lines in prepared.lists.items():
        say(f"{heading}: " + "; ".join(lines[:LISTED]) + f"; and {len(lines) - LISTED:,} more" * (len(lines) > LISTED))
    say("That is all that was asked for: nothing was trained or written.")
    return prepared


def _examined(path: Path, settings: Settings, say: Callable[[str], None]) -> tuple[Prepared, Plan, nn.Module]:
    """Read and divide the data, choose a network, and show what was found before anything is trained."""
    prepared, plan, model = (_prepare_images if path.is_dir() else _prepare_texts)(path, settings, say)
    if plan.weights is None and settings.weights is None:
        prepared.findings.tell(
            "Network",
            f"{models.MODELS[plan.model].title} has no trained weights and begins with random ones: nothing is "
            "transferred. Another network will do better on few examples.",
            "warning",
        )
    say(f"{prepared.task}.\n\n{as_text(prepared)}\n")
    say(f"Network: {_named(plan, model)}: {plan.why}.")
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
    if out.exists() and any(out.iterdir()) and not settings.force:
        raise ValueError(f"{out} is there already; choose another --out, or pass --force to write over it.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"The folder {out} cannot be made ({error.strerror}); choose another --out.") from error
    return out


def _prepare_images(path: Path, settings: Settings, say: Callable) -> tuple[Prepared, Plan, nn.Module]:
    folder = images.look_over(path, settings.on_error)
    plan, model = plan_images(
        folder.side,
        len(folder.files),
        model=settings.model,
        weights=settings.weights,
        size=settings.size,
        fit=settings.fit,
    )
    say(f"Reading {counted(len(folder.files), 'image')} of {counted(len(folder.examples.class_names), 'class')}.")
    prepared = images.read(
        folder,
        size=plan.size,
        fit=model.preprocess.fit,
        fill=model.preprocess.fill,
        most_training=plan.passes,
        seed=settings.seed,
        flip=settings.flip,
    )
    return prepared, plan, model


def _prepare_texts(path: Path, settings: Settings, say: Callable) -> tuple[Prepared, Plan, nn.Module]:
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
    plan, model = plan_texts(model=settings.model, weights=settings.weights)
    length = settings.size or texts.length_for(table.to_learn_from, model.preprocess)
    plan = shortened(plan, model, length)
    return texts.read(table, model.preprocess, most_training=plan.passes, seed=settings.seed), plan, model


def _named(plan: Plan, model: nn.Module) -> str:
    unit = "pixels" if model.spec and hasattr(model.preprocess, "mean") else "tokens"
    start = f"weights {plan.weights!r}" if plan.weights else "random weights"
    return f"{models.MODELS[plan.model].title} at {plan.size} {unit} with {start}"


def _tell(finished: Finished, say: Callable[[str], None]) -> None:
    name, share = finished.majority
    kept = {"linear_probe": "the linear probe", "fine_tune": "the fine-tuned network"}[finished.outcome.kept.method]
    say(f"Validation chose {kept}.")
    say(f"Test accuracy: {finished.accuracy:.1%}; always answering {name!r} would give {share:.1%}.")
    if finished.outcome.uneven:
        ours, largest = finished.macro_f1
        say(f"Test macro F1: {ours:.3f}; always answering {name!r} would give {largest:.3f}.")
    own = {*finished.prepared.findings.leakage, *finished.prepared.findings.warnings}
    for sentence in finished.warnings:
        if sentence not in own:  # those were told at once
            say(f"Note: {sentence}")
    say(f"Report: {finished.out / REPORT}")
    say(f"Use it: {finished.use}")
