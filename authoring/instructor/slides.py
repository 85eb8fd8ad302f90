"""Slides of a lesson, derived from what it already is: title, predictions, figures, what to remember.

No lesson tags cells for slides, so the headings decide, and a new lesson has slides without anybody's work. They are
one plain HTML file: nbconvert's slides load reveal.js from the web, which a room without a network does not have.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from nbformat import NotebookNode

from authoring import claims, generated, tags
from authoring.instructor.built_course import BuiltCourse
from authoring.instructor.notes import predictions
from authoring.instructor.pages import html_page, to_html
from authoring.sources import Lesson

CLAIMS_A_SLIDE = 3
WORDS_A_SLIDE = 130
_HEADING = re.compile(r"^#{1,4} +(.+)$", re.MULTILINE)
_FIGURE = re.compile(r"<figure\b.*?</figure>", re.DOTALL)


@dataclass
class Slide:
    """One slide.

    Attributes
    ----------
    kind : str
        ``"title"``, ``"predict"``, ``"figure"`` or ``"remember"``: how it looks.
    heading : str
    figure : str
        HTML of a figure, with its alt text; empty for none.
    text : list of str
        Markdown, one piece a paragraph or list.
    """

    kind: str
    heading: str
    figure: str = ""
    text: list[str] = field(default_factory=list)


def of(course: BuiltCourse, lesson: Lesson) -> list[Slide]:
    """Return the slides of a lesson, in its order."""
    slides: list[Slide] = []
    heading = lesson.title
    for source, built in course.cells(lesson):
        if built is None:
            continue
        if source.cell_type == "code":
            _add_outputs(slides, heading, source, built)
            continue
        found = _HEADING.findall(source.source)
        heading = found[-1] if found else heading
        if not slides:
            slides.append(_title(lesson, source.source, generated.budget(lesson, course.timings.get(lesson.stem))))
        slides += [Slide("predict", heading, text=[question]) for question in _questions(source)]
        if found and found[-1] == "What to remember":
            slides.append(Slide("remember", heading, text=[_HEADING.sub("", source.source).strip()]))
    return slides


def _title(lesson: Lesson, opening: str, budget: str) -> Slide:
    """The first slide: what one will be able to do, and what it costs."""
    goals = _HEADING.sub("", opening).replace(generated.BUDGET, "").strip()
    return Slide("title", f"{lesson.number} {lesson.title}", text=[goals, budget])


def _questions(cell: NotebookNode) -> list[str]:
    """The predictions a cell asks for: with all that it says before them, unless that is too much for a slide."""
    asked = predictions([cell])
    whole = _HEADING.sub("", cell.source).strip()
    return [whole] if asked and len(whole.split()) <= WORDS_A_SLIDE else asked


def _add_outputs(slides: list[Slide], heading: str, source: NotebookNode, built: NotebookNode) -> None:
    """Add a slide for each figure, and what a record says to the figure before it."""
    for output in built.get("outputs", []):
        for figure in _FIGURE.findall(output.get("data", {}).get("text/html", "")):
            slides.append(Slide("figure", heading, figure=figure))
    last = slides[-1] if slides else None
    room = last and last.kind == "figure" and last.heading == heading and len(last.text) < CLAIMS_A_SLIDE
    if room and "claim" in tags.of(source):
        last.text.append(f"* {claims.without_mark(built.source)}")


def as_html(slides: Sequence[Slide], *, title: str, mathjax: bool) -> str:
    """Return the slides as one HTML file that needs nothing but, for formulas, the pack's own MathJax."""
    parts = []
    for number, slide in enumerate(slides, start=1):
        level = "h1" if slide.kind == "title" else "h2"
        joint = "\n" if slide.kind == "figure" else "\n\n"  # claims are the items of one list
        heading = f"<{level}>{to_html(slide.heading).removeprefix('<p>').removesuffix('</p>')}</{level}>"
        parts.append(
            f'<section class="{slide.kind}" id="{number}">{heading}{slide.figure}'
            f"{to_html(joint.join(slide.text)) if slide.text else ''}"
            f'<p class="number">{number} of {len(slides)}</p></section>'
        )
    return html_page("\n".join(parts), title=title, style=STYLE, script=SCRIPT, mathjax=mathjax, depth=1)


STYLE = """
body { margin: 0; background: #d9dde1; color: #1c2730; font: 22px/1.4 system-ui, sans-serif; }
section { box-sizing: border-box; width: min(100vw, 1280px); min-height: 100vh; margin: 0 auto; padding: 2.5rem 4rem;
  background: #fff; display: flex; flex-direction: column; justify-content: center; position: relative;
  border-bottom: 2px solid #b9c2ca; }
h1 { font-size: 2em; } h2 { font-size: 1.4em; color: #0a4f78; margin: 0 0 0.6em; }
.title h1 { border-bottom: 4px solid #0072b2; padding-bottom: 0.3em; }
.predict { background: #fff7e6; } .predict h2 { color: #8a3c00; }
blockquote { margin: 0.5em 0; padding: 0 0 0 1em; border-left: 5px solid #e0a030; }
.remember { background: #eef6f1; }
figure { margin: 0 auto 0.6em; text-align: center; } figure img { max-height: 62vh; width: auto; }
figure:has(+ ul) img { max-height: 46vh; }
figcaption { font-size: 0.75em; color: #4a5560; } .figure li { font-size: 0.85em; }
.number { position: absolute; right: 1.2rem; bottom: 0.2rem; font-size: 0.65em; color: #5a646d; }
@page { size: A4 landscape; margin: 0; }
@media print { body { font-size: 17px; background: #fff; } section { width: 297mm; min-height: 209mm;
  break-after: page; border: 0; padding: 12mm 18mm; } figure img { max-height: 105mm; }
  section:last-of-type { break-after: auto; } figure:has(+ ul) img { max-height: 80mm; } }
"""

SCRIPT = """
addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 }[event.key];
  if (!step) return;
  const slides = [...document.querySelectorAll("section")];
  const now = slides.findIndex((slide) => slide.getBoundingClientRect().bottom > innerHeight / 2);
  const goal = slides[Math.min(slides.length - 1, Math.max(0, now + step))];
  event.preventDefault();
  goal.scrollIntoView();
});
"""
