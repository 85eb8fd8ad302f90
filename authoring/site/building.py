"""Markdown and notebooks made into HTML by Sphinx, again and again, without leaving anything stale behind."""

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from authoring.site import lessons, pages, records, reference
from authoring.site.content import Content

MATHJAX = (
    "MathJax.js",
    "config/TeX-AMS-MML_HTMLorMML-full.js",
    "extensions/*.js",
    "extensions/TeX",
    "extensions/HTML-CSS",
    "fonts",
    "jax/element",
    "jax/input/TeX",
    "jax/output/HTML-CSS",
)
"""What of MathJax the site needs; localisations, speech rules and other outputs stay where they are."""


class SiteError(RuntimeError):
    """The site was not built; the message says why, or that Sphinx said so above."""


def sources(content: Content, *, instructor: bool = False) -> dict[str, str]:
    """Return every page of the site, Markdown or notebook, by its path."""
    folder = content.root / "docs" / "site" / "pages"
    written = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    if not instructor:
        del written["instructor.md"]
    else:
        written["index.md"] += "\n{{instructor_tree}}\n"
    found = {name: pages.fill(text, content) for name, text in written.items()}
    found |= lessons.pages(content, instructor=instructor)
    return found | records.pages(content) | reference.pages(content)


def write(wanted: Mapping[str, str], folder: Path) -> bool:
    """Bring a folder in line with the wanted files, touching only what differs.

    Returns
    -------
    bool
        Whether a file came, went, or has another table of contents, so that the side bar of every page is another.
    """
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in there - wanted.keys():
        (folder / name).unlink()
    tree_changed = there != set(wanted)
    for name, text in wanted.items():
        path = folder / name
        before = path.read_text(encoding="utf-8") if name in there else None
        if before == text:
            continue
        tree_changed |= "{toctree}" in text or "{toctree}" in (before or "")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tree_changed


def build(content: Content, out: Path, work: Path, *, instructor: bool = False) -> int:
    """Build the site, or bring it up to date, and return its number of pages.

    Parameters
    ----------
    content : Content
        What it is made from.
    out, work : pathlib.Path
        Folders for the HTML, and for what Sphinx remembers between two builds.
    instructor : bool
        With the notes to the instructor, and the solutions.

    Raises
    ------
    SiteError
        If something is not installed, or Sphinx warned of anything: a site with a warning is not called built, and
        the next build warns again.
    """
    if importlib.util.find_spec("sphinx") is None or importlib.util.find_spec("jupyter_server_mathjax") is None:
        raise SiteError("The site needs Sphinx and its friends: pip install -c constraints.txt -e '.[book]'.")
    wanted = sources(content, instructor=instructor)
    source, memory = work / "source", work / "doctrees"
    again = write(wanted, source)
    copy_mathjax(out / "_static" / "mathjax")
    if _sphinx(content.root / "docs" / "site", source, memory, out, again=again, instructor=instructor):
        shutil.rmtree(memory, ignore_errors=True)  # what warned must be read, and warn, again
        raise SiteError("Sphinx had something to say about the site; see above.")
    remove_stale(out, wanted)
    return len(wanted)


def _sphinx(settings: Path, source: Path, memory: Path, out: Path, *, again: bool, instructor: bool) -> int:
    from sphinx.cmd.build import build_main

    os.environ["TL_LEDGER"] = "off"  # docstrings are read by importing the package, which is nobody's progress
    options = ["-b", "html", "-q", "-W", "--keep-going", "-c", str(settings), "-d", str(memory)]
    options += ["-a"] if again else []
    options += ["-t", "instructor"] if instructor else []
    return build_main([*options, str(source), str(out)])


def copy_mathjax(folder: Path) -> None:
    """Copy the needed part of the MathJax that jupyter-server-mathjax brings, unless it is there."""
    if (folder / "LICENSE").is_file():
        return
    [package] = importlib.util.find_spec("jupyter_server_mathjax").submodule_search_locations
    static = Path(package) / "static"
    for pattern in MATHJAX:
        for path in static.glob(pattern):
            goal = folder / path.relative_to(static)
            goal.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, goal, dirs_exist_ok=True)
            else:
                shutil.copy2(path, goal)
    # the licence last: where it is, the copy is whole
    shutil.copy2(static / "LICENSE", folder / "LICENSE")


def remove_stale(out: Path, wanted: Mapping[str, str]) -> None:
    """Delete pages whose source is gone; Sphinx itself leaves them."""
    own = {"genindex.html", "py-modindex.html", "search.html"}
    keep = own | {Path(name).with_suffix(".html").as_posix() for name in wanted}
    for path in out.rglob("*.html"):
        name = path.relative_to(out).as_posix()
        if name not in keep and not name.startswith("_static/"):
            path.unlink()
