"""``python -m authoring.instructor [--out FOLDER]``: make the instructor's pack."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from authoring import sources
from authoring.instructor.building import InstructorError, build


def main(arguments: Sequence[str] | None = None, root: Path = sources.ROOT) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m authoring.instructor", description="Make the instructor's pack.")
    parser.add_argument("--out", type=Path, default=root / "build" / "instructor", help="where to put it")
    out = parser.parse_args(arguments).out
    try:
        for line in build(root, out):
            print(line)
    except (InstructorError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
