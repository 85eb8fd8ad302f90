"""How good are the checks? ``python -m authoring.mutants [NN ...]`` spoils every solution in small mechanical ways.

A mutant is a solution with one change: a sign flipped, a factor dropped, arguments swapped, another axis, a constant
changed, ``<`` for ``<=``, ``eval()``, ``detach()``, ``clone()`` or ``no_grad`` removed, a statement deleted. A check
that calls it right has a hole, unless the mutant is right too. Those are listed in ``authoring/mutants.toml``, each
with the reason why it is equivalent; they do not count. The exit status is 1 when less than nine tenths of the others
are killed, when a survivor is not listed, or when an entry of the list is not needed any more. What came out is kept in
``authoring/mutants.json``, for the instructor's site.
"""

import argparse
import ast
import contextlib
import copy
import io
import json
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from authoring import sources, worksheets
from authoring.build import Course
from authoring.worksheets import Worksheet
from tl_course import exercises
from tl_course.exercises import Judge
from tl_course.exercises.isolation import undisturbed

WANTED_SHARE = 0.9
SEEDS = (0, 1)
SECONDS = 10.0
"""For one mutant; a solution takes a small part of it, so that a busy machine kills no mutant that is right."""

OPPOSITE = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
OPPOSITE |= {ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.MatMult: ast.Mult}
NEIGHBOUR = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
NEIGHBOUR |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
TRANSPARENT = {"detach", "clone", "eval", "square", "abs", "exp", "log", "sqrt", "squeeze", "unsqueeze", "flatten"}
TWINS = {"mean": "sum", "sum": "mean", "min": "max", "max": "min", "argmax": "argmin", "softmax": "log_softmax"}
TWINS |= {"log_softmax": "softmax", "train": "eval", "eval": "train", "var": "std", "std": "var"}


@dataclass(frozen=True)
class Mutant:
    """One spoilt solution.

    Attributes
    ----------
    slug : str
        The question.
    change : str
        What was done, as ``before → after``; it names the mutant in the list of equivalents.
    code : str
        The spoilt cell.
    """

    slug: str
    change: str
    code: str


@dataclass(frozen=True)
class Tally:
    """What became of the mutants of a lesson's solutions.

    Attributes
    ----------
    questions : int
    mutants : int
        Those that count: all but the equivalent ones.
    killed : int
        Mutants that no check called right.
    equivalent : int
        Survivors that are listed with their reason.
    """

    questions: int = 0
    mutants: int = 0
    killed: int = 0
    equivalent: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(mine + theirs for mine, theirs in zip(self.numbers, other.numbers, strict=True)))

    @property
    def numbers(self) -> tuple[int, ...]:
        """The four numbers."""
        return tuple(asdict(self).values())

    @property
    def share(self) -> float:
        """The share killed, 1 where there was nothing to kill."""
        return self.killed / self.mutants if self.mutants else 1.0

    def __str__(self) -> str:
        return f"{self.killed} of {self.mutants} mutants killed ({self.share:.1%}), {self.equivalent} equivalent"


# --- making mutants ------------------------------------------------------------------------------------------------


def mutants(slug: str, source: str) -> list[Mutant]:
    """Return every mutant of a solution's cell, each once."""
    tree = ast.parse(source)
    found: dict[str, Mutant] = {}
    texts = [node.value for node in ast.walk(tree) if _is_docstring(node)]
    for place, node in enumerate(ast.walk(tree)):
        for other in () if node in texts else _spoilt(node):
            spoilt = ast.unparse(_replaced(tree, place, other))
            change = f"{_shown(node)} → {_shown(other)}"
            if spoilt != ast.unparse(tree):
                found.setdefault(spoilt, Mutant(slug, change, spoilt))
    return list(found.values())


def _shown(node: ast.AST | None) -> str:
    """The first line of a node's code."""
    return ast.unparse(node).splitlines()[0] if node is not None else "nothing"


def _replaced(tree: ast.Module, place: int, other: ast.AST) -> ast.Module:
    """A copy of a tree with the node at this place of the walk replaced."""
    spoilt = copy.deepcopy(tree)
    target = next(node for number, node in enumerate(ast.walk(spoilt)) if number == place)

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return other if node is target else self.generic_visit(node)

    return ast.fix_missing_locations(Replace().visit(spoilt))


def _spoilt(node: ast.AST) -> Iterator[ast.AST]:
    """All spoilt forms of one node."""
    if isinstance(node, ast.BinOp):
        if twin := OPPOSITE.get(type(node.op)):
            yield ast.BinOp(node.left, twin(), node.right)
        yield from (node.left, node.right)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in NEIGHBOUR:
        yield ast.Compare(node.left, [NEIGHBOUR[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.With):
        yield ast.If(ast.Constant(True), node.body, [])
    elif isinstance(node, ast.Expr | ast.Assign | ast.AugAssign) and not _is_docstring(node):
        yield ast.Pass()


def _constants(value: object) -> Iterator[ast.Constant]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        if value:
            yield ast.Constant(-value)
    elif isinstance(value, str) and len(value) < 20:
        yield ast.Constant(value[1:])
        yield ast.Constant(value + "Z")


def _calls(call: ast.Call) -> Iterator[ast.AST]:
    """Arguments swapped, a keyword left out, a method removed or replaced by its twin."""
    arguments = call.args
    if len(arguments) > 1 and not any(isinstance(one, ast.Starred) for one in arguments):
        yield ast.Call(call.func, [arguments[1], arguments[0], *arguments[2:]], call.keywords)
    for number in range(len(call.keywords)):
        if call.keywords[number].arg != "strict":
            yield ast.Call(call.func, arguments, [*call.keywords[:number], *call.keywords[number + 1 :]])
    if isinstance(call.func, ast.Attribute):
        if call.func.attr in TRANSPARENT:
            yield call.func.value
        if twin := TWINS.get(call.func.attr):
            yield ast.Call(ast.Attribute(call.func.value, twin, ast.Load()), arguments, call.keywords)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


# --- trying them ---------------------------------------------------------------------------------------------------


def survives(mutant: Mutant, judges: Sequence[Judge], names: dict) -> bool:
    """Whether a question's judges call a mutant right, all of them: one for each seed."""
    names = dict(names)
    with contextlib.redirect_stdout(io.StringIO()), undisturbed():
        try:
            exec(compile(mutant.code, f"<{mutant.slug}>", "exec"), names)
        except Exception:
            return False
        answer = names.get(f"answer_{mutant.slug}", ...)
        return all(
            judge.right(exercises.collect(judge.question, answer, judge.cases, seconds=SECONDS)) for judge in judges
        )


def examine(worksheet: Worksheet, every: int = 1) -> dict[str, tuple[int, list[Mutant]]]:
    """Return for each question how many of its mutants were tried, each or one in so many, and those that survive."""
    names: dict = {"__name__": "worksheet"}
    result = {}
    by_slug = {question.slug: question for question in worksheet.questions}
    with contextlib.redirect_stdout(io.StringIO()), undisturbed():
        for slug, code in worksheets.program(worksheet):
            if slug:
                question = by_slug[slug]
                judges = [Judge(question, question.inputs(seed)) for seed in SEEDS]
                judges[0].expected  # noqa: B018  PyTorch loads much when first used: not in a mutant's time
                tried = mutants(slug, code)[::every]
                result[slug] = (len(tried), [one for one in tried if survives(one, judges, names)])
            exec(compile(code, f"<{worksheet.stem}>", "exec"), names)
    return result


# --- the report ----------------------------------------------------------------------------------------------------


def equivalents(root: Path) -> dict[tuple[str, str], str]:
    """Return the listed equivalent mutants: ``(slug, change) → reason``.

    Raises
    ------
    ValueError
        If an entry lacks its reason.
    """
    path = root / "authoring" / "mutants.toml"
    listed = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found = {}
    for slug, entries in listed.items():
        for entry in entries:
            if not entry.get("reason") or not entry.get("change"):
                raise ValueError(f"authoring/mutants.toml: an entry of {slug} lacks its change or its reason; add it.")
            found[slug, entry["change"]] = entry["reason"]
    return found


def report(worksheet: Worksheet, listed: dict[tuple[str, str], str]) -> tuple[list[str], Tally, bool]:
    """Examine one lesson's solutions; return the lines to print, the sums, and whether all is well."""
    lines, fine, total = [], True, Tally()
    for slug, (number, alive) in examine(worksheet).items():
        excused = [one for one in alive if (slug, one.change) in listed]
        tally = Tally(1, number - len(excused), number - len(alive), len(excused))
        total += tally
        lines.append(f"  {slug}: {tally}")
        for one in alive:
            reason = listed.get((slug, one.change))
            lines.append(f"    {one.change}: {reason or 'SURVIVES; mend the check, or list it with a reason'}")
            fine &= reason is not None
        for name, change in listed:
            if name == slug and change not in {one.change for one in alive}:
                lines.append(f"    {change}: is listed and does not survive; remove it from authoring/mutants.toml")
                fine = False
    return [f"{worksheet.stem}: {total}", *lines], total, fine and total.share >= WANTED_SHARE


def kept(root: Path) -> dict[str, Tally]:
    """Return what came out last, by lesson stem; empty where nothing was ever examined."""
    file = root / "authoring" / "mutants.json"
    if not file.is_file():
        return {}
    return {stem: Tally(**row) for stem, row in json.loads(file.read_text(encoding="utf-8")).items()}


def keep(root: Path, tallies: dict[str, Tally]) -> None:
    """Keep what came out for these lessons, and leave the others as they are."""
    rows = {stem: asdict(tally) for stem, tally in sorted((kept(root) | tallies).items())}
    text = ",\n".join(f" {json.dumps(stem)}: {json.dumps(row)}" for stem, row in rows.items())
    (root / "authoring" / "mutants.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None, root: Path = sources.ROOT) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m authoring.mutants", description="Try the checks on spoilt solutions."
    )
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lesson numbers; all where none is given")
    wanted = {number.zfill(2) for number in parser.parse_args(arguments).lessons}
    fine, tallies = True, {}
    try:
        listed = equivalents(root)
        chosen = [one for one in Course(root).worksheets if not wanted or one.lesson.number in wanted]
        if unknown := wanted - {one.lesson.number for one in chosen}:
            raise ValueError(f"There are no exercises {', '.join(sorted(unknown))}.")
        for worksheet in chosen:
            lines, tallies[worksheet.stem], well = report(worksheet, listed)
            print("\n".join(lines), flush=True)
            fine &= well
        keep(root, tallies)
        if len(tallies) > 1:
            print(f"all {len(tallies)} lessons: {sum(tallies.values(), Tally())}")
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
