"""Hostile answers: what a learner may write into an answer cell, and what must come of it.

The cell is that of ``sum_or_mean`` (1 point) in exercise 02. An answer that tries to get through a wall does its work
rightly besides, and prints ``REACHED`` with what it got; then the wall must not be one that was reported as holding.
Words between ``@`` are filled in by `zoo.Trap`.
"""

from dataclasses import dataclass

from classroom import HEAD, MARKER, RIGHT

from tl_course.grading.sandbox import (
    ALL_COUNTED,
    ANOTHER_USER,
    COVERED,
    IN_MEMORY,
    NO_NETWORK,
    NO_RIGHTS,
    NO_SOCKETS,
    OWN_PROC,
    OWN_PROCESSES,
    READ_ONLY,
)

ANY = frozenset()
"""Of reasons: it is of no matter which."""


@dataclass(frozen=True)
class Answer:
    """A hostile answer.

    Attributes
    ----------
    source : str
        Of the cell.
    points : int or tuple of int
        What the question may earn.
    reasons : set of str
        What the mark may be counted by.
    wall : str
        What it must not get through where it was reported to hold.
    needs : tuple of str
        Without one of these walls it ends the grader too, as the documentation says; then it is not tried.
    alone : bool
        Whether it may spoil the questions after it, which run in its process.
    """

    source: str
    points: int | tuple[int, ...]
    reasons: set[str] | frozenset[str] = ANY
    wall: str = ""
    needs: tuple[str, ...] = ()
    alone: bool = True


def inside(lines: str, before: str = "", after: str = RIGHT) -> str:
    """A cell whose answer does these lines, and then gives back the right value."""
    body = "".join(f"    {line}\n" for line in lines.strip("\n").splitlines())
    return f"{before}\nimport os, sys, socket, time\n{HEAD}{body}{after}"


ONE = "    return 1.0\n"
FORGE = """
def frame(text):
    return len(text).to_bytes(8, "big") + text
"""
TOKEN = """
import json
def frame(text):
    return len(text).to_bytes(8, "big") + text
def token():
    at = sys._getframe()
    while "token" not in at.f_locals:
        at = at.f_back
    return at.f_locals["token"]
def tell(**fields):
    os.write(3, frame(json.dumps({"token": token(), **fields}).encode()))
def evidence(value):
    one = {"value": value, "fault": "", "error": "", "where": "", "printed": "", "error_type": ""}
    return json.dumps([{"dict": one}] * 5)
"""

ANSWERS: dict[str, Answer] = {
    "endless loop": Answer(HEAD + "    while True:\n        pass\n", 0, {"slow"}),
    "endless loop in the cell": Answer("while True:\n    pass\n", 0, {"slow"}),
    "loop that ignores signals": Answer(
        "import signal\n" + HEAD + "    for name in range(1, 32):\n"
        "        try:\n            signal.signal(name, signal.SIG_IGN)\n        except OSError:\n            pass\n"
        "    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass\n",
        0, {"slow"},
    ),
    "memory bomb": Answer(
        "import numpy as np\n" + HEAD + "    kept = []\n    while True:\n        kept.append(np.ones(2**21))\n",
        0, {"memory", "raised"},
    ),
    "memory bomb of many processes": Answer(
        "import os, time\nimport numpy as np\n" + HEAD + "    for _ in range(8):\n        if os.fork() == 0:\n"
        "            kept = np.ones(2**24)\n            time.sleep(60)\n    time.sleep(60)\n" + RIGHT,
        0, {"memory"},
    ),
    "process bomb": Answer(
        "import os\n" + HEAD + "    while True:\n        os.fork()\n", 0, {"raised", "no result", "slow"}
    ),
    "60 MB of output": Answer(
        "import os, sys\n" + HEAD + "    for _ in range(20):\n        os.write(1, b'x' * 2**20)\n"
        "        os.write(2, b'x' * 2**20)\n        print('y' * 2**19)\n        sys.stderr.write('z' * 2**19)\n"
        + RIGHT,
        1, {""},
    ),
    "huge file": Answer(
        HEAD + "    try:\n        with open('huge', 'wb') as file:\n            for _ in range(10**4):\n"
        "                file.write(b'x' * 2**20)\n    except OSError:\n        pass\n" + RIGHT,
        1, {""},
    ),
    "many files": Answer(
        HEAD + "    try:\n        for number in range(2000):\n"
        "            open(f'file-{number}', 'w').write('x' * 2**16)\n    except OSError:\n        pass\n" + RIGHT,
        1, {""},
    ),
    "os._exit": Answer("import os\n" + HEAD + "    os._exit(0)\n", 0, {"exited"}),
    "os._exit in the cell": Answer("import os\nos._exit(0)\n", 0, {"exited"}),
    "sys.exit in the cell": Answer("import sys\nsys.exit(0)\n", 0, {"raised"}),
    "crash": Answer("import ctypes\n" + HEAD + "    ctypes.string_at(0)\n", 0, {"crashed"}),
    "kills everything": Answer(
        "import os, signal\n" + HEAD + "    os.kill(-1, signal.SIGKILL)\n    os.kill(os.getppid(), signal.SIGKILL)\n"
        "    return None\n",
        0, {"type", "raised", "crashed", "no return"}, needs=(OWN_PROCESSES, ANOTHER_USER),
    ),
    "closes our pipe": Answer("import os\n" + HEAD + "    os.closerange(0, 1000)\n" + RIGHT, 0, {"exited"}),
    "background process": Answer(
        "import os, subprocess\n" + HEAD + f"    subprocess.Popen(['sleep', '{MARKER}'], start_new_session=True)\n"
        f"    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        f"            os.execv('/bin/sleep', ['sleep', '{MARKER}'])\n        os._exit(0)\n" + RIGHT,
        1, {""},
    ),
    "warning on stderr": Answer(
        "import warnings, sys\n" + HEAD + "    warnings.warn('careful')\n    print('hm', file=sys.stderr)\n" + RIGHT,
        1, {""},
    ),
    "patched check": Answer(
        "import tl_course as tl\nfrom tl_course.exercises import Judge, checking\n"
        "tl.check = checking.check = lambda *a, **k: True\nJudge.verdict = Judge.right = lambda *a: True\n"
        + HEAD + "    return 1.0\n",
        0, {"value"},
    ),
    "forged results printed": Answer(
        FORGE + "import json, os, sys\n"
        "forged = json.dumps({'token': '0' * 32, 'step': 1, 'evidence': '[]'}).encode()\n"
        + HEAD
        + "    print(forged)\n    for pipe in (1, 2, 3):\n        try:\n            os.write(pipe, frame(forged))\n"
        "        except OSError:\n            pass\n    return 1.0\n",
        0, {"value"},
    ),
    "forged with the token": Answer(
        FORGE + "import json, os, sys\n" + HEAD
        + "    frame_ = sys._getframe()\n    while 'token' not in frame_.f_locals:\n"
        "        frame_ = frame_.f_back\n    token = frame_.f_locals['token']\n"
        "    one = {'dict': {'value': 1.0, 'fault': '', 'error': '', 'where': '', 'printed': '', 'error_type': ''}}\n"
        "    text = json.dumps({'token': token, 'step': 2, 'evidence': json.dumps([one] * 5), 'points': 99,\n"
        "                       'status': 'right'}).encode()\n    os.write(3, frame(text))\n    return 1.0\n",
        0, {"value"},
    ),
    "monkeypatched torch": Answer(
        "import torch\ntorch.isclose = torch.allclose = lambda *a, **k: True\n"
        "torch.equal = torch.Tensor.allclose = lambda *a, **k: True\n" + HEAD + "    return 1.0\n",
        0, {"value", "raised"},
    ),
    "looks for the answer": Answer(
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
    "changed directory": Answer("import os\nos.chdir('/')\n" + HEAD + "    os.chdir('/usr')\n" + RIGHT, 1, {""}),
    "too much given back": Answer("import numpy as np\n" + HEAD + "    return np.zeros(10**5)\n", 0, {"unfit"}),
    "endless lists": Answer(HEAD + "    kept = []\n    kept.append(kept)\n    return kept\n", 0, {"unfit"}),
    "a number that lies": Answer(
        "class Lie(float):\n    def __eq__(self, other):\n        return True\n    def __sub__(self, other):\n"
        "        return 0.0\n" + HEAD + "    return Lie(0.0)\n",
        0, {"unfit"},
    ),
    "flood of empty messages": Answer(
        "import os\n" + HEAD + "    while True:\n        os.write(3, bytes(8) * 2**13)\n", 0, {"too much data"}
    ),
    "deep folders": Answer(
        "import os, tempfile\n" + HEAD + "    os.chdir(tempfile.mkdtemp())\n"
        "    for _ in range(1500):\n        os.mkdir('d')\n        os.chdir('d')\n"
        "    open('file', 'w').close()\n    os.chmod('.', 0)\n" + RIGHT,
        1, {""},
    ),
    "broken text": Answer(HEAD + "    print('\\ud800\\x00\\x1b[2J')\n    return '\\ud800'\n", 0, {"type", "unfit"}),
    # --- taking too much ---
    "sleeps": Answer(inside("time.sleep(10**6)"), 0, {"slow"}),
    "one operation that never returns": Answer(inside("sum(range(10**14))"), 0, {"slow"}),
    "a clock that stands still": Answer(
        inside("while True: pass", "import signal, time\nsignal.setitimer = lambda *a: (0, 0)\n"
               "time.monotonic = time.perf_counter = time.process_time = time.thread_time = lambda: 0.0"),
        0, {"slow"},
    ),
    "stops itself": Answer(
        inside("import signal\nos.kill(os.getpid(), signal.SIGSTOP)"), (0, 1), {"", "slow"}
    ),
    "memory in shared maps": Answer(
        inside("""
import mmap
kept = []
while True:
    one = mmap.mmap(-1, 2**24)
    one.write(b"x" * 2**24)
    kept.append(one)
"""), 0, {"memory", "raised"},
    ),
    "memory in files": Answer(
        inside("""
for place in (".", "/tmp", "/dev/shm"):
    for number in range(40):
        try:
            open(f"{place}/tl-zoo-{number}", "wb").write(b"x" * 2**20)
        except OSError:
            pass
"""), 1, {""}, wall=IN_MEMORY,
    ),
    "memory in pipes": Answer(
        inside("""
import fcntl
for _ in range(90):
    try:
        out = os.pipe()[1]
        os.set_blocking(out, False)
        fcntl.fcntl(out, 1031, 2**20)
        os.write(out, b"x" * 2**20)
    except OSError:
        pass
"""), 1, {""},
    ),
    "memory that no process counts": Answer(
        inside("""
import ctypes
libc = ctypes.CDLL(None)
for name, *given in (("memfd_create", b"x", 0), ("shmget", 0, 2**20, 0o1600), ("msgget", 0, 0o1600),
                     ("semget", 0, 1, 0o1600), ("unshare", 0x10020000), ("mount", b"x", b"/tmp", b"tmpfs", 0, None),
                     ("syscall", 425, 8, 0)):
    if getattr(libc, name)(*given) != -1:
        print("REACHED", name)
"""), 1, {""}, wall=ALL_COUNTED,
    ),
    "threads without end": Answer(
        inside("from threading import Thread\nwhile True: Thread(target=time.sleep, args=(9,), daemon=True).start()"),
        0, {"raised"},
    ),
    "a chain of forks": Answer(
        inside("""
if os.fork() == 0:
    os.setsid()
    while True:
        if os.fork():
            os._exit(0)
"""), 1, {""},
    ),
    "very many open files": Answer(
        inside("kept = [open(os.devnull) for _ in range(10**4)]"), 0, {"raised"},
    ),
    "flood of warnings": Answer(
        inside("import warnings\nfor number in range(10**4):\n    warnings.warn(str(number))"), 1, {""},
    ),
    # --- ending and being ended ---
    "sys.exit": Answer(inside("sys.exit(0)"), 0, {"raised"}),
    "KeyboardInterrupt": Answer(inside("raise KeyboardInterrupt"), 0, {"raised"}),
    "KeyboardInterrupt in the cell": Answer("raise KeyboardInterrupt\n", 0, {"raised"}),
    "GeneratorExit with an odd message": Answer(inside("raise GeneratorExit('\\ud800' * 10**6)"), 0, {"raised"}),
    "an error without words": Answer(
        inside("raise Silent", "class Silent(Exception):\n    def __str__(self):\n        raise Silent"), 0, {"raised"},
    ),
    "an error with a novel": Answer(
        inside("raise type('E' * 10**5, (Exception,), {})('x' * 10**7)"), 0, {"raised", "unfit"},
    ),
    "recursion without end": Answer(inside("answer_sum_or_mean(rate, count)"), 0, {"raised"}),
    "recursion through the stack": Answer(
        inside("sys.setrecursionlimit(10**9)\nkept = []\nfor _ in range(10**6):\n    kept = [kept]\nrepr(kept)"),
        0, {"crashed", "raised", "slow"},
    ),
    "core dump": Answer(inside("os.abort()"), 0, {"crashed"}),
    "at exit": Answer(
        inside("import atexit\natexit.register(lambda: [tell(step=2, evidence=evidence(0.0)), time.sleep(60)])", TOKEN),
        1, {""},
    ),
    "reads the keyboard": Answer(inside("float(input())"), 0, {"raised"}),
    "a trace that raises": Answer(inside("sys.settrace(lambda *a: 1 / 0)\nlen('')\nabs(1)"), (0, 1), alone=False),
    "emptied sys.modules": Answer(inside("sys.modules.clear()"), (0, 1), alone=False),
    "broken builtins": Answer(
        inside("import builtins\nbuiltins.len = builtins.isinstance = builtins.type = lambda *a: 1 / 0"),
        (0, 1), alone=False,
    ),
    "modules that shadow the library": Answer(
        inside("""
for name in ("torch", "json", "tl_course", "sitecustomize", "numpy"):
    open(name + ".py", "w").write("raise SystemExit")
sys.path.insert(0, os.getcwd())
"""), 1, {""},
    ),
    # --- what it gives back ---
    "an object that is an array when asked": Answer(
        inside("", "class Odd:\n    def __array__(self, *a, **k):\n        import numpy\n        return numpy.ones(3)",
               "    return Odd()\n"), 0, {"type", "unfit", "value", "shape"},
    ),
    "an object that runs when unpacked": Answer(
        inside("", "class Odd:\n    def __reduce__(self):\n        import os\n        return os._exit, (0,)",
               "    return Odd()\n"), 0, {"type", "unfit"},
    ),
    "an iterator without end": Answer(
        inside("", "class Odd(list):\n    def __len__(self):\n        return 2**62\n    def __iter__(self):\n"
               "        while True:\n            yield 0", "    return Odd()\n"),
        0, {"type", "unfit", "slow", "value", "memory"},
    ),
    "a tensor that lies": Answer(
        inside("", "import torch\nclass Odd(torch.Tensor):\n    @classmethod\n"
               "    def __torch_function__(cls, function, types, args=(), kwargs=None):\n        return True",
               "    return torch.zeros(()).as_subclass(Odd)\n"), 0, {"type", "unfit", "value", "raised", "exited"},
    ),
    "an array of objects": Answer(
        inside("", "import numpy", "    return numpy.array([open, object()], dtype=object)\n"), 0, {"type", "unfit"},
    ),
    "lists in lists": Answer(
        inside("kept = []\nfor _ in range(10**5):\n    kept = [kept]", after="    return kept\n"), 0, {"unfit", "type"},
    ),
    "a number of thousands of digits": Answer(inside("", after="    return 10**5000\n"), 0),
    "no number": Answer(inside("", after="    return float('nan')\n"), 0),
    "a text of megabytes": Answer(inside("", after="    return 'x' * 2**22\n"), 0, {"unfit", "type"}),
    "a class in place of a function": Answer(
        "class answer_sum_or_mean(float):\n    def __new__(cls, rate, count):\n        return float.__new__(cls, 0)\n"
        "    def __eq__(self, other):\n        return True\n", 0,
    ),
    # --- forging ---
    "flood of true messages": Answer(
        inside("while True:\n    tell(step=2, begun=True)", TOKEN), 0, {"too much data"}
    ),
    "a length that lies": Answer(
        inside("os.write(3, (2**62).to_bytes(8, 'big'))"), 0, {"too much data"}
    ),
    "half a message": Answer(inside("os.write(3, (100).to_bytes(8, 'big'))"), 0),
    "forged end": Answer(
        inside("for step in (10**9, -1, True, None, '2', 2.0):\n    tell(step=step, begun=True)\n"
               "tell(finished=True, step=2)", TOKEN, ONE), 0, alone=False,
    ),
    "forged shapes": Answer(
        inside("tell(step=2, evidence=evidence({'dtype': '<f8', 'shape': [10**12] * 2, 'base64': ''}))", TOKEN, ONE),
        0, {"unfit"},
    ),
    "forged shapes that broadcast": Answer(
        inside("import base64\ntext = base64.b64encode(bytes(3 * 10**4)).decode()\n"
               "tell(step=2, evidence=evidence({'dtype': '|u1', 'shape': [3 * 10**4, 1, 1, 1, 1], 'base64': text}))",
               TOKEN, ONE), 0, {"unfit", "type", "shape", "value"},
    ),
    "forged words": Answer(
        inside("tell(step=2, evidence='[{}]', error=3, blank='no', missing=[], fault={'x': 1}, points=9)\n"
               "tell(step=2, status='right', points=1)", TOKEN, ONE), 0,
    ),
    "patched encoder": Answer(
        inside("from tl_course.grading import runner\nrunner.encode = lambda *a: '{\"points\": 9}'", after=ONE),
        0, alone=False,
    ),
    "patched collection": Answer(
        inside("", "from tl_course.exercises import Evidence\nfrom tl_course.grading import runner\n"
               "runner.collect = lambda question, answer, cases, **k: [Evidence(1.0) for _ in range(99)]", ONE),
        0, alone=False,
    ),
    "patched equality": Answer(
        inside("", "import numpy, math, torch\nnumpy.isclose = numpy.allclose = math.isclose = lambda *a, **k: True\n"
               "torch.testing.assert_close = lambda *a, **k: None", ONE), 0, alone=False,
    ),
    # --- getting through walls ---
    "looks for other submissions, marks and solutions": Answer(
        inside("""
for what, path in @READ@:
    try:
        found = os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
    except OSError:
        found = False
    if found:
        print("REACHED", what)
"""), 1, {""}, wall=COVERED,
    ),
    "looks into other processes": Answer(
        inside("""
mine = os.getsid(0)
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if os.getsid(int(pid)) != mine:
            print("REACHED process", pid)
        if b"@SECRET@" in open(f"/proc/{pid}/environ", "rb").read():
            print("REACHED environment of", pid)
    except OSError:
        pass
"""), 1, {""}, wall=OWN_PROC,
    ),
    "takes hold of the grader": Answer(
        inside("""
import ctypes
libc = ctypes.CDLL(None)
for pid in (os.getppid(), @GRADER@):
    if pid > 1 and pid != os.getpid():
        try:
            os.kill(pid, 0)
            print("REACHED by signal")
        except OSError:
            pass
        if libc.ptrace(16, pid, 0, 0) != -1:
            print("REACHED by ptrace")
            libc.ptrace(17, pid, 0, 0)
        try:
            open(f"/proc/{pid}/mem", "r+b").close()
            print("REACHED memory")
        except OSError:
            pass
"""), 1, {""}, wall=OWN_PROCESSES,
    ),
    "writes wherever it may": Answer(
        inside("""
for place in @WRITE@:
    try:
        os.close(os.open(place + "/tl-zoo-note", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        if not place.startswith("/tmp"):  # that is the learner's own; whether it is, is seen from outside
            print("REACHED", place)
    except OSError:
        pass
"""), 1, {""}, wall=READ_ONLY,
    ),
    "calls the network": Answer(
        inside("""
for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, 3)):
    try:
        with socket.socket(family, kind) as one:
            one.settimeout(1)
            if kind == socket.SOCK_STREAM:
                one.connect(("127.0.0.1", @PORT@))
            if kind == 3 and [name for _, name in socket.if_nameindex()] == ["lo"]:
                continue
            print("REACHED", kind)
    except OSError:
        pass
"""), 1, {""}, wall=NO_NETWORK,
    ),
    "calls programs through their sockets": Answer(
        inside("""
for path in (@SOCKET@, @ABSTRACT@):
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(path)
            print("REACHED", path)
    except OSError:
        pass
"""), 1, {""}, wall=NO_SOCKETS,
    ),
    "asks for more rights": Answer(
        inside("""
import ctypes, stat, subprocess
for name, what in (("device", lambda: os.mknod("device", 0o666 | stat.S_IFBLK, os.makedev(8, 0))),
                   ("root of files", lambda: os.chroot(".")), ("root", lambda: os.setuid(0)),
                   ("group", lambda: os.setgroups([0]))):
    try:
        what()
        print("REACHED", name)
    except OSError:
        pass
for command in ("su -c id", "sudo -n id", "unshare -Ur id", "mount -t tmpfs x ."):
    if os.path.exists("asked"):
        break
    try:
        done = subprocess.run(command.split(), capture_output=True, stdin=subprocess.DEVNULL, timeout=1)
        if b"uid=0" in done.stdout or (done.returncode == 0 and "mount" in command):
            print("REACHED", command)
    except (OSError, subprocess.SubprocessError):
        pass
open("asked", "w").close()
"""), 1, {""}, wall=NO_RIGHTS,
    ),
    "a note for another one": Answer(
        inside("""
for place in (".", "/tmp", "/var/tmp", "/dev/shm", "/run/lock"):
    try:
        open(place + "/tl-zoo-note", "x").close()
    except OSError:
        pass
"""), 1, {""},
    ),
    "a note from the one before": Answer(
        inside("""
for place in (".", "/tmp", "/var/tmp", "/dev/shm", "/run/lock"):
    if os.path.exists(place + "/tl-zoo-note"):
        print("REACHED", place)
"""), 1, {""}, wall=IN_MEMORY,
    ),
    "files of odd names": Answer(
        inside("""
try:
    for name in (b"\\xff\\xfe", b"line\\nline", b" ", b"-rf", b"a" * 255):
        open(name, "w").close()
    os.symlink("/etc", "link")
    os.mkfifo("pipe")
    os.mkdir("closed")
    os.chmod("closed", 0)
    os.chmod(".", 0)
except OSError:
    pass
"""), 1, {""},
    ),
    "shell lines": Answer(
        "%%capture\n!touch tl-zoo-note\n%run /etc/passwd\n%load_ext evil\n" + HEAD + RIGHT, 1, {""},
    ),
    "brackets without end": Answer(HEAD + "    return " + "(" * 10**4 + "rate" + ")" * 10**4 + "\n", 0, {"raised"}),
    "a sum that is too long": Answer(
        HEAD + "    return " + "+".join(["rate"] * 30_000) + "\n", 0, {"raised", "crashed", "value"},
    ),
    "NUL in the code": Answer(HEAD + RIGHT + "# \0\n", 0, {"raised"}),
    "half a letter in the code": Answer(HEAD + RIGHT + "# \ud800\n", 0, {"raised"}),
    "code on the page": Answer(
        inside("print('</pre><script>alert(1)</script>')\nraise ValueError('<img src=x onerror=alert(1)>`')"),
        0, {"raised"},
    ),
}  # fmt: skip
"""By name; the cell is that of ``sum_or_mean``, which is worth 1 point."""

QUICK_ONES = (
    "endless loop",
    "loop that ignores signals",
    "memory bomb",
    "process bomb",
    "os._exit",
    "kills everything",
    "closes our pipe",
    "background process",
    "patched check",
    "forged with the token",
    "looks for the answer",
    "deep folders",
    "memory in files",
    "memory that no process counts",
    "threads without end",
    "KeyboardInterrupt",
    "core dump",
    "modules that shadow the library",
    "flood of true messages",
    "half a message",
    "forged shapes that broadcast",
    "looks for other submissions, marks and solutions",
    "looks into other processes",
    "takes hold of the grader",
    "writes wherever it may",
    "calls the network",
    "calls programs through their sockets",
    "asks for more rights",
    "a note for another one",
    "a note from the one before",
    "NUL in the code",
    "code on the page",
)  # fmt: skip
"""Tried on the way to main: one of each kind. The others are tried in the sweep."""
