"""Which cells of a notebook another cell rests on: so that a dial can be tried without all the training before it."""

import symtable
from collections.abc import Iterator, Sequence


def needed(cells: Sequence[str], position: int) -> list[int]:
    """Return the positions of the cells that one cell rests on, itself last, in order.

    Names are followed backwards: from what a cell uses, in its functions too, to the last cell before it that binds it.
    Setting up the course always belongs to it.
    """
    kept, wanted = [position], used(cells[position])
    for earlier in reversed(range(position)):
        if bound(cells[earlier]) & wanted or "tl.setup(" in cells[earlier]:
            kept.insert(0, earlier)
            wanted = wanted - bound(cells[earlier]) | used(cells[earlier])
    return kept


def bound(code: str) -> set[str]:
    """Return the names that a cell binds for the cells after it."""
    names = symtable.symtable(code, "cell", "exec").get_symbols()
    return {name.get_name() for name in names if name.is_assigned() or name.is_imported()}


def used(code: str) -> set[str]:
    """Return the global names that a cell reads, in its functions too."""
    top = symtable.symtable(code, "cell", "exec")
    read = {name.get_name() for name in top.get_symbols() if name.is_referenced()}
    return read | {name.get_name() for table in _inside(top) for name in table.get_symbols() if name.is_global()}


def _inside(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inside(child)
