"""The cell tags an author may use. A tag that is not listed here is a typing error, and the lint says so."""

KNOWN = {
    "by-target": "set by the build beside nbval-check-output: the output follows the machine's data set or profile",
    "claim": "a one-line cell, tl.records.claim(…): the build puts its sentence, with a record's numbers, in its place",
    "evidence": "the generated table that the marks of a lesson link to; authors never write it",
    "further": "a Markdown cell that opens with a heading: JupyterLab folds its section, and nothing later needs it",
    "hide-input": "the code is folded away in JupyterLab; only its output is of interest",
    "instructor": "a note (Markdown) to the instructor: kept in the source, left out of the learners' notebook",
    "nav": "the generated line of links; authors never write it",
    "nbval-check-output": "nbval compares the output, which no machine changes; the build sets it (comparable.py)",
    "raises-exception": "the cell fails on purpose, and must",
    "solution": "a worked answer in an exercise source: left out of the exercise, shown in the solution",
}

GENERATED = {"evidence", "nav"}
"""Tags of cells that the build adds to what an author wrote."""


def of(cell) -> set[str]:
    """Return the tags of a notebook cell."""
    return set(cell.metadata.get("tags", []))
