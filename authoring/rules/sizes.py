"""A size typed into a lesson where the profile has it by role (``tl_course/profiles.py``), and where that is meant."""

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
COUNTS = {"steps": "env.steps(…)", "train_per_class": "env.labels(…)"}

LETTERS = "the course trains this network itself, on letters, in every profile alike"
DIGITS = "a small network on small digits, the same toy in every profile"

PERMITTED = {
    ("01", 'create("resnet_small")'): LETTERS,
    ("01", "train_per_class=10"): "the records are of ten labels, and the small network is the letters'",
    ("01", "steps=100"): "a head on the letters network's features",
    ("01", "steps=40"): "the letters network, by the record's recipe",
    ("03", 'create("resnet_small")'): LETTERS,
    ("03", "train_per_class=5"): "a few letters to hold a step against another one",
    ("03", "train_per_class=10"): "the digits that the learner's own letters network is tried on",
    ("03", "steps=30"): "the learner's own letters network is fine-tuned, beside its control",
    ("04", 'create("vgg_small")'): "about its BatchNorm, which the larger VGG lacks",
    ("05", 'create("resnet_small")'): "about the letters network's BatchNorm, which target pictures shift",
    ("12", "steps=1500"): DIGITS,
    ("12", "steps=1000"): DIGITS,
    ("14", "steps=400"): DIGITS,
}
"""What a lesson may type although there is a role, by number of the lesson and what it types; each with its reason."""


@rule(Kind.LESSON_SOURCE)
def typed_size(document: Document) -> Findings:
    """What a lesson types stays as it is in every profile, and a larger profile is then a promise that is not kept."""
    number = document.path.stem[:2]
    for position, cell in document.cells("code"):
        for typed, role in typed_sizes(parsed(cell.source)):
            if (number, typed) not in PERMITTED:
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
            if called == "create" and first in ROLES:
                yield f'create("{first}")', ROLES[first]
            if called == "load" and first:
                yield from _data(first, named)
        elif isinstance(node, ast.Dict):
            yield from _counts({_text(key): value for key, value in zip(node.keys, node.values, strict=True)})


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
