"""Hold the package's messages and docstrings to plain words: ``python -m authoring.plain_words``.

Read are the sentences of errors (what is raised), of checks (messages, hints and reasons of questions) and of public
docstrings. Reported are words that a reader with English as a second language stumbles over, and in errors and checks
sentences of more than `LONGEST` words. The exit status is 1 when there is anything to report.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authoring import sources

LONGEST = 25
AVOID = {
    r"who(?:so|m)?ever": "name who it is",
    r"whatever": "say what",
    r"whichever": "say which, or: in every",
    r"nobody(?:'s)?": "say who does what",
    r"anew": "again",
    r"for ever(?!y)": "always, or: it stays",
    r"(?<!there )(?:is|are|was|were) (?:not )?to (?!(?:an?|the)\b)\w+": "must, will, should",
    r"asked for (?:is|are|was|were)": "say what to give, not what was asked for",
    r"none such": "say what is allowed",
    r"by lot": "at random",
    r"affair": "say whose task it is",
    r"(?<!there )(?:is|are|was|were) (?-i:none)(?= of\b|[;,.:]|$)": "say what is allowed",
    r"not (?:without|un(?!i)(?!til)(?!der)(?!less)\w+)": "say it without the double negation",
    r"no(?:t|r)? \w+ (?:but )?without": "say it without the double negation",
}
"""Patterns of words to avoid, and what to write instead."""

_AVOID = [(re.compile(rf"\b{pattern}(?!\w)", re.IGNORECASE), instead) for pattern, instead in AVOID.items()]
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+")
_MESSAGES = {"message", "why", "hints", "help"}


@dataclass(frozen=True)
class Finding:
    """One place to mend, printed as one line."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def find(root: Path, place: Path | None = None) -> Iterator[Finding]:
    """Yield what is wrong in the package below a root, or in one folder or file of it."""
    place = place or root / "tl_course"
    for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
        yield from examine(path.read_text(encoding="utf-8"), path.relative_to(root))


def examine(code: str, path: Path = Path("code.py")) -> Iterator[Finding]:
    """Yield what is wrong in one module's code.

    >>> [finding.message for finding in examine('raise ValueError("Whoever made it, nobody knows.")')]
    ["'Whoever': name who it is", "'nobody': say who does what"]
    """
    tree = ast.parse(code)
    for line, text in _docstrings(tree):
        yield from (Finding(path, line, said) for said in _words(text))
    for line, text in _messages(tree):
        yield from (Finding(path, line, said) for said in (*_words(text), *_long(text)))


def _words(text: str) -> Iterator[str]:
    text = re.sub(r"``.*?``|`[^`]*`", "code", " ".join(text.split()))
    for pattern, instead in _AVOID:
        for found in pattern.finditer(text):
            yield f"{found[0]!r}: {instead}"


def _long(text: str) -> Iterator[str]:
    for sentence in _SENTENCE.split(re.sub(r"`[^`]*`", "code", text)):
        if (count := len(sentence.split())) > LONGEST:
            yield f"a sentence of {count} words, {LONGEST} at most: {sentence[:50]!r}…"


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Docstrings of what has a public name, without their examples."""
    public = [tree, *(node for node in ast.walk(tree) if _is_public(node))]
    for node in public:
        if text := ast.get_docstring(node):
            prose = [line for line in text.splitlines() if not line.lstrip().startswith((">>>", "..."))]
            yield node.body[0].lineno, "\n".join(prose)


def _is_public(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")


def _messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What is raised or warned of, and what a question or a command says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            values = [*node.exc.args, *(word.value for word in node.exc.keywords)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("warn", "_stop"):
            values = node.args[:1]
        elif isinstance(node, ast.Call):
            values = [word.value for word in node.keywords if word.arg in _MESSAGES]
            values += node.args[1:2] if ast.unparse(node.func) == "Wrong" else []
        else:
            continue
        for value in values:
            for part in value.elts if isinstance(value, ast.Tuple) else [value]:
                if text := _text(part):
                    yield part.lineno, text


def _text(value: ast.AST) -> str:
    """A string of code, each computed part as one word."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "value" for part in value.values)
    if isinstance(value, ast.BinOp):
        return _text(value.left) + _text(value.right)
    if isinstance(value, ast.IfExp):
        return max(_text(value.body), _text(value.orelse), key=len)
    return ""


def main(root: Path = sources.ROOT) -> int:
    """Print what is found and return the exit status."""
    found = list(find(root))
    print("\n".join(map(str, found)) or "Plain words: nothing to report.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
