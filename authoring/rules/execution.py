"""Rules for how a notebook was executed: all of it, once, from top to bottom, and failing only where it should."""

from authoring import tags
from authoring.rules.base import EXECUTED, Document, Findings, Kind, rule


@rule(*EXECUTED)
def not_executed(document: Document) -> Findings:
    """A reader must be able to trust that every output belongs to the code above it."""
    for position, cell in document.cells("code"):
        if not cell.source.strip():
            yield position, "this code cell is empty; delete it"
        elif cell.execution_count is None:
            yield position, "this cell was never executed; build the notebook again"


@rule(*EXECUTED)
def out_of_order(document: Document) -> Findings:
    """Cells run by hand, in another order or twice, may show what a fresh run does not."""
    counts = [(position, cell.execution_count) for position, cell in document.cells("code")]
    executed = [(position, count) for position, count in counts if count is not None]
    for (position, count), previous in zip(executed, [0, *(count for _, count in executed)], strict=False):
        if count <= previous:
            yield position, f"executed as number {count}, after number {previous}; build the notebook again"
            return


@rule(*EXECUTED)
def did_not_raise(document: Document) -> Findings:
    """A cell that is announced to fail and does not teaches something false."""
    for position, cell in document.cells("code"):
        failed = any(output.output_type == "error" for output in cell.get("outputs", []))
        if "raises-exception" in tags.of(cell) and cell.execution_count is not None and not failed:
            yield position, "tagged raises-exception but did not raise; remove the tag or mend the demonstration"


@rule(*EXECUTED)
def error_output(document: Document) -> Findings:
    """An error nobody announced is a bug."""
    for position, cell, output in document.outputs():
        if output.output_type == "error" and "raises-exception" not in tags.of(cell):
            yield position, f"ended with {output.ename}; mend it, or tag it raises-exception if it is meant"


@rule(Kind.EXERCISE)
def exercise_with_outputs(document: Document) -> Findings:
    """An exercise that comes with outputs gives its answers away."""
    for position, cell in document.cells("code"):
        if cell.get("outputs") or cell.execution_count is not None:
            yield position, "an exercise comes without outputs; build it again"
