"""The reference: a page for each public module, made by Sphinx from its docstrings."""

import ast

from authoring.site.content import Content

MODULES = {
    "environment": "profile, device, precision, threads, seed",
    "data": "tasks, their loaders, batches",
    "metrics": "numbers about predictions and features",
    "models": "backbones, heads, freezing, saving",
    "losses": "pure functions, and losses for the loop",
    "records": "recorded results, the ledger, and claims",
    "training": "one readable loop",
    "adaptation": "weighing and choosing source examples",
    "figures": "plots that take results and never train",
    "exercises": "checks and hints",
    "recipes": "your own images and texts",
    "assets": "what can be downloaded, and fetching it",
}
"""The public modules, in the order in which a reader meets them."""


def contents(content: Content) -> str:
    """Return the list of modules, with the tree that puts them into the side bar."""
    lines = [f"* [`tl_course.{name}`](api/{name}.md): {about}" for name, about in MODULES.items()]
    tree = ["```{toctree}", ":hidden:", "", *(f"api/{name}" for name in MODULES), "```"]
    return "\n".join([*lines, "", *tree])


def pages(content: Content) -> dict[str, str]:
    """Return a page for each module by its path."""
    return {f"api/{name}.md": _page(content, name) for name in MODULES}


def _page(content: Content, name: str) -> str:
    body = [f"# `tl_course.{name}`", "", "```{eval-rst}", f".. automodule:: tl_course.{name}", "   :members:"]
    return "\n".join([*body, *_submodules(content, name), "```", ""])


def _submodules(content: Content, name: str) -> list[str]:
    """Directives for modules that a package lists among its public names, such as ``records.ledger``."""
    public = public_names(content, name)
    found = [
        alias.name
        for node in _tree(content, name).body
        if isinstance(node, ast.ImportFrom) and node.module == f"tl_course.{name}"
        for alias in node.names
        if alias.name in public
    ]
    return [f"\n.. automodule:: tl_course.{name}.{other}\n   :members:" for other in found]


def public_names(content: Content, name: str) -> list[str]:
    """Return a module's ``__all__``, read without importing it; nothing where it has none."""
    for node in _tree(content, name).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return []


def _tree(content: Content, name: str) -> ast.Module:
    folder = content.root / "tl_course"
    path = folder / name / "__init__.py" if (folder / name).is_dir() else folder / f"{name}.py"
    return ast.parse(path.read_text(encoding="utf-8"))
