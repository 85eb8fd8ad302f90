"""Rules for outputs: readable by everyone, the same on every machine, and small."""

import json
import re
import sys
import tempfile
from pathlib import Path

from nbformat import NotebookNode

from authoring.rules.base import EXECUTED, Document, Findings, rule

MAX_TEXT_CHARACTERS = 10_000
MAX_OUTPUT_BYTES = 500_000

_BASE64 = re.compile(r"base64,[A-Za-z0-9+/=\s]+")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
_HOME_OR_TEMPORARY = re.compile(
    r"(?<![\w.~])(?:/home/\w|/root/|/Users/\w|/tmp/|/var/folders/)|\b[A-Za-z]:\\+Users\\|\bsite-packages\b"
)


@rule(*EXECUTED)
def image_output(document: Document) -> Findings:
    """JupyterLab shows image outputs without alt text, whatever is done about it."""
    for position, _, output in document.outputs():
        for mime in output.get("data", {}):
            if mime.startswith("image/"):
                yield position, f"{mime} has no alt text in JupyterLab; show an HTML <figure><img alt=…> instead"


@rule(*EXECUTED)
def stderr_output(document: Document) -> Findings:
    """A warning the reader cannot judge is noise, and graders take it for a failure."""
    for position, _, output in document.outputs():
        if output.output_type == "stream" and output.name == "stderr":
            line = output.text.strip().splitlines()[-1:] or [""]
            yield position, f"writes to stderr ({line[0][:60]!r}); mend the cause of the warning or bar"


@rule(*EXECUTED)
def machine_path(document: Document) -> Findings:
    """A path of the author's machine helps no reader and changes with every build."""
    for position, _, output in document.outputs():
        text = _BASE64.sub("", _text(output))
        found = _HOME_OR_TEMPORARY.search(text)
        own = next((folder for folder in _own_folders(document.course.root) if folder in text), None)
        if found or own:
            shown = own or found[0]
            yield position, f"shows a path of this machine ({shown}…); print a name or a path relative to the course"


@rule(*EXECUTED)
def memory_address(document: Document) -> Findings:
    """An address says nothing and changes with every build."""
    for position, _, output in document.outputs():
        if _ADDRESS.search(_text(output)):
            yield position, "shows a memory address; end the line with ; or give the object a __repr__"


@rule(*EXECUTED)
def long_text(document: Document) -> Findings:
    """Nobody reads pages of printed lines."""
    for position, _, output in document.outputs():
        plain = output.text if output.output_type == "stream" else output.get("data", {}).get("text/plain", "")
        if len(plain) > MAX_TEXT_CHARACTERS:
            yield position, f"prints {len(plain)} characters, {MAX_TEXT_CHARACTERS} at most; print less"


@rule(*EXECUTED)
def big_output(document: Document) -> Findings:
    """Big outputs make a notebook slow to open and a repository slow to clone."""
    for position, _, output in document.outputs():
        size = len(json.dumps(output).encode())
        if size > MAX_OUTPUT_BYTES:
            limit = MAX_OUTPUT_BYTES // 1000
            yield position, f"an output of {size // 1000} kB, {limit} at most; fewer pixels, or fewer points"


def _own_folders(root: Path) -> list[str]:
    """Folders of this machine that no output may name."""
    folders = {str(root), str(Path.home()), sys.prefix, tempfile.gettempdir()}
    return sorted((folder for folder in folders if folder.count("/") > 1 or "\\" in folder), key=len, reverse=True)


def _text(output: NotebookNode) -> str:
    """Everything readable in an output."""
    parts = [output.get("text", ""), *output.get("traceback", []), output.get("evalue", "")]
    data = output.get("data", {})
    parts += [value if isinstance(value, str) else json.dumps(value) for value in data.values()]
    return "\n".join(parts)
