"""The command line: ``tl-course doctor | fetch | start | run | finetune | predict | export | grade | …``.

One file, since it is one thing: what can be typed, in the order in which ``--help`` shows it. A command is its options,
a call into the room that does the work, and what it prints; nothing is decided here.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tl_course import environment
from tl_course.app import course
from tl_course.assets import (
    AssetError,
    check_target,
    copies,
    describe,
    fetch,
    fetch_optional,
    for_profile,
    held,
    optional_for,
    pack,
    registry,
    status,
    store,
)
from tl_course.assets.store import megabytes

app = typer.Typer(
    help="The command line of the transfer learning course.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console()

# what a user can mend is told in one sentence; anything else is a bug and keeps its traceback
MENDABLE = (AssetError, course.CourseError, ValueError)


class Stopped(Exception):
    """Ctrl-C ended a command; the message says what is kept, and what to do to go on."""


@contextlib.contextmanager
def _on_ctrl_c(kept: str) -> Iterator[None]:
    """End the block's command on Ctrl-C with a sentence of its own."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"Stopped; {kept}") from None


def main() -> None:
    """Run the command line. A mistake a user can mend ends with one sentence and exit code 2; Ctrl-C, with 130."""
    try:
        app()
    except MENDABLE as error:
        _stop(str(error))
    except Stopped as stop:
        _stop(str(stop), code=130)
    except SystemExit as end:
        if end.code == 130:  # how typer ends on Ctrl-C, without a word
            _stop("Stopped; what was finished is kept.", code=130)
        raise


def _stop(message: str, code: int = 2) -> NoReturn:
    Console(stderr=True).print(message, style="bold red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(code)


@app.command()
def doctor(deep: Annotated[bool, typer.Option("--deep", help="Hash every cached file (slower).")] = False) -> None:
    """Say what this machine has, what is wrong, and how to mend it. Exit code 1 when something is broken."""
    from tl_course.app.doctor import BROKEN, examine, report

    findings = examine(deep=deep)
    print(report(findings))
    broken = sum(finding.state == BROKEN for finding in findings)
    print(f"\n{broken} broken." if broken else "\nReady.")
    raise typer.Exit(code=1 if broken else 0)


@app.command(name="fetch")
def fetch_command(
    names: Annotated[list[str] | None, typer.Argument(help="Assets by name; `--list` shows them.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show what can be fetched, and what is cached.")] = False,
    profile: Annotated[str, typer.Option(help="Fetch what a profile's lessons use: mini, cpu or gpu.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Fetch every asset of every profile.")] = False,
    place: Annotated[
        Path | None, typer.Option("--from", help="Take the files from a folder or zip (CIFAR-10: also a tar).")
    ] = None,
) -> None:
    """Bring data and weights into the cache, checked by hash.

    With nothing named: what your profile needs, and CIFAR-10 where it can be had; or all that a bundle holds.
    """
    if show:
        _list_assets()
        return
    named = names or profile or everything or os.environ.get("TL_PROFILE")
    wanted = (held(place) if place and not named else []) or _wanted(names or [], profile, everything)
    with _on_ctrl_c("what was fetched whole is kept, and the same command fetches the rest."):
        fetch(wanted, place=place, say=lambda line: print(line, flush=True))
    if not (names or place or everything):  # a profile, or nothing named
        _fetch_optional(profile or os.environ.get("TL_PROFILE") or "mini")
    if "cifar10" in (asset.name for asset in wanted):
        _prepare_cifar10()
    names_fetched = ", ".join(asset.name for asset in wanted)
    print(f"{names_fetched}: in {environment.shorten_home(environment.cache_dir())}, checked.")


def _fetch_optional(profile: str) -> None:
    """Bring CIFAR-10 where the lessons would run on it; without it they run on something else."""
    if copies.wanted():
        without = "nothing is left of a part of CIFAR-10; to go on without it, set TL_TARGET=mnist_m."
        with _on_ctrl_c(f"what was fetched whole is kept, and {without}"):
            fetch_optional(optional_for(profile), say=lambda line: print(line, flush=True))
            _prepare_cifar10()


def _prepare_cifar10() -> None:
    from tl_course.data import cifar10

    if how := cifar10.prepare():
        print(f"CIFAR-10: decoded from {how}.", flush=True)


@app.command()
def bundle(
    out: Annotated[Path, typer.Option(help="The zip to make; a folder, where it does not end in .zip.")],
    names: Annotated[
        list[str] | None, typer.Argument(help="Assets by name; `tl-course fetch --list` shows them.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Pack what a profile's lessons use: mini, cpu or gpu.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Pack every asset of every profile.")] = False,
    wheels: Annotated[
        bool, typer.Option("--wheels", help="Pack the Python packages too, for this system and Python: gigabytes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is there.")] = False,
) -> None:
    """Pack data and weights for a room without a network; there, `tl-course fetch --from` takes them."""
    wanted = _wanted(names or [], profile, everything)
    check_target(out, force)  # before anything is downloaded

    from tl_course.app.wheels import download

    def say(line: str) -> None:
        print(line, flush=True)

    with _on_ctrl_c(f"{out} was not written. What was downloaded for it is kept, and the same command goes on."):
        folder = download(say) if wheels else None
        size = pack(wanted, out, wheels=folder, force=force, say=say)
    print(f"{out}: {megabytes(size)}, every file checked. On the other machine: tl-course fetch --from {out.name}")


def _wanted(names: list[str], profile: str, everything: bool) -> list:
    if sum(map(bool, (names, profile, everything))) > 1:
        raise ValueError("Name assets, or a --profile, or --all: one of the three.")
    if everything:
        return list(registry().values())
    if names:
        unknown = [name for name in names if name not in registry()]
        if unknown:
            raise ValueError(f"There is no asset called {unknown[0]!r}; there are {', '.join(registry())}.")
        return [registry()[name] for name in names]
    profile = profile or os.environ.get("TL_PROFILE") or "mini"
    if profile not in environment.PROFILES:
        raise ValueError(f"The profile {profile!r} does not exist; choose one of {', '.join(environment.PROFILES)}.")
    return for_profile(profile)


def _list_assets() -> None:
    table = Table("asset", "state", "size", "profiles", "what, and its licence", box=None, pad_edge=False)
    for column in table.columns[:4]:
        column.no_wrap = True
    for asset in registry().values():
        here = f"; here: {form}" if (form := describe(asset)) else ""
        what = f"{asset.title}; licence: {asset.licence}{here}"
        table.add_row(asset.name, status(asset), megabytes(asset.size), " ".join(asset.profiles), what)
    console.print(table)


@app.command()
def run(
    names: Annotated[
        list[str] | None, typer.Argument(help="Lessons by number or name; all of them when left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the executed copies.", show_default="build/lessons")
    ] = None,
    profile: Annotated[str, typer.Option(help="The size: mini, cpu or gpu; TL_PROFILE, or mini, if left out.")] = "",
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help="Try every cell with stand-ins, as small as can be, and without a network."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Execute also what is up to date.")] = False,
) -> None:
    """Execute lessons from first cell to last and print a table. Exit code 1 when one fails.

    What they need is fetched first; with no lesson named, CIFAR-10 too, where it can be had.
    """
    os.environ |= ({"TL_PROFILE": profile} if profile else {}) | ({"TL_REHEARSE": "1"} if rehearse else {})
    paths = course.lessons(names or [])
    env = environment.current()
    if environment.too_large(env):
        print(f"Note: {environment.too_large(env)}.", file=sys.stderr)
    folder = Path("rehearsal", env.profile) if env.rehearsal else Path("lessons")
    out = out or course.root() / "build" / folder
    with _on_ctrl_c("what was fetched whole is kept, and no lesson was run yet."):
        fetch(for_profile(env.profile), say=lambda line: print(line, flush=True))
    if not names:
        _fetch_optional(env.profile)
    table = Table("lesson", "seconds", "peak memory", "result", title="Lessons", title_justify="left")
    failed = False
    results = course.run(paths, out, force=force)
    where = environment.shorten_home(out.resolve())
    with _on_ctrl_c(f"the lessons that were finished are kept in {where}, and the same command runs the others."):
        try:
            for path in paths:
                with console.status(f"{path.stem} is running"):
                    row, kept = next(results)
                failed |= not row.ok
                result = escape(row.result) + (" (kept)" if kept else "")
                table.add_row(row.lesson, f"{row.seconds:.0f}", megabytes(row.peak_bytes), result)
        finally:  # after Ctrl-C too
            console.print(table)
    print(f"The executed lessons are in {where}.")
    raise typer.Exit(code=1 if failed else 0)


@app.command()
def start(
    options: Annotated[
        list[str] | None,
        typer.Argument(help="Options for JupyterLab itself, after `--`; in a container as root: -- --allow-root"),
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option(help="Your own folder.", show_default="workspace in the clone")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    port: Annotated[
        int, typer.Option(help="Port for JupyterLab; the next free one is taken when it is in use.")
    ] = 8888,
    only_copy: Annotated[bool, typer.Option("--only-copy", help="Copy the files and stop.")] = False,
) -> None:
    """Copy lessons and exercises into your workspace (never over your work) and open JupyterLab at its start page."""
    from tl_course.app import serving, startpage

    workspace = _workspace(workspace)
    for line in course.make_workspace(workspace):
        print(line)
    ahead = startpage.write(workspace)
    where = f"start with notebooks/{ahead.name}" if ahead else "every lesson in it is done"
    print(f"Your workspace is {environment.shorten_home(workspace)}; {where}.", flush=True)
    if only_copy:
        return
    command = serving.command(workspace, port=port, browser=browser, options=options or [])
    code = serving.attend(command, workspace, env=startpage.jupyter_environment())
    if code and hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in command:
        print(
            "JupyterLab does not run as root unless it is told to. In a container that is yours alone: "
            "`make lab ALLOW_ROOT=1`, or `tl-course start -- --allow-root`.",
            file=sys.stderr,
        )
    raise typer.Exit(code=code)


@app.command()
def stop(
    workspace: Annotated[
        Path | None, typer.Option(help="Your own folder.", show_default="workspace in the clone")
    ] = None,
) -> None:
    """Stop what `start` opened in your workspace: JupyterLab and all kernels. Save your notebooks first."""
    from tl_course.app import serving

    for line in serving.stop(_workspace(workspace)):
        print(line)


def _workspace(given: Path | None) -> Path:
    return (given or course.root() / "workspace").resolve()


@app.command()
def reset(
    lesson: Annotated[str, typer.Argument(help="A lesson by number or name.")],
    exercise: Annotated[bool, typer.Option("--exercise", help="Its exercise, and not the lesson.")] = False,
    workspace: Annotated[
        Path | None, typer.Option(help="Your own folder.", show_default="workspace in the clone")
    ] = None,
) -> None:
    """Give you a fresh copy of one lesson; yours is kept beside it under a numbered name."""
    print(course.reset(_workspace(workspace), lesson, folder="exercises" if exercise else "notebooks"))


# How `tl-course finetune --help` is divided.
DATA, NETWORK, TRAINING, RESULTS = "Your data", "The network", "How it is trained", "What is written"


@app.command()
def finetune(
    data: Annotated[
        Path, typer.Argument(help="A folder with a subfolder of images for each class, or a CSV of texts.")
    ],
    text: Annotated[str | None, typer.Option(help="CSV: the column with the texts.", rich_help_panel=DATA)] = None,
    label: Annotated[str | None, typer.Option(help="CSV: the column with the classes.", rich_help_panel=DATA)] = None,
    group: Annotated[
        str | None,
        typer.Option(help="CSV: the column with author, document …, kept together.", rich_help_panel=DATA),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="CSV: another one, with the same columns, for the test.", rich_help_panel=DATA),
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(help="CSV: another one to choose the network by.", rich_help_panel=DATA)
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="CSV: its encoding, if not UTF-8: cp1252 …", rich_help_panel=DATA)
    ] = "utf-8-sig",
    on_error: Annotated[
        str,
        typer.Option(help="With broken images and rows, tiny classes: raise or skip.", rich_help_panel=DATA),
    ] = "raise",
    fit: Annotated[
        str,
        typer.Option(
            help="Images that are no squares: crop the middle, pad with bars, or squish into one.", rich_help_panel=DATA
        ),
    ] = "crop",
    flip: Annotated[
        bool, typer.Option(help="Mirror training images (not for letters, arrows …).", rich_help_panel=DATA)
    ] = True,
    only_look: Annotated[
        bool,
        typer.Option(
            "--only-look",
            help="Show what was found in the data, and stop: train and write nothing.",
            rich_help_panel=DATA,
        ),
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            help="A network: one of the course's, timm/NAME, OWNER/NAME of the Hugging Face hub, or ./FOLDER; `auto` "
            "looks at the data.",
            rich_help_panel=NETWORK,
        ),
    ] = "auto",
    weights: Annotated[
        str | None,
        typer.Option(help="Those to begin with, by name; `none` for random.", rich_help_panel=NETWORK),
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=3, help="Pixels of a side, or tokens of a text.", rich_help_panel=NETWORK)
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="What all may take, reading and report included; as many examples and steps as fit are used. With "
            "--steps or --epochs, the shorter holds.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Steps of fine-tuning at most; 0 for the linear probe alone.", rich_help_panel=TRAINING),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="The same in passes over the training examples.", rich_help_panel=TRAINING),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            help="Highest learning rate of the backbone; the head's follows.",
            metavar="RATE",
            show_default="3e-4 for images, 1e-4 for texts",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Examples in a step of fine-tuning.",
            show_default="32; 16 where there are few",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    class_weights: Annotated[
        str,
        typer.Option(
            help="Rare classes weigh more, and macro F1 decides: balanced, none, or auto (where classes are uneven).",
            rich_help_panel=TRAINING,
        ),
    ] = "auto",
    seed: Annotated[
        int,
        typer.Option(help="Of the choice of validation, order and augmentation.", rich_help_panel=TRAINING),
    ] = 0,
    seeds: Annotated[
        int,
        typer.Option(
            help="Fine-tune so often, with a seed each; the report shows how far their test accuracies lie apart.",
            rich_help_panel=TRAINING,
        ),
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for model and report.", show_default="NAME-finetuned", rich_help_panel=RESULTS),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Write over results that are there.", rich_help_panel=RESULTS),
    ] = False,
) -> None:
    """Train a classifier on your own images or texts; leaves a model and a report with all you should know of it.

    After Ctrl-C, or a kill, the same command goes on where it stopped.
    """
    from tl_course import recipes

    settings = recipes.Settings(
        out=out, force=force, model=model, weights=weights, size=size, steps=steps, epochs=epochs, seed=seed,
        on_error=on_error, flip=flip, fit=fit, text=text, label=label, group=group, encoding=encoding,
        test=test, validation=validation, minutes=minutes, lr=lr, batch_size=batch_size,
        class_weights=class_weights, seeds=seeds,
    )  # fmt: skip
    if only_look:
        with _on_ctrl_c("nothing was written."):
            recipes.examine(data, settings, say=lambda line: print(line, flush=True))
        return
    command = shlex.join(["tl-course", *sys.argv[1:]])
    try:
        finished = recipes.finetune(data, settings, command=command, say=lambda line: print(line, flush=True))
    except KeyboardInterrupt as stop:
        nothing = "there was no model yet, and nothing is kept. The same command begins again."
        raise Stopped(f"Stopped; {getattr(stop, 'kept', nothing)}") from None
    if finished.outcome.interrupted:
        raise Stopped(
            f"Stopped; {finished.outcome.until_then} is kept in {finished.out}, with a report that says so. The same "
            "command goes on from there."
        )


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="The folder that `tl-course finetune` wrote.")],
    inputs: Annotated[list[str], typer.Argument(help="Images and folders of images; or texts; or CSVs with --text.")],
    text: Annotated[
        str | None, typer.Option(help="The inputs are CSVs; the column with the texts. Others go into the answers.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="CSV: its encoding, if not UTF-8: cp1252 …")] = "utf-8-sig",
    top: Annotated[int, typer.Option(help="How many classes to name.")] = 3,
    unsure_below: Annotated[
        float, typer.Option(help="Answer “unsure” where the class is less probable, such as 0.6.", show_default=False)
    ] = 0.0,
    table: Annotated[Path | None, typer.Option("--csv", help="Write the answers to this file.")] = None,
    on_error: Annotated[str, typer.Option(help="With broken images and rows: raise or skip.")] = "raise",
    force: Annotated[bool, typer.Option("--force", help="Write over a CSV that is there.")] = False,
) -> None:
    """Ask a model of `tl-course finetune` about new images or texts."""
    from tl_course import recipes

    if table and table.exists() and not force:
        raise ValueError(f"{table} is there already; choose another --csv, or pass --force to write over it.")
    answers, skipped = recipes.predict(
        model, inputs, top=top, text=text, encoding=encoding, on_error=on_error, unsure_below=unsure_below,
        say=lambda line: print(f"Note: {line}", file=sys.stderr),
    )  # fmt: skip
    for sentence in skipped:
        print(f"Skipped: {sentence}")
    if table:
        recipes.write_csv(answers, table, with_answer=unsure_below > 0)
        unsure = f", {sum(answer.unsure for answer in answers):,} of them unsure" if unsure_below else ""
        print(f"{sum(bool(answer.classes) for answer in answers):,} answers are in {table}{unsure}.")
        return
    for answer in answers:
        classes = ", ".join(f"{name} {value:.1%}" for name, value in answer.classes)
        print(f"{answer.name}\t{'unsure: ' * answer.unsure}{classes or '(no text)'}")


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="The folder that `tl-course finetune` wrote.")],
    format: Annotated[str, typer.Option(help="onnx, or torch for torch.export.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="The folder to write.", show_default="MODEL-onnx")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an export that is there.")] = False,
) -> None:
    """Export a model, to run it without this package; checked against the saved one, with its preprocess beside it."""
    from tl_course import models

    folder = out or model.with_name(f"{model.resolve().name}-{format}")
    with _on_ctrl_c("nothing was written."):
        done = models.export(model, folder, format=format, force=force)
    print(f"Checked in {done.tried} batches: the logits differ by {done.difference:.1e} at most.")
    if done.length:
        print(f"Every text must be padded to {done.length} tokens: this network cannot be exported for any length.")
    print(f"{folder} has {', '.join(sorted(path.name for path in folder.iterdir()))}.")


@app.command()
def grade(
    submissions: Annotated[
        Path, typer.Argument(help="A folder, a zip, or one notebook; as your platform exports them.")
    ],
    exercise: Annotated[str, typer.Option(help="The number of the exercise, such as 05.")],
    out: Annotated[Path, typer.Option(help="The table; pages and summary are written beside it.")] = Path("grades.csv"),
    jobs: Annotated[int, typer.Option(help="Submissions at a time.")] = 1,
    tests: Annotated[
        Path | None,
        typer.Option(help="A folder with questions of your own, lesson_NN.py or lesson_NN/, unseen by learners."),
    ] = None,
    due: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="Mark later ones as late.")
    ] = None,
    regrade: Annotated[bool, typer.Option("--regrade", help="Mark again what is marked already.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over results that are there.")] = False,
) -> None:
    """Grade a class; leaves a table, a feedback page each, and a summary. After Ctrl-C, call it again to go on.

    The exit code is 1 where an answer could not be judged.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from tl_course.grading.starting import ahead

    with ahead(exercise.zfill(2), tests) as waiting:  # before PyTorch is loaded here
        from tl_course import grading

        if due and due.time() == time.min:
            due = datetime.combine(due, time.max)  # a day is over at its end
        job = grading.Job(
            submissions, exercise, out, tests=tests, jobs=jobs, due=due, force=force, regrade=regrade
        )  # fmt: skip
        columns = (TextColumn("Grading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bar = Progress(*columns, console=Console(file=sys.stderr), redirect_stdout=False, redirect_stderr=False)
        with _on_ctrl_c("what is marked is kept, and the same command goes on from there."), bar:
            task = bar.add_task("", total=None)
            report = grading.grade(
                job,
                lambda done, total: bar.update(task, completed=done, total=total),
                warn=bar.console.print,
                waiting=waiting,
            )
    for line in report.in_words():
        print(line)
    if report.unchecked:
        raise typer.Exit(1)


@app.command()
def nbgrader(
    folder: Annotated[Path, typer.Argument(help="nbgrader's course folder; made where there is none.")],
    exercise: Annotated[
        list[str] | None, typer.Option(help="The number of an exercise; again for another; all of them if left out.")
    ] = None,
    submissions: Annotated[
        Path | None, typer.Option(help="What your platform exports: put into the folder for nbgrader's autograding.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over notebooks that are there and differ.")] = False,
) -> None:
    """Write exercises as a course folder for nbgrader; with --submissions, a class's notebooks into it."""
    from tl_course.grading import export

    if submissions and len(exercise or []) != 1:
        raise ValueError("--submissions belong to one exercise: name it with --exercise.")
    names = export.write_course(folder, exercise or [], force=force)
    print(f"{folder} has the source of {', '.join(names)}.")
    steps = "generate_assignment"
    if submissions:
        count = export.hand_over(folder, exercise[0], submissions, force=force, say=print)
        print(f"{count} submissions are in {folder / 'submitted'}.")
        steps = "generate_assignment (once), autograde, generate_feedback, export"
    print(f"Next, in {folder}: nbgrader {steps}. docs/grading.md says what its marks are worth.")
    if not _importable("nbgrader"):
        print("nbgrader is not installed here: pip install -c constraints.txt -e '.[nbgrader]'")


@app.command()
def test(
    quick: Annotated[bool, typer.Option("--quick", help="Only what a minute or two can prove; see above.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Everything there is; see above.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Run the notebooks that are known to pass unchanged, too.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=0, help="Test processes side by side; one for each core, if left out.")
    ] = None,
) -> None:
    """Run the tests, in one of three tiers.

    --quick (make check): lint, the unit tests, the examples of the documentation. No test takes over a second of
    processor time, or it fails.

    Without an option (make test): also kernels, grading, fine-tuning, bundles and faults of processes, and every
    notebook from first cell to last, its fixed outputs compared (nbval). A notebook that passed on this machine, and of
    which nothing has changed since, is not run again.

    --full (make test-full): also what takes minutes: all mutants, many draws, records derived again, whole bundles.

    After Ctrl-C the notebooks that passed so far are remembered.
    """
    from tl_course.app import testing

    if quick and full:
        raise ValueError("--quick and --full are two tiers; name one of them, or neither for the tier between.")
    missing = [name for name in ("pytest", "xdist", "nbval", "ruff") if not _importable(name)]
    if missing:
        raise course.CourseError(
            f"The tests need {', '.join(missing)}: install them with `pip install -c constraints.txt -e '.[test]'`."
        )
    if not quick:
        fetch(for_profile("mini"), say=lambda line: print(line, flush=True))
    tier = "check" if quick else "full" if full else "test"
    run = testing.Run(course.root(), tier, testing.jobs() if jobs is None else jobs, force=force)
    raise typer.Exit(code=run.start())


def _importable(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


@app.command()
def clean(
    cache: Annotated[bool, typer.Option("--cache", help="Also delete the downloaded files.")] = False,
) -> None:
    """Delete what was built (build/); never your workspace."""
    try:
        build = course.root() / "build"
        if build.exists():
            shutil.rmtree(build)
            print(f"Deleted {environment.shorten_home(build)}.")
        if cache:
            store.clear(environment.cache_dir(), registry())
            print(f"Deleted the course's files in {environment.shorten_home(environment.cache_dir())}.")
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be deleted ({error.strerror}); delete it yourself.") from error


if __name__ == "__main__":
    main()
