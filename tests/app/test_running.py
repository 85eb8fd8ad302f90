"""Executing a notebook: in this interpreter, measured, reproducible, and clean however it ends."""

import json
import os
import signal
import subprocess
import sys

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tl_course.app import startpage
from tl_course.app.running import _merge_streams, execute, save
from tl_course.environment import SPIN_COUNT

MEGABYTE = 10**6


@pytest.fixture
def run(tmp_path):
    """Execute cells given as text and return the result and the saved notebook."""

    def run(*sources, timeout=60, env=None, tags=()):
        cells = [new_markdown_cell("# Title")]
        cells += [new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
        for position, cell in enumerate(cells):
            cell.id = f"cell-{position}"
        save(new_notebook(cells=cells), tmp_path / "in.ipynb")
        result = execute(tmp_path / "in.ipynb", tmp_path / "out.ipynb", timeout=timeout, cwd=tmp_path, env=env)
        return result, nbformat.read(tmp_path / "out.ipynb", as_version=4)

    return run


def text_of(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.mark.integration
def test_runs_in_this_interpreter_whatever_kernelspec_the_user_has(run, tmp_path, monkeypatch):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = ["/nonexistent/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Old", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    result, notebook = run("import sys; print(sys.executable)")
    assert result.ok, result.error
    assert text_of(notebook.cells[1]).strip() == sys.executable


@pytest.mark.integration
def test_passes_folder_and_environment(run, tmp_path):
    _, notebook = run("import os; print(os.getcwd(), os.environ['TL_TEST'])", env={"TL_TEST": "yes"})
    assert text_of(notebook.cells[1]).split() == [str(tmp_path), "yes"]


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize(
    ("theirs", "expected"),
    [({}, str(SPIN_COUNT)), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_idle_threads_soon_sleep_unless_the_user_wants_it_otherwise(run, monkeypatch, theirs, expected):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    _, notebook = run("import os; print(os.environ.get('GOMP_SPINCOUNT'))")
    assert text_of(notebook.cells[1]).strip() == str(expected)
    assert startpage.jupyter_environment().get("GOMP_SPINCOUNT") == expected


@pytest.mark.integration
def test_the_users_startup_files_do_not_run(run, tmp_path, monkeypatch):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("surprise = 1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    assert not run("surprise")[0].ok


@pytest.mark.full
def test_two_runs_give_the_same_bytes(run, tmp_path):
    source = "import sys\nfor i in range(50):\n    print(i, flush=True)\nprint('x', file=sys.stdout)"
    run(source)
    first = (tmp_path / "out.ipynb").read_bytes()
    run(source)
    assert (tmp_path / "out.ipynb").read_bytes() == first
    for word in (b'execution"', b"iopub", b"widget-state", b"nbconvert_exporter"):
        assert word not in first


@pytest.mark.integration
def test_widgets_run_and_their_state_is_not_kept(run):
    result, notebook = run("import ipywidgets\nipywidgets.interact(lambda x: print(x), x=(0, 3));")
    assert result.ok, result.error
    assert "widgets" not in notebook.metadata


@pytest.mark.integration
def test_old_outputs_and_metadata(tmp_path):
    old = new_code_cell("1", execution_count=9, outputs=[new_output("stream", text="old")])
    notebook = new_notebook(
        cells=[new_code_cell("1 / 0"), old], metadata={"kernelspec": {"name": "k", "display_name": "K"}}
    )
    save(notebook, tmp_path / "same.ipynb")
    result = execute(tmp_path / "same.ipynb", tmp_path / "same.ipynb", timeout=60, cwd=tmp_path)
    saved = nbformat.read(tmp_path / "same.ipynb", as_version=4)
    assert not result.ok
    assert saved.metadata == notebook.metadata
    assert saved.cells[1].outputs == []
    assert saved.cells[1].execution_count is None


@pytest.mark.integration
def test_a_failure_names_the_cell_in_one_line_and_keeps_what_ran(run):
    result, notebook = run("print('before')", "raise ValueError('two\\nlines')", "print('after')")
    assert not result.ok
    assert result.error == "cell 3 (In [2]): ValueError: two lines"
    assert text_of(notebook.cells[1]) == "before\n"
    assert notebook.cells[2].outputs[0].ename == "ValueError"
    assert notebook.cells[3].execution_count is None


@pytest.mark.integration
def test_a_cell_may_fail_when_it_says_so(run):
    result, notebook = run("1 / 0", "1 / 0", tags=["raises-exception"])
    assert result.ok
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]


@pytest.mark.integration
def test_a_cell_that_takes_too_long_is_stopped(run):
    result, _ = run("while True: pass", timeout=1)
    assert result.error == "cell 2 (In [1]): still running after 1 s"
    assert result.seconds < 30


@pytest.mark.integration
def test_a_kernel_that_dies_is_reported(run):
    result, _ = run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert "cell 2 (In [1]): the kernel died" in result.error


@pytest.mark.full
def test_peak_memory_counts_what_was_freed_and_what_children_held(run):
    base = run("x = 1")[0].peak_bytes
    freed = run("import numpy as np\nx = np.ones(40_000_000)\ndel x")[0].peak_bytes
    assert 20 * MEGABYTE < base < 300 * MEGABYTE
    assert freed - base > 300 * MEGABYTE
    child = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'x = bytearray(b\"x\" * 300_000_000); "
    child += "import time; time.sleep(1)'])"
    assert run(child)[0].peak_bytes - base > 250 * MEGABYTE


@pytest.mark.integration
def test_processes_a_cell_leaves_behind_are_ended(run):
    source = "import subprocess, sys, time\np = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])"
    _, notebook = run(f"{source}\nprint(p.pid)\ntime.sleep(0.3)")
    pid = int(text_of(notebook.cells[1]))
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.full
@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_the_kernel_and_is_passed_on(tmp_path):
    source = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\nopen('ready', 'w')\ntime.sleep(99)"
    save(new_notebook(cells=[new_code_cell(source)]), tmp_path / "in.ipynb")
    script = (
        "from tl_course.app.running import execute\n"
        "try:\n    execute('in.ipynb', 'out.ipynb', timeout=None, cwd='.')\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "ready").exists():
        assert process.poll() is None
    kernel = int((tmp_path / "pid").read_text())
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "interrupted\n"
    assert not psutil.pid_exists(kernel)
    assert not (tmp_path / "out.ipynb").exists()


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no notebook at .*nothing.ipynb"):
        execute(tmp_path / "nothing.ipynb", tmp_path / "out.ipynb", timeout=1, cwd=tmp_path)
    save(new_notebook(), tmp_path / "in.ipynb")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        execute(tmp_path / "in.ipynb", tmp_path / "out.ipynb", timeout=1, cwd=tmp_path / "nowhere")


def test_streams_are_joined_in_place():
    def out(name, text):
        return new_output("stream", name=name, text=text)

    picture = new_output("display_data", {"text/html": "<p>"})
    pieces = [
        out("stdout", "a"),
        out("stdout", "b"),
        out("stderr", "c"),
        picture,
        out("stdout", "d"),
        out("stdout", ""),
    ]
    merged = _merge_streams(pieces)
    assert [piece.get("text") for piece in merged] == ["ab", "c", None, "d"]
