"""``python -m authoring.records [NN_name ...] [options]``: make the course's records, or derive them anew.

Without names, all of them, which takes about twelve hours on two cores. Rows on CIFAR-10 need a copy of it: without one
they stay as they are, and the records they belong to are named at the end. ``--cheap``: only those that take at most
20 s. ``--check``: write nothing, measure again and fail when a value moved by more than its script's tolerance; with
``--cells N`` only the N quickest cells of each record. ``TL_PRECISION`` chooses as ever.

A record is of the profile that ``TL_PROFILE`` names, and rows of other profiles stay; networks, sizes, steps and labels
are the profile's, learning rates and batches are mini's. What the lessons and their claims read is mini's. Scripts
about the course's own networks or about toys measure mini alone: other profiles leave them out. ``--rehearse``, or
``TL_REHEARSE=1``, runs one cell of each kind with stand-ins and writes nothing.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from authoring.records.common import chosen, moved, possible, profiles_of, quickest, run_grid, why_mini_only
from tl_course import environment
from tl_course.assets import AssetError
from tl_course.records import RecordError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when all went well, 1 when a value moved, a name is unknown or a profile is not for it."""
    options = _options(arguments)
    if options.rehearse:
        os.environ["TL_REHEARSE"] = "1"
    if environment.too_large(environment.current()):
        print(f"Note: {environment.too_large(environment.current())}.", file=sys.stderr)
    found: list[str] = []
    try:
        for line in _rehearsed(options) if environment.is_rehearsal() else _made(options):
            found.append(line)
    except (RecordError, AssetError) as error:
        found.append(str(error))
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return int(bool(found))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m authoring.records", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NN_name", help="records to make; all unless given")
    parser.add_argument("--cheap", action="store_true", help="only those that take at most 20 s")
    parser.add_argument("--check", action="store_true", help="write nothing: derive anew and compare")
    parser.add_argument("--cells", type=int, metavar="N", help="with --check: only the N quickest cells of each record")
    parser.add_argument(
        "--rehearse", action="store_true", help="write nothing: run one cell of each kind, small and with stand-ins"
    )
    options = parser.parse_args(arguments)
    if options.cells is not None and (options.cells < 1 or not options.check):
        parser.error(f"--cells {options.cells} goes with --check and is at least 1: a record is made whole.")
    if options.check and (options.rehearse or environment.is_rehearsal()):
        parser.error("no number of a rehearsal means anything, so none can be checked; leave out --check, or unset it.")
    return options


def _scripts(options: argparse.Namespace) -> Iterator[tuple[str, ModuleType]]:
    """The scripts to run in this profile; at the end, a line on those that are of another one."""
    profile = environment.current().profile
    other = []
    for name, script in chosen(options.names, options.cheap):
        if profile in profiles_of(script):
            yield name, script
        elif options.names:
            why = why_mini_only(script) or "its script names no other profile in PROFILES"
            raise RecordError(
                f"{name} measures the {' and the '.join(profiles_of(script))} profile only: {why}. Unset TL_PROFILE."
            )
        else:
            other.append(name)
    if other:
        print(
            f"The {profile} profile leaves out {', '.join(other)}, which are about the course's own networks or about "
            "toys; name one to read why."
        )


def _made(options: argparse.Namespace) -> Iterator[str]:
    """Make or check records; yield what is wrong."""
    without = []
    for name, script in _scripts(options):
        cells = possible(script)
        if len(cells) < len(script.CELLS):
            without.append(name)
        if cells and options.check:
            cells = quickest(name, cells, options.cells) if options.cells else cells
            yield from moved(name, cells, script.measure, getattr(script, "TOLERANCE", 0.01))
        elif cells:
            fingerprint = hashlib.sha256(Path(script.__file__).read_bytes()).hexdigest()
            print(run_grid(name, cells, script.measure, fingerprint=fingerprint))
    if without:
        print(
            f"There is no copy of CIFAR-10 here, so its rows were left as they are in {', '.join(without)}; get one "
            "with `tl-course fetch cifar10` and call the command again."
        )


def _rehearsed(options: argparse.Namespace) -> Iterator[str]:
    """Run one cell of each kind and write nothing; yield nothing, for no number of a rehearsal is wrong."""
    count = 0
    for name, script in _scripts(options):
        for cell in (cells := possible(script)):
            script.measure(cell)
        print(f"{name}: {len(cells)} cells", flush=True)
        count += len(cells)
    print(f"A rehearsal in the {environment.current().profile} profile: ran {count} cells, nothing written.")
    yield from ()


if __name__ == "__main__":
    sys.exit(main())
