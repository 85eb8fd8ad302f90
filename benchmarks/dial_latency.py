"""How long a dial in JupyterLab takes to answer: from the key press to the frame that shows the other picture.

    python benchmarks/dial_latency.py --moves 15 01 02

The goal is a median of at most 150 ms. Measured in the page, by its own clock; the slider goes to and fro by keyboard.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "in_browser")]  # neither is installed with the package

from slicing import needed
from test_lab_in_browser import code_cells, dials, lesson

from authoring import browsing, lab

GOAL = 150
# from the key press to the first frame after the other picture is there and decoded
MEASURE = """box => {
    const shown = box.querySelector('figure img').src;
    let pressed;
    document.addEventListener('keydown', event => { pressed = event.timeStamp; }, {once: true, capture: true});
    window.answered = new Promise(resolve => {
        const watch = new MutationObserver(async () => {
            const img = box.querySelector('figure img');
            if (!img || img.src === shown) return;
            watch.disconnect();
            await img.decode();
            requestAnimationFrame(() => resolve(performance.now() - pressed));
        });
        watch.observe(box, {subtree: true, childList: true, attributes: true});
    });
}"""


def measure(page, running: lab.Lab, number: str, position: int, moves: int) -> dict[str, list[float]]:
    """Return the milliseconds of every move, slider by slider."""
    path = lesson(number)
    notebook = lab.Notebook(page, running, f"notebooks/{path.name}")
    for before in needed(["".join(cell["source"]) for cell in code_cells(path)], position):
        cell = notebook.run(before)
    box = cell.locator(".jp-OutputArea-output .jupyter-widgets").first
    box.locator("figure img").scroll_into_view_if_needed()
    times = {}
    for slider in box.locator(".widget-slider").all():
        handle, label = slider.locator(".noUi-handle"), slider.locator(".widget-label").inner_text()
        handle.focus()
        times[label] = []
        end, where = float(handle.get_attribute("aria-valuemax")), float(handle.get_attribute("aria-valuenow"))
        for move in range(moves):
            forth = (move % 2 == 0) == (where < end)
            box.evaluate(MEASURE)
            handle.press("ArrowRight" if forth else "ArrowLeft")
            times[label].append(page.evaluate("answered"))
    running.end_kernels()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="lessons by number; all with a dial when left out")
    parser.add_argument("--moves", type=int, default=15)
    options = parser.parse_args()
    if lack := browsing.missing():
        sys.exit(lack)
    with tempfile.TemporaryDirectory() as folder, lab.serve(Path(folder)) as running, browsing.browser() as browser:
        for number, position in dials():
            if options.lessons and number not in options.lessons:
                continue
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.set_default_timeout(lab.PATIENCE)
            for label, times in measure(page, running, number, position, options.moves).items():
                median, slowest = statistics.median(times), max(times)
                print(
                    f"{number} {label:<40} median {median:.0f} ms, slowest {slowest:.0f} ms (goal: {GOAL})", flush=True
                )
            context.close()


if __name__ == "__main__":
    main()
