"""``python -m authoring.records [NN_name ...] [--cheap] [--check]``: make the course's records, or derive them anew.

Without names, all of them, which takes about twelve hours on two cores. Rows on CIFAR-10 need a copy of it: without one
they stay as they are, and the records they belong to are named at the end. ``--cheap``: only those that take at most
20 s. ``--check``: write nothing, measure again and fail when a value moved by more than its script's tolerance.
``TL_PRECISION`` chooses as ever. A record is of the profile that ``TL_PROFILE`` names, and rows of other profiles stay.
A script that has no such profile in its ``PROFILES`` (by default mini's alone, since it names its networks itself) is
not run, and a rehearsal makes no records.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from authoring.records.common import chosen, moved, run_grid
from tl_course import environment
from tl_course.data import cifar10
from tl_course.records import RecordError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when all went well, 1 when a value moved, a name is unknown or a profile is not for it."""
    parser = argparse.ArgumentParser(prog="python -m authoring.records", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NN_name", help="records to make; all unless given")
    parser.add_argument("--cheap", action="store_true", help="only those that take at most 20 s")
    parser.add_argument("--check", action="store_true", help="write nothing: derive anew and compare")
    options = parser.parse_args(arguments)
    found: list[str] = []
    without: list[str] = []
    other: list[str] = []
    if environment.is_rehearsal():
        print("TL_REHEARSE is set, and no number of a rehearsal means anything; unset it.", file=sys.stderr)
        return 1
    profile = environment.current().profile
    try:
        for name, script in chosen(options.names, options.cheap):
            if profile not in getattr(script, "PROFILES", ("mini",)):
                other.append(name)
                continue
            cells = [cell for cell in script.CELLS if cell.target != "cifar10" or cifar10.available()]
            if len(cells) < len(script.CELLS):
                without.append(name)
            if not cells:
                continue
            if options.check:
                found += moved(name, cells, script.measure, getattr(script, "TOLERANCE", 0.01))
            else:
                fingerprint = hashlib.sha256(Path(script.__file__).read_bytes()).hexdigest()
                print(run_grid(name, cells, script.measure, fingerprint=fingerprint))
    except RecordError as error:
        found.append(str(error))
    if other:
        found.append(
            f"TL_PROFILE={profile} makes no record of {', '.join(other)}, whose scripts have sizes of their own; unset "
            "it, or let the scripts take their sizes from tl.setup() and name the profile in PROFILES."
        )
    if without:
        print(
            f"There is no copy of CIFAR-10 here, so its rows were left as they are in {', '.join(without)}; get one "
            "with `tl-course fetch cifar10` and call the command again."
        )
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
