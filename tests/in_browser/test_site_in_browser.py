"""The site as a reader opens it, from its folder and without a network: formulas, figures, both themes, no barrier.

axe-core is asked on every page. The whole of it on the light page; on the dark one only what colours decide, since the
rest is the same page.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from authoring import browsing
from authoring.site import building
from authoring.site.content import Content

pytestmark = [pytest.mark.browser, pytest.mark.full]

PHOTOGRAPHED = ("index.html", "lessons/02_mathematics_of_the_loss.html", "methods.html", "chinese.html")
MADE_BY_SPHINX = {"genindex.html", "py-modindex.html", "search.html"}


def build(tmp_path_factory, name: str, *, instructor: bool) -> Path:
    pytest.importorskip("sphinx", reason="the site's extra `book` is not installed")
    folder = tmp_path_factory.mktemp(name)
    building.build(Content(), folder / "out", folder / "work", instructor=instructor)
    return folder / "out"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return build(tmp_path_factory, "site", instructor=False)


@pytest.fixture(scope="module")
def instructors_site(tmp_path_factory):
    return build(tmp_path_factory, "instructors", instructor=True)


def pages(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.html") if "_static" not in path.parts)


def open_in(page, path: Path) -> None:
    page.goto(path.as_uri())
    page.wait_for_function("!window.MathJax || (MathJax.isReady && !MathJax.Hub.queue.pending)")


def faults(page) -> list[str]:
    """What a reader would miss on the open page: figures, formulas, and what lies beside the window."""
    return page.evaluate(
        """() => [
            ...[...document.images].filter(one => !(one.complete && one.naturalWidth))
                .map(one => `no picture: ${one.src.slice(0, 100)}`),
            ...[...document.querySelectorAll('.math:not(.MathJax *)')].filter(one => !one.querySelector('.MathJax'))
                .map(one => `no formula: ${one.textContent.slice(0, 100)}`),
            ...[...document.querySelectorAll('.merror, .MathJax_Error')].map(one => `not TeX: ${one.textContent}`),
            ...(document.documentElement.scrollWidth > innerWidth ? ['wider than the window'] : []),
        ]"""
    )


@pytest.mark.parametrize("theme", browsing.THEMES)
def test_every_page_is_whole_and_has_no_barrier(site, page, picture, theme):
    page.emulate_media(color_scheme=theme)
    found = {}
    for path in pages(site):
        name = path.relative_to(site).as_posix()
        open_in(page, path)
        assert page.locator("html").get_attribute("data-theme") == theme
        found[name] = faults(page) + browsing.barriers(page, only_colors=theme == "dark")
        if name in PHOTOGRAPHED:
            picture(path.stem)
    assert {name: said for name, said in found.items() if said} == {}
    assert len(found) > len(MADE_BY_SPHINX)


def test_what_only_the_instructor_sees_has_no_barrier(site, instructors_site, page, picture):
    """Pages that differ from the learners' in more than their name and side bar."""
    found = {}
    for path in pages(instructors_site):
        name = path.relative_to(instructors_site).as_posix()
        ours = site / name
        if name in MADE_BY_SPHINX or (ours.is_file() and article(ours) == article(path)):
            continue
        for theme in browsing.THEMES:
            page.emulate_media(color_scheme=theme)
            open_in(page, path)
            found[name, theme] = faults(page) + browsing.barriers(page, only_colors=theme == "dark")
            if name == "instructor.html":
                picture(theme)
    assert {name: said for name, said in found.items() if said} == {}
    assert ("instructor.html", "dark") in found


def article(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("<article")[2].partition("</article>")[0]


def test_no_code_of_a_lesson_hides_behind_a_scroll_bar_on_a_small_laptop(site, page):
    page.set_viewport_size({"width": 1366, "height": 768})
    hidden = {}
    for path in sorted((site / "lessons").glob("*.html")):
        page.goto(path.as_uri())
        code = "[...document.querySelectorAll('div.highlight pre')]"
        cut = page.evaluate(f"{code}.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)")
        hidden |= {path.stem: cut} if cut else {}
    assert hidden == {}


def test_a_search_finds_a_lesson_and_a_chinese_word(site, page):
    for word, expected in (("negative transfer", "lessons/"), ("迁移学习", "glossary")):
        page.goto(f"{(site / 'search.html').as_uri()}?q={word}")
        results = page.locator("#search-results li a")
        results.first.wait_for()
        assert any(expected in link.get_attribute("href") for link in results.all())


# --- the watch itself ------------------------------------------------------------------------------------------------

BAD = """<!doctype html><html lang="en"><title>Bad</title><main><h1>Bad</h1>
<p style="color: #bbb; background: #fff">Hardly to be read.</p><img src="https://example.org/a.png">
<img src="absent.png" alt="Nothing"><span class="math">\\(x\\)</span><script>nobody.knows()</script></main></html>"""


def test_what_is_wrong_is_seen(browser, tmp_path):
    (tmp_path / "bad.html").write_text(BAD, encoding="utf-8")
    context = browser.new_context()
    watch = browsing.Watch().over(context)
    page = context.new_page()
    page.goto((tmp_path / "bad.html").as_uri())
    assert [one.partition(" (")[0] for one in browsing.barriers(page)] == ["color-contrast", "image-alt"]
    assert [one.partition(" (")[0] for one in browsing.barriers(page, only_colors=True)] == ["color-contrast"]
    assert [one.partition(":")[0] for one in faults(page)] == ["no picture", "no picture", "no formula"]
    context.close()
    assert len(watch.external) == 1
    assert "https://example.org/a.png" in watch.external[0]
    assert len(watch.failed) == 2
    assert any("nobody is not defined" in error for error in watch.errors)
