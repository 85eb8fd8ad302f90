"""What tests see of a lesson: its imports, functions and classes, and none of its experiments."""

import ast
from typing import Any

from authoring import sources

KEPT = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def functions_of(number: str, **given: Any) -> dict[str, Any]:
    """Run a lesson's imports and definitions; `given` are names of its experiments that its functions read."""
    (path,) = (sources.ROOT / "authoring" / "lessons").glob(f"{number}_*.py")
    names = dict(given)
    for cell in sources.read(path).cells:
        if cell.cell_type == "code":
            body = [node for node in ast.parse(cell.source).body if isinstance(node, KEPT)]
            exec(compile(ast.Module(body, type_ignores=[]), path.name, "exec"), names)
    return names
