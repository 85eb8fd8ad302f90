"""Submissions for the tests: notebooks made from ours, and what hostile learners write into them."""

import copy
import io
import json
import os
import zipfile
from functools import cache
from pathlib import Path

import psutil

import tl_course
from tl_course.grading import Limits

ROOT = Path(tl_course.__file__).resolve().parent.parent
QUICK = Limits(
    cell=1.5,
    question=1.5,
    grace=0.5,
    submission=60,
    memory=150 * 2**20,
    processes=24,
    file=2**22,
    room=2**24,
    message=2**18,
)
POINTS = {"02": 13, "05": 15}
MARKER = os.environ.setdefault("TL_TESTS_SLEEP", f"97531.{os.getpid()}")
"""Seconds that a left-behind ``sleep`` would sleep: its process is known by them, and by whose test it is."""


@cache
def _ours(kind: str, number: str) -> str:
    return next((ROOT / kind).glob(f"{number}_*.ipynb")).read_text(encoding="utf-8")


def notebook(number: str = "02", kind: str = "solutions", **cells: str) -> dict:
    """Our notebook, with the learner's own source in the cells of these questions."""
    made = json.loads(_ours(kind, number))
    for slug, source in cells.items():
        cell_of(made, slug)["source"] = source
    return made


def cell_of(made: dict, slug: str) -> dict:
    """The answer cell of a question."""
    return next(cell for cell in made["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == slug)


def without(made: dict, slug: str) -> dict:
    """The same notebook with a cell deleted."""
    gone = cell_of(made, slug)
    return {**made, "cells": [cell for cell in made["cells"] if cell is not gone]}


def twice(made: dict, slug: str, second: str) -> dict:
    """The same notebook with a cell that is there a second time, with another source."""
    cells = list(made["cells"])
    again = copy.deepcopy(cell_of(made, slug))
    again["source"] = second
    return {**made, "cells": [*cells, again]}


def stub(number: str, slug: str) -> str:
    """The source of a cell nobody has touched."""
    return "".join(cell_of(notebook(number, "exercises"), slug)["source"])


def put(path: Path, content: dict | bytes) -> Path:
    """Write a notebook or raw bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def zipped(entries: dict[str, bytes], stamp=(2026, 1, 2, 3, 4, 6)) -> bytes:
    """A zip of these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, stamp), content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def left_behind() -> list[psutil.Process]:
    """Processes of learners' code that still run."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if MARKER in (process.info["cmdline"] or []):
            found.append(process)
    return found


RIGHT = "    return rate / count\n"
HEAD = "def answer_sum_or_mean(rate, count):\n"
FORGE = """
def frame(text):
    return len(text).to_bytes(8, "big") + text
"""

HOSTILE: dict[str, tuple[str, int, set[str]]] = {
    "endless loop": (HEAD + "    while True:\n        pass\n", 0, {"slow"}),
    "endless loop in the cell": ("while True:\n    pass\n", 0, {"slow"}),
    "loop that ignores signals": (
        "import signal\n" + HEAD + "    for name in range(1, 32):\n"
        "        try:\n            signal.signal(name, signal.SIG_IGN)\n        except OSError:\n            pass\n"
        "    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass\n",
        0, {"slow"},
    ),
    "memory bomb": (
        "import numpy as np\n" + HEAD + "    kept = []\n    while True:\n        kept.append(np.ones(2**21))\n",
        0, {"memory", "raised"},
    ),
    "memory bomb of many processes": (
        "import os, time\nimport numpy as np\n" + HEAD + "    for _ in range(8):\n        if os.fork() == 0:\n"
        "            kept = np.ones(2**24)\n            time.sleep(60)\n    time.sleep(60)\n" + RIGHT,
        0, {"memory"},
    ),
    "process bomb": ("import os\n" + HEAD + "    while True:\n        os.fork()\n", 0, {"raised", "no result", "slow"}),
    "300 MB of output": (
        "import os, sys\n" + HEAD + "    for _ in range(20):\n        os.write(1, b'x' * 2**20)\n"
        "        os.write(2, b'x' * 2**20)\n        print('y' * 2**19)\n        sys.stderr.write('z' * 2**19)\n"
        + RIGHT,
        1, {""},
    ),
    "huge file": (
        HEAD + "    try:\n        with open('huge', 'wb') as file:\n            for _ in range(10**4):\n"
        "                file.write(b'x' * 2**20)\n    except OSError:\n        pass\n" + RIGHT,
        1, {""},
    ),
    "many files": (
        HEAD + "    try:\n        for number in range(10**6):\n"
        "            open(f'file-{number}', 'w').write('x' * 2**16)\n    except OSError:\n        pass\n" + RIGHT,
        1, {""},
    ),
    "os._exit": ("import os\n" + HEAD + "    os._exit(0)\n", 0, {"exited"}),
    "os._exit in the cell": ("import os\nos._exit(0)\n", 0, {"exited"}),
    "sys.exit in the cell": ("import sys\nsys.exit(0)\n", 0, {"raised"}),
    "crash": ("import ctypes\n" + HEAD + "    ctypes.string_at(0)\n", 0, {"crashed"}),
    "kills everything": (
        "import os, signal\n" + HEAD + "    os.kill(-1, signal.SIGKILL)\n    os.kill(os.getppid(), signal.SIGKILL)\n"
        "    return None\n",
        0, {"type", "raised", "crashed", "no return"},
    ),
    "closes our pipe": ("import os\n" + HEAD + "    os.closerange(0, 1000)\n" + RIGHT, 0, {"exited"}),
    "background process": (
        "import os, subprocess\n" + HEAD + f"    subprocess.Popen(['sleep', '{MARKER}'], start_new_session=True)\n"
        f"    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        f"            os.execv('/bin/sleep', ['sleep', '{MARKER}'])\n        os._exit(0)\n" + RIGHT,
        1, {""},
    ),
    "warning on stderr": (
        "import warnings, sys\n" + HEAD + "    warnings.warn('careful')\n    print('hm', file=sys.stderr)\n" + RIGHT,
        1, {""},
    ),
    "patched check": (
        "import tl_course as tl\nfrom tl_course.exercises import Judge, checking\n"
        "tl.check = checking.check = lambda *a, **k: True\nJudge.verdict = Judge.right = lambda *a: True\n"
        + HEAD + "    return 1.0\n",
        0, {"value"},
    ),
    "forged results printed": (
        FORGE + "import json, os, sys\n"
        "forged = json.dumps({'token': '0' * 32, 'step': 1, 'evidence': '[]'}).encode()\n"
        + HEAD
        + "    print(forged)\n    for pipe in (1, 2, 3):\n        try:\n            os.write(pipe, frame(forged))\n"
        "        except OSError:\n            pass\n    return 1.0\n",
        0, {"value"},
    ),
    "forged with the token": (
        FORGE + "import json, os, sys\n" + HEAD
        + "    frame_ = sys._getframe()\n    while 'token' not in frame_.f_locals:\n"
        "        frame_ = frame_.f_back\n    token = frame_.f_locals['token']\n"
        "    one = {'dict': {'value': 1.0, 'fault': '', 'error': '', 'where': '', 'printed': '', 'error_type': ''}}\n"
        "    text = json.dumps({'token': token, 'step': 2, 'evidence': json.dumps([one] * 5), 'points': 99,\n"
        "                       'status': 'right'}).encode()\n    os.write(3, frame(text))\n    return 1.0\n",
        0, {"value"},
    ),
    "monkeypatched torch": (
        "import torch\ntorch.isclose = torch.allclose = lambda *a, **k: True\n"
        "torch.equal = torch.Tensor.allclose = lambda *a, **k: True\n" + HEAD + "    return 1.0\n",
        0, {"value", "raised"},
    ),
    "looks for the answer": (
        "import gc, importlib\nfrom tl_course import exercises\nfound = []\n"
        "for one in gc.get_objects():\n    if isinstance(one, exercises.Question) and one.reference:\n"
        "        found.append(one.reference)\n"
        "for name in ('tl_course.exercises.lesson_02', 'tl_course.exercises.lesson_02.sum_or_mean',\n"
        "             'test_questions'):\n    try:\n"
        "        module = importlib.import_module(name)\n"
        "        asked = [*getattr(module, 'QUESTIONS', ()), *filter(None, [getattr(module, 'QUESTION', None)])]\n"
        "        found += [q.reference for q in asked]\n"
        "    except Exception:\n        pass\n"
        + HEAD + "    return found[0](rate, count)\n",
        0, {"raised"},
    ),
    "changed directory": ("import os\nos.chdir('/')\n" + HEAD + "    os.chdir('/usr')\n" + RIGHT, 1, {""}),
    "too much given back": ("import numpy as np\n" + HEAD + "    return np.zeros(10**5)\n", 0, {"unfit"}),
    "endless lists": (HEAD + "    kept = []\n    kept.append(kept)\n    return kept\n", 0, {"unfit"}),
    "a number that lies": (
        "class Lie(float):\n    def __eq__(self, other):\n        return True\n    def __sub__(self, other):\n"
        "        return 0.0\n" + HEAD + "    return Lie(0.0)\n",
        0, {"unfit"},
    ),
    "flood of empty messages": (
        "import os\n" + HEAD + "    while True:\n        os.write(3, bytes(8) * 2**13)\n", 0, {"too much data"}
    ),
    "deep folders": (
        "import os, tempfile\n" + HEAD + "    os.chdir(tempfile.mkdtemp())\n"
        "    for _ in range(1500):\n        os.mkdir('d')\n        os.chdir('d')\n"
        "    open('file', 'w').close()\n    os.chmod('.', 0)\n" + RIGHT,
        1, {""},
    ),
    "broken text": (HEAD + "    print('\\ud800\\x00\\x1b[2J')\n    return '\\ud800'\n", 0, {"type", "unfit"}),
}  # fmt: skip
"""Kind: source of the cell ``sum_or_mean`` (1 point), the points it earns, the reasons that may be given."""
