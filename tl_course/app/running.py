"""Execute a notebook from first cell to last, and say how long it took and how much memory it needed.

The command ``tl-course run`` and the course's own build both stand on :func:`execute`. It differs from
``jupyter execute`` in four ways that matter here: the kernel is always this very interpreter (a ``python3``
kernelspec that the user installed years ago cannot take its place), the peak memory of the kernel is measured,
a failure is one sentence instead of a traceback, and the saved notebook holds nothing that differs from one
run to the next on its own account: no times, no widget state, no Python version.
"""

import contextlib
import copy
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tl_course import environment

SAMPLE_SECONDS = 0.1
ERROR_CHARACTERS = 300
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Result:
    """What one execution cost and how it ended.

    Attributes
    ----------
    seconds : float
        Wall-clock seconds, the kernel's start included.
    peak_bytes : int
        Peak resident memory of the kernel process and its children, in bytes. On Linux the peak of the kernel
        process itself is exact; what the children add is sampled every 0.1 s.
    ok : bool
        Whether every cell ran.
    error : str or None
        The failing cell and its error in one line.
    """

    seconds: float
    peak_bytes: int
    ok: bool
    error: str | None = None


def execute(
    notebook_path: Path | str,
    out_path: Path | str,
    *,
    timeout: float | None,
    cwd: Path | str,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Execute a notebook in a fresh kernel of this interpreter and save it with its outputs.

    A cell tagged ``raises-exception`` may fail; any other failure stops the run. The notebook is saved in either
    case: after a failure it holds the outputs up to and including the failing cell. On Ctrl-C the kernel and the
    processes it started are ended, nothing is saved, and ``KeyboardInterrupt`` goes on to the caller.

    Parameters
    ----------
    notebook_path, out_path : path
        What to execute and where to save it; they may be the same file.
    timeout : float or None
        Seconds one cell may take; None for no limit.
    cwd : path
        Working folder of the kernel.
    env : mapping, optional
        Environment variables for the kernel, added to those of this process.

    Raises
    ------
    FileNotFoundError
        If there is no notebook at ``notebook_path`` or no folder at ``cwd``.

    Examples
    --------
    >>> import nbformat, tempfile
    >>> from nbformat.v4 import new_code_cell, new_notebook
    >>> folder = Path(tempfile.mkdtemp())
    >>> nbformat.write(new_notebook(cells=[new_code_cell("6 * 7")]), folder / "in.ipynb")
    >>> execute(folder / "in.ipynb", folder / "out.ipynb", timeout=60, cwd=folder).ok
    True
    >>> nbformat.read(folder / "out.ipynb", as_version=4).cells[0].outputs[0].data["text/plain"]
    '42'
    """
    source, folder = Path(notebook_path), Path(cwd)
    if not source.is_file():
        raise FileNotFoundError(f"There is no notebook at {source}; check the path.")
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} to run the notebook in; create it first.")
    notebook = nbformat.read(source, as_version=4)
    metadata = copy.deepcopy(notebook.metadata)
    _clear(notebook)

    client = NotebookClient(notebook, timeout=timeout, record_timing=False, shutdown_kernel="immediate")
    start = time.perf_counter()
    error = None
    with _kernel(client, folder, env or {}) as meter:
        try:
            _run_cells(client)
        except _CellFailure as failure:
            error = str(failure)
    seconds = time.perf_counter() - start

    notebook.metadata = metadata
    save(notebook, out_path)
    return Result(seconds, meter.peak_bytes, error is None, error)


def save(notebook: NotebookNode, path: Path | str) -> None:
    """Write a notebook so that equal notebooks give equal bytes and no half-written file is ever seen."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class _CellFailure(Exception):
    """A cell did not run to its end; the message names it in one line."""


class _ThisInterpreter(AsyncKernelManager):
    """A kernel manager that asks no kernelspec which Python to start."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


@contextlib.contextmanager
def _kernel(client: NotebookClient, cwd: Path, env: Mapping[str, str]) -> Iterator["_MemoryMeter"]:
    """A running kernel for ``client``, whose memory is being measured; ended however the block ends."""
    # A private IPYTHONDIR keeps the user's startup files out of the result, and a read-only home folder harmless.
    with tempfile.TemporaryDirectory(prefix="tl-course-", ignore_cleanup_errors=True) as private:
        # Sockets in that folder, where the system has them, need no network interface and no port; their paths are
        # limited to about a hundred characters.
        transport = "ipc" if os.name == "posix" and len(private) < 80 else "tcp"
        manager = _ThisInterpreter(connection_file=str(Path(private) / "kernel.json"), transport=transport)
        client.km = manager
        meter = None
        try:
            variables = {**environment.for_kernels(), "IPYTHONDIR": private, **env}
            with client.setup_kernel(cwd=str(cwd), env=variables, cleanup_kc=False):
                meter = _MemoryMeter(manager.provisioner.pid)
                with meter:
                    yield meter
        finally:
            if client.km is not None:
                client._cleanup_kernel()
            if meter is not None:
                meter.end_children()


def _run_cells(client: NotebookClient) -> None:
    """Run the cells in order; the first that fails raises a _CellFailure."""
    count = 0
    for index, cell in enumerate(client.nb.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        count += 1
        try:
            client.execute_cell(cell, index, execution_count=count)
        except (CellControlSignal, DeadKernelError) as error:
            raise _CellFailure(f"cell {index + 1} (In [{count}]): {_reason(error, client.timeout)}") from None
        finally:
            cell.outputs = _merge_streams(cell.outputs)


def _reason(error: Exception, timeout: float | None) -> str:
    """One line that says why a cell stopped."""
    if isinstance(error, CellTimeoutError):
        return f"still running after {timeout:g} s"
    if isinstance(error, DeadKernelError):
        return "the kernel died; most often the machine had too little free memory"
    if isinstance(error, CellExecutionError):
        message = " ".join(_ANSI.sub("", f"{error.ename}: {error.evalue}").split())
        return message if len(message) <= ERROR_CHARACTERS else message[: ERROR_CHARACTERS - 1] + "…"
    return f"{type(error).__name__}: {error}"


def _clear(notebook: NotebookNode) -> None:
    """Drop outputs of earlier runs, so that a partial result cannot show them."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)


def _merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream: where a stream is cut depends on the moment, not on the code."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


class _MemoryMeter:
    """Watches the resident memory of a process and its children from a thread."""

    def __init__(self, pid: int):
        self.peak_bytes = 0
        self._process = psutil.Process(pid)
        self._children: set[psutil.Process] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_MemoryMeter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sample()
        self._done.set()
        self._thread.join()

    def end_children(self) -> None:
        """Kill what the kernel started and left behind, such as the workers of an interrupted loader."""
        for child in self._children:
            with contextlib.suppress(psutil.Error):
                child.kill()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        with contextlib.suppress(psutil.Error):
            children = self._process.children(recursive=True)
            self._children.update(children)
            resident = _resident(self._process) + sum(_resident(child) for child in children)
            self.peak_bytes = max(self.peak_bytes, resident, _high_water_mark(self._process.pid))


def _resident(process: psutil.Process) -> int:
    """Resident bytes of a process; 0 once it has ended."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _high_water_mark(pid: int) -> int:
    """The most resident bytes the process ever had, as Linux counts it; 0 elsewhere."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
