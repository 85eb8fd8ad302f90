"""``python -m authoring.records [NN_name ...] [--cheap] [--check]``: make the course's records, or derive them anew.

Without names, all of them. ``--cheap``: only those that take at most 20 s. ``--check``: write nothing, measure again
and fail when a value moved by more than its script's tolerance. ``TL_PROFILE`` and ``TL_PRECISION`` choose as ever.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from authoring.records.common import chosen, moved, run_grid
from tl_course.records import RecordError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when all went well, 1 when a value moved or a name is unknown."""
    parser = argparse.ArgumentParser(prog="python -m authoring.records", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NN_name", help="records to make; all unless given")
    parser.add_argument("--cheap", action="store_true", help="only those that take at most 20 s")
    parser.add_argument("--check", action="store_true", help="write nothing: derive anew and compare")
    options = parser.parse_args(arguments)
    found: list[str] = []
    try:
        for name, script in chosen(options.names, options.cheap):
            if options.check:
                found += moved(name, script.CELLS, script.measure, getattr(script, "TOLERANCE", 0.01))
            else:
                fingerprint = hashlib.sha256(Path(script.__file__).read_bytes()).hexdigest()
                print(run_grid(name, script.CELLS, script.measure, fingerprint=fingerprint))
    except RecordError as error:
        found.append(str(error))
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
