"""Walls around a learner's code, and the keeper who watches it from outside and ends it.

The keeper is a process of its own. On Linux it takes namespaces of its own first, as root or, where the system allows
it, as an ordinary user: then there is no network, and no process but the learner's can be seen. The learner's process
is the first of its namespace: when it ends, the kernel ends all others in it. It goes behind a root of files of its own
(`rooms`). Where there are no namespaces, the limits and the forbidden calls of the kernel remain (`forbidden`), and the
keeper hunts down what is left.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from tl_course.exercises import Question
from tl_course.grading import forbidden, framing, rooms, runner, system
from tl_course.grading.limits import MEBIBYTE, Limits

LOOK_EVERY_SECONDS = 0.03
LOADING_BYTES = 512 * MEBIBYTE
"""Address space for libraries that an answer loads, which is not memory."""
MESSAGES_A_STEP = 3
MESSAGES_IN_ALL = 4
"""So many of the largest messages may come from one run."""
FREE_DESCRIPTOR = 100

NO_NETWORK, NO_SOCKETS, OWN_PROCESSES, OWN_PROC = "no network", "no outside sockets", "own processes", "own /proc"
COVERED, READ_ONLY, IN_MEMORY = "answers covered", "other files read-only", "files in memory"
ALL_COUNTED, ANOTHER_USER, NO_RIGHTS = "all memory counted", "another user", "no rights"
WALLS = (NO_NETWORK, NO_SOCKETS, OWN_PROCESSES, OWN_PROC, COVERED, READ_ONLY, IN_MEMORY, ALL_COUNTED, NO_RIGHTS)
"""What holds where a system gives all it can."""


def keep(request: dict, questions: Mapping[str, Question], forward: Callable[[bytes], None]) -> dict:
    """Run one request's steps behind walls, forward its messages, and say how it ended.

    Returns
    -------
    dict
        ``end``: ``"exit"``, ``"signal"``, ``"time"``, ``"memory"`` or ``"data"``; ``code``; and ``walls``, the names of
        the protections that held.
    """
    limits, told_to_end = Limits(**request["limits"]), []
    signal.signal(signal.SIGTERM, lambda *_: told_to_end.append(True))
    system.adopt_orphans()
    folder = Path(tempfile.mkdtemp(prefix="room-", dir=request["scratch"])).resolve()
    folder.chmod(0o711)
    (folder / "home").mkdir()
    sockets = rooms.sockets()
    walls = _take_namespaces()
    own_processes = OWN_PROCESSES in walls
    messages, mine = os.pipe()
    ready, tell_ready = os.pipe()
    user = _unused_user(os.getpid())
    learner = os.fork()
    if learner == 0:
        _be_the_learner(request, questions, limits, (folder, sockets), walls, (mine, tell_ready), user)
    os.close(mine)
    os.close(tell_ready)
    try:
        told = json.loads(os.read(ready, 65536) or b"{}")
        walls = told.get("walls", [])
        watch = _Watch(learner, limits, told.get("memory", 0), told_to_end, own_proc=OWN_PROC in walls)
        most = MESSAGES_A_STEP * (len(request["steps"]) + 1)
        end, code = watch.until_the_end(messages, forward, most)
    finally:
        _end_all(learner, own_processes)
    return {"end": end, "code": code, "walls": walls}


def sweep(scratch: Path) -> None:
    """Delete what learners' code left in a folder: locked or not, and however deep its folders lie in one another."""
    for room in list(scratch.iterdir()):
        delete(room)


def delete(place: Path) -> None:
    """Delete a file, or a folder with all that is in it; inner folders come up first, so that no path gets long."""
    waiting, count = [place], 0
    while waiting:
        here = waiting.pop()
        with contextlib.suppress(OSError):
            if here.is_symlink() or not here.is_dir():
                here.unlink()
                continue
            here.chmod(0o700)
            for name in os.listdir(here):
                inner = here / name
                with contextlib.suppress(OSError):
                    if inner.is_symlink() or not inner.is_dir():
                        inner.unlink()
                        continue
                    inner.chmod(0o700)
                    count += 1
                    waiting.append(inner.rename(place.with_name(f"{place.name}~{count}")))
            here.rmdir()


# --- walls -----------------------------------------------------------------------------------------------------------


def _take_namespaces() -> list[str]:
    """Leave the system's network and processes, and be able to change what is mounted; returns what that gave."""
    spaces = system.NEW_MOUNTS | system.NEW_NETWORK | system.NEW_PROCESSES | system.NEW_IPC | system.NEW_HOST
    if (os.geteuid() != 0 and not system.own_identity()) or not system.unshare(spaces):
        return []
    return [NO_NETWORK, OWN_PROCESSES]


def _shut_in(request: dict, folder: Path, sockets: list[Path], limits: Limits) -> tuple[list[str], Path]:
    """Go behind a root of our own. Returns what holds there, and the folder for the learner's files."""
    if not system.keep_mounts_to_ourselves():
        return [], folder
    room = rooms.Room(
        show=request["needed"], empty=request["private"], hide=[*request["hide"], *map(str, sockets)], size=limits.room
    )
    if not room.build(folder):
        return [], folder
    walls = [NO_SOCKETS, COVERED, IN_MEMORY]
    if system.mount_processes(folder / "proc"):
        walls.append(OWN_PROC)
    own = OWN_PROC in walls or system.unshare(system.NEW_MOUNTS)  # else the keeper, who watches in /proc, came along
    walls += [READ_ONLY] if room.lock(folder) else []
    if not (own and system.change_root(folder)):
        system.uncover(folder)
        return [], folder
    return walls, rooms.FREE


# --- in the learner's process, before the learner's code -------------------------------------------------------------


def _be_the_learner(
    request: dict,
    questions: Mapping[str, Question],
    limits: Limits,
    place: tuple[Path, list[Path]],
    walls: list[str],
    pipes: tuple[int, int],
    user: int,
) -> None:
    """Go behind the walls and take the steps. Never returns."""
    try:
        os.setsid()
        os.umask(0o022)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        messages, ready = _close_all_but(*pipes)
        folder, sockets = place
        memory = _memory("self")
        _set_limits(limits)
        if OWN_PROCESSES in walls:
            gained, folder = _shut_in(request, folder, sockets, limits)
            walls = [*walls, *gained]
        home = folder / "home"
        home.mkdir(exist_ok=True)
        walls = [*walls, *_step_down(home, user)]
        os.environ.update(HOME=str(home), TMPDIR=str(home), USER="learner", LOGNAME="learner")
        tempfile.tempdir = None
        os.chdir(home)
        walls = _forbid(walls)
        if "outside" in request:
            walls = _measured(walls, request)
        os.write(ready, json.dumps({"walls": walls, "memory": memory}).encode())
        os.close(ready)

        def send(message: bytes) -> None:
            framing.write(messages, message)

        runner.run(request["steps"], questions, request["token"], send, limits.message)
        os._exit(0)
    except BaseException:
        os._exit(70)


def _forbid(walls: list[str]) -> list[str]:
    """Forbid calls of the kernel, and all sockets where nothing else keeps those of other programs away."""
    open_to_sockets = NO_SOCKETS not in walls
    if not forbidden.forbid(sockets=open_to_sockets):
        return walls if not open_to_sockets else [wall for wall in walls if wall != NO_NETWORK]
    gained = [NO_NETWORK, NO_SOCKETS] if open_to_sockets else []
    gained += [ALL_COUNTED] if IN_MEMORY in walls else []
    return list(dict.fromkeys([*walls, *gained]))


def _measured(walls: list[str], request: dict) -> list[str]:
    """The walls without those that something gets through, tried as the learner's code would."""
    outside = request["outside"]
    lost = set()
    if outside["port"] and _reaches(socket.AF_INET, ("127.0.0.1", outside["port"])):
        lost.add(NO_NETWORK)
    if outside["socket"] and _reaches(socket.AF_UNIX, outside["socket"]):
        lost |= {NO_SOCKETS, NO_NETWORK}  # a program outside can be asked for what the network gives
    if any(_shows(place) for place in request["hide"]):
        lost.add(COVERED)
    folders = [request["scratch"], "/", *(os.path.dirname(place) for place in request["hide"])]
    folders = [place for place in folders if not Path(place).is_relative_to(rooms.FREE)]
    if any(map(_takes, [*folders, *request["needed"]])):
        lost.add(READ_ONLY)
    if _space() > request["limits"]["room"]:
        lost.add(IN_MEMORY)
    if os.getpid() != 1:
        lost.add(OWN_PROCESSES)
    if any(name.isdigit() and int(name) != os.getpid() for name in os.listdir("/proc")):
        lost.add(OWN_PROC)
    if _gets_uncounted_memory():
        lost.add(ALL_COUNTED)
    if not _has_no_rights():
        lost.add(NO_RIGHTS)
    return [wall for wall in walls if wall not in lost]


def _reaches(family: int, address: object) -> bool:
    """Whether somebody answers at an address."""
    with contextlib.suppress(OSError), socket.socket(family) as one:
        one.settimeout(1)
        one.connect(address)
        return True
    return False


def _shows(place: str) -> bool:
    """Whether there is anything to read at a place."""
    with contextlib.suppress(OSError):
        return bool(os.listdir(place))
    with contextlib.suppress(OSError), open(place, "rb") as file:
        return bool(file.read(1))
    return False


def _takes(folder: str) -> bool:
    """Whether a file can be made in a folder."""
    name = os.path.join(folder, f".tl-course-{os.getpid()}-{os.urandom(4).hex()}")
    with contextlib.suppress(OSError):
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(name)
        return True
    return False


def _space() -> int:
    """Bytes of the file system that the learner's files lie in."""
    found = os.statvfs(".")
    return found.f_blocks * found.f_frsize


def _gets_uncounted_memory() -> bool:
    """Whether memory is to be had that no process counts as its own."""
    with contextlib.suppress(AttributeError, OSError):
        os.close(os.memfd_create("trial"))
        return True
    return False


def _has_no_rights() -> bool:
    """Whether this process may do nothing that an ordinary user may not, and no program makes it more."""
    with contextlib.suppress(OSError):
        said = dict(line.partition(":\t")[::2] for line in Path("/proc/self/status").read_text().splitlines())
        if int(said.get("CapEff", "1"), 16) != 0 or said.get("NoNewPrivs", "1") != "1":
            return False
    return not _is_root_somewhere()


def _is_root_somewhere() -> bool:
    """Whether a process of ours can make a namespace in which it has every right, and with it much of the kernel."""
    try:
        trial = os.fork()
    except OSError:
        return False
    if trial == 0:
        os._exit(0 if system.unshare(system.NEW_USER) else 1)
    return os.waitpid(trial, 0)[1] == 0


def _close_all_but(messages: int, ready: int) -> tuple[int, int]:
    """Leave open two pipes, as 3 and 4, and nothing else."""
    pipes = [fcntl.fcntl(pipe, fcntl.F_DUPFD, FREE_DESCRIPTOR) for pipe in (messages, ready)]
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    os.closerange(3, FREE_DESCRIPTOR)
    for number, pipe in enumerate(pipes, start=3):
        os.dup2(pipe, number)
    os.closerange(5, 4096)
    return 3, 4


def _set_limits(limits: Limits) -> None:
    used = _address_space()
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": limits.file,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CPU": int(limits.submission) + 1,
        "RLIMIT_NPROC": _processes_now() + limits.processes,
        "RLIMIT_AS": used + limits.memory + LOADING_BYTES if used else resource.RLIM_INFINITY,
    }
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            with contextlib.suppress(ValueError, OSError):  # a lower one holds already
                resource.setrlimit(kind, (value, value))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # if memory runs out, take us


def _address_space() -> int:
    """Bytes of address space in use, or 0 where that is not known."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0


def _processes_now() -> int:
    """How many processes and threads count for this user already; none for a user who is made up."""
    if os.geteuid() == 0 or os.getpid() == 1:
        return 0
    mine = (process for process in psutil.process_iter() if _belongs_to(process, os.getuid()))
    return sum(_threads(process) for process in mine)


def _belongs_to(process: psutil.Process, user: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.uids().real == user
    return False


def _threads(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.num_threads()
    return 1


def _step_down(home: Path, nobody: int) -> list[str]:
    """Become nobody, if we are root, and give up every right."""
    gained = []
    if os.geteuid() == 0:
        os.chown(home, nobody, nobody)
        home.chmod(0o700)
        os.setgroups([])
        os.setresgid(nobody, nobody, nobody)
        os.setresuid(nobody, nobody, nobody)
        gained.append(ANOTHER_USER)
    if system.give_up_capabilities() and system.no_new_privileges():
        gained.append(NO_RIGHTS)
    system.die_with_parent(signal.SIGKILL)  # after the change of user, which would undo it
    return gained


def _unused_user(keeper: int, start: int = 700_000_000, nobody: int = 65534) -> int:
    """A number that no user has, or that of *nobody* where numbers are few, as in some containers."""
    number = start + keeper % 2**22
    with contextlib.suppress(OSError, ValueError):
        spans = [list(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
        if not any(first <= number < first + count for first, _, count in spans):
            return nobody
    return number


# --- watching --------------------------------------------------------------------------------------------------------


class _Watch:
    """Looks at the learner's processes every few hundredths of a second."""

    def __init__(self, learner: int, limits: Limits, at_first: int, told_to_end: list[bool], *, own_proc: bool):
        self.learner, self.limits, self.at_first, self.own_proc = learner, limits, at_first, own_proc
        self.told_to_end, self.server = told_to_end, os.getppid()
        self.started = self.heard = time.monotonic()
        self.computed = self._computed()

    def until_the_end(self, messages: int, forward: Callable[[bytes], None], most: int) -> tuple[str, int]:
        """Forward messages until the process ends or has to be ended."""
        os.set_blocking(messages, False)
        inbox, count, size = framing.Inbox(self.limits.message + 4096), 0, 0
        while True:
            status = self._status()
            select.select([messages], [], [], 0 if status else LOOK_EVERY_SECONDS)
            try:
                for message in inbox.take(_available(messages)):
                    count, size = count + 1, size + len(message)
                    if count > most or size > MESSAGES_IN_ALL * self.limits.message:
                        return "data", 0
                    forward(message)
                    self.heard, self.computed = time.monotonic(), self._computed()
            except framing.Broken:
                return "data", 0
            if status:
                return status
            if reason := self._too_much():
                return reason, 0

    def _status(self) -> tuple[str, int] | None:
        ended, status = os.waitpid(self.learner, os.WNOHANG)
        if not ended:
            return None
        return ("signal", os.WTERMSIG(status)) if os.WIFSIGNALED(status) else ("exit", os.WEXITSTATUS(status))

    def _too_much(self) -> str:
        now = time.monotonic()
        if self.told_to_end or os.getppid() != self.server:  # the grader is gone, or the server
            return "stopped"
        if self._hangs(now - self.heard) or now - self.started > self.limits.submission:
            return "time"
        return "memory" if self._grown() > self.limits.memory else ""

    def _hangs(self, silent: float) -> bool:
        """Whether it said nothing for too long; longer is allowed if it had no processor for so long, or waited."""
        allowed = self.limits.silence
        if silent <= allowed:
            return False
        return silent > self.limits.patience * allowed or self._computed() - self.computed > allowed - self.limits.grace

    def _computed(self) -> float:
        """Seconds that the learner's process has computed."""
        return _computed(1 if self.own_proc else self.learner)

    def _grown(self) -> int:
        """Bytes that the processes have taken since the start; what a fork shares with its parent counts once."""
        each = [_memory(pid) for pid in self._members()]
        return sum(max(0, size - self.at_first) for size in each)

    def _members(self) -> Iterator[int]:
        if self.own_proc:
            return (int(name) for name in os.listdir("/proc") if name.isdigit())
        return iter([self.learner, *_descendants()])


def _available(messages: int) -> bytes:
    """What is in the pipe now, up to a few megabytes."""
    parts = []
    with contextlib.suppress(BlockingIOError):
        while len(parts) < 64 and (part := os.read(messages, 2**16)):
            parts.append(part)
    return b"".join(parts)


def _memory(pid: int | str) -> int:
    """Bytes in memory that belong to a process and are in no file; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0 if sys.platform == "linux" else _resident(pid)
    sizes = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return sum(int(sizes[name].split()[0]) * 1024 for name in ("RssAnon", "RssShmem", "VmSwap") if name in sizes)


def _computed(pid: int) -> float:
    """Seconds of processor time of a process; 0 if it is gone, and those of the clock where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0 if sys.platform == "linux" else time.monotonic()


def _resident(pid: int | str) -> int:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(os.getpid() if pid == "self" else pid).memory_info().rss
    return 0


# --- ending ----------------------------------------------------------------------------------------------------------


def _end_all(learner: int, own_processes: bool, seconds: float = 5.0) -> None:
    """Kill the learner's process and every process that came of it."""
    until = time.monotonic() + seconds
    _kill(learner, group=not own_processes)
    if own_processes:  # the kernel ends the others; numbers in /proc are those of their namespace, not ours
        with contextlib.suppress(ChildProcessError):
            os.waitpid(learner, 0)
        return
    while (left := _descendants()) and time.monotonic() < until:
        for pid in left:
            _kill(pid)
        _bury()
        time.sleep(0.01)
    _bury()


def _kill(pid: int, *, group: bool = False) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    if group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _bury() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descendants() -> list[int]:
    """Everything that descends from the keeper, which adopts orphans."""
    with contextlib.suppress(psutil.Error, OSError):
        return [child.pid for child in psutil.Process().children(recursive=True)]
    return []
