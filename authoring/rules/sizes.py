"""A size typed into a lesson, an exercise or a record's script where the profile has it by role; where that is meant.

The roles are those of ``tl_course/profiles.py``. Exercises need none: they are asked, worked and judged on toys.
"""

import ast
from collections.abc import Iterator

from authoring.rules.base import Document, Findings, Kind, rule
from authoring.rules.code import parsed
from tl_course.profiles import PROFILES

ROLES = {
    getattr(profile, role): f"env.{role}" for role in ("extractor", "backbone", "text") for profile in PROFILES.values()
}
"""Networks that have a role in some profile, and how a lesson asks for the network in that role."""

DATA = {tuple(sorted(profile.reviews.items())): "**env.reviews" for profile in PROFILES.values()}
DATA[(("name", "cifar10"),)] = "tl.data.target()"
CREATING = ("create", "network")
"""What makes a network by its name: the course's verb, and what puts it on the device for a record."""
COUNTS = {"steps": "env.steps(…)", "train_per_class": "env.labels(…)"}
CONSTANTS = {"STEPS": COUNTS["steps"], "LABELS": COUNTS["train_per_class"], "BUDGET": COUNTS["train_per_class"]}
"""What a script's constants count, by a word of their names."""

LETTERS = "the course trains this network itself, on letters, in every profile alike"
COMPARED = "how many labels is what is compared, and the paper's texts are the same in every profile"
SECONDS = "about how far these labels go in a minute of a laptop, in no other size"
DIGITS = "a small network on small digits, the same toy in every profile"

PERMITTED = {
    ("01", 'create("resnet_small")'): LETTERS,
    ("01", "train_per_class=10"): "the records are of ten labels, and the small network is the letters'",
    ("01", "steps=100"): "a head on the letters network's features",
    ("01", "steps=40"): "the letters network, by the record's recipe",
    ("03", 'create("resnet_small")'): LETTERS,
    ("03", "train_per_class=3"): "a few letters to hold a step against another one",
    ("03", "train_per_class=10"): "the digits that the learner's own letters network is tried on",
    ("03", "steps=20"): "the learner's own letters network is fine-tuned, beside its control",
    ("04", 'create("vgg_small")'): "about its BatchNorm, which the larger VGG lacks",
    ("05", 'create("resnet_small")'): "about the letters network's BatchNorm, which target pictures shift",
    ("12", "steps=1500"): DIGITS,
    ("12", "steps=1000"): DIGITS,
    ("14", "steps=400"): DIGITS,
    ("01_domain_shift", 'create("resnet_small")'): LETTERS,
    ("01_label_budget", 'create("resnet_small")'): LETTERS,
    ("01_patience", 'create("resnet_small")'): LETTERS,
    ("01_patience", "STEPS={10: 300, 30: 300, 100: 450}"): LETTERS,
    ("01_patience", "BUDGETS=(10, 30, 100)"): LETTERS,
    ("05_minute", 'load("cifar10")'): SECONDS,
    ("05_minute", "LABELS=100"): SECONDS,
    ("10_matrix", "LABELS=1000"): COMPARED,
    ("10_probes", "LABELS=400"): COMPARED,
    ("10_probes", "BUDGETS=(20, 50, 100, 200, 400)"): COMPARED,
}
"""What may be typed although there is a role, with its reason: by number of the lesson or name of the record."""


@rule(Kind.LESSON_SOURCE, Kind.EXERCISE_SOURCE, Kind.RECORD)
def typed_size(document: Document) -> Findings:
    """What is typed stays as it is in every profile, and a larger profile is then a promise that is not kept."""
    script = document.kind is Kind.RECORD
    place = document.path.stem if script else document.path.stem[:2]
    for position, cell in document.cells("code"):
        for typed, role in (typed_in_script if script else typed_sizes)(parsed(cell.source)):
            if (place, typed) not in PERMITTED:
                yield (
                    position,
                    f"{typed} is the same in every profile; take {role}, or permit it with its reason in "
                    "authoring/rules/sizes.py",
                )


def typed_sizes(code: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what code types although the profile has it, and the role to take.

    >>> list(typed_sizes(ast.parse('fit(create("resnet18"), steps=60)')))
    [('steps=60', 'env.steps(…)'), ('create("resnet18")', 'env.backbone')]
    """
    for node in ast.walk(code):
        if isinstance(node, ast.Call):
            named = {word.arg: word.value for word in node.keywords if word.arg}
            yield from _counts(named)
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = _text(node.args[0] if node.args else named.get("name"))
            if called in CREATING and first in ROLES:
                yield f'create("{first}")', ROLES[first]
            if called == "load" and first:
                yield from _data(first, named)
        elif isinstance(node, ast.Dict):
            yield from _counts({_text(key): value for key, value in zip(node.keys, node.values, strict=True)})


def typed_in_script(code: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield what a record's script types although the profile has it: as a lesson does, and in its constants.

    >>> list(typed_in_script(ast.parse('STEPS, RATE = 60, 1e-3; BUDGETS = {10: env.labels(10)}')))
    [('STEPS=60', 'env.steps(…)')]
    """
    yield from typed_sizes(code)
    for node in code.body:
        if isinstance(node, ast.Assign):
            yield from _constants(node.targets[0], node.value)


def _constants(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, typed in zip(target.elts, value.elts, strict=True):
            yield from _constants(one, typed)
    elif isinstance(target, ast.Name) and _typed(value):
        for word, role in CONSTANTS.items():
            if word in target.id:
                yield f"{target.id}={ast.unparse(value)}", role


def _typed(value: ast.expr) -> bool:
    """Whether a number stands there, alone or in a collection, and no call that may ask the profile for it."""
    if isinstance(value, ast.Dict):
        return any(map(_typed, value.values))
    if isinstance(value, ast.Tuple | ast.List):
        return any(map(_typed, value.elts))
    return isinstance(value, ast.Constant) and type(value.value) is int


def _counts(named: dict[str | None, ast.expr]) -> Iterator[tuple[str, str]]:
    for name, role in COUNTS.items():
        value = named.get(name)
        if isinstance(value, ast.Constant) and type(value.value) is int:
            yield f"{name}={value.value}", role


def _data(name: str, named: dict[str, ast.expr]) -> Iterator[tuple[str, str]]:
    options = {key: _text(value) for key, value in named.items() if _text(value) and key != "name"}
    role = DATA.get(tuple(sorted({"name": name, **options}.items())))
    if role and "three_class" not in named:  # a task of its own
        yield f'load("{", ".join([name, *options.values()])}")', role


def _text(node: ast.expr | None) -> str | None:
    """What a literal text says; None for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
