"""What each lesson cost when it was last executed, kept beside the sources.

Not in the notebook, which would then change with every execution; and never typed by hand.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from tl_course.app.running import Result


@dataclass(frozen=True)
class Timing:
    """Measured cost of a lesson, rounded up so that it does not change with every execution.

    Seconds go up to the next five (from ten on), megabytes to the next fifty.
    """

    seconds: int
    megabytes: int


def path(root: Path) -> Path:
    """Return the file that holds the timings."""
    return root / "authoring" / "timings.json"


def read(root: Path) -> dict[str, Timing]:
    """Return the timings by lesson stem; empty where nothing was ever executed."""
    file = path(root)
    if not file.is_file():
        return {}
    return {stem: Timing(**row) for stem, row in json.loads(file.read_text(encoding="utf-8")).items()}


def record(root: Path, stem: str, result: Result) -> None:
    """Keep what an execution of the lesson cost."""
    known = read(root)
    step = 5 if result.seconds > 10 else 1
    known[stem] = Timing(math.ceil(result.seconds / step) * step, math.ceil(result.peak_bytes / 5e7) * 50)
    rows = {stem: asdict(timing) for stem, timing in sorted(known.items())}
    path(root).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
