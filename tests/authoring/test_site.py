"""The site: what it is made from holds together, and what Sphinx makes of it is whole, offline and readable by all."""

import importlib
import itertools
import re
import shutil
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from authoring import sources
from authoring.site import __main__ as command
from authoring.site import building, lessons, pages, records, reference, terms
from authoring.site.content import Content, ContentError
from tl_course import records as recorded

ROOT = sources.ROOT


@pytest.fixture(scope="module")
def content():
    return Content(ROOT)


@pytest.fixture(scope="module")
def made(content):
    return building.sources(content)


pytestmark = [
    pytest.mark.integration,
    # MyST and the theme use names that Sphinx 11 will drop: theirs to mend, and our pins keep Sphinx below it
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
]

# --- what people wrote ---------------------------------------------------------------------------------------------


def test_every_lesson_is_there_in_chinese(content):
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        entry = content.chinese.get(path.stem)
        assert entry, f"docs/site/lessons.zh.toml has no entry [{path.stem}]"
        assert set(entry) == {"title", "summary", "goals"}
        assert entry["goals"], path.stem
        for text in (entry["title"], entry["summary"], *entry["goals"]):
            assert terms.words(text) or text == entry["title"], f"{path.stem}: {text!r} is not Chinese"


def test_chinese_names_lessons_that_someone_wrote(content):
    assert set(content.chinese) <= {lesson.stem for lesson in sources.find(ROOT)}


def test_chinese_is_punctuated_as_chinese(content):
    texts = [text for entry in content.chinese.values() for text in (entry["title"], entry["summary"], *entry["goals"])]
    texts.append((ROOT / "README.zh.md").read_text(encoding="utf-8"))
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "site" / "pages").glob("chinese.md")]
    for text in texts:
        assert re.findall(r"[\u4e00-\u9fff][,;:?!(]", text) == [], text


def test_chinese_readme_has_the_lessons_of_today(content):
    text = (ROOT / "README.zh.md").read_text(encoding="utf-8")
    assert text == command.filled_readme(content), "run python -m authoring.site --readme"


def test_every_chinese_word_of_a_lesson_is_in_the_glossary(content):
    assert terms.unknown(content, sources.find(ROOT)) == []


@pytest.mark.parametrize(("text", "found"), [("A **term** (没有的词).", ["没有的词"]), ("A head (分类头).", [])])
def test_a_word_that_the_glossary_lacks_is_named(content, text, found):
    lesson = sources.Lesson(ROOT / "20_new.py", "New", "New.", 1, None, (new_markdown_cell(text), new_code_cell("1")))
    said = terms.unknown(content, [lesson])
    assert [word in sentence for word, sentence in zip(found, said, strict=True)] == [True] * len(found)


def test_glossary_is_in_order_and_says_nothing_twice(content):
    english = [term.english for term in content.terms]
    assert english == sorted(english, key=str.casefold)
    names = [name for term in content.terms for name in (term.english, term.chinese, *term.variants)]
    assert sorted(names) == sorted(set(names))
    assert all(term.meaning.endswith((".", "?")) for term in content.terms)


def test_first_lesson_of_a_term_is_the_first_that_has_it(content):
    found = {term.english: terms.first_lesson(term, content.lessons) for term in content.terms}
    assert found["transfer learning"].number == "00"
    assert found["negative transfer"].number == "01"


def test_every_method_is_one_that_exists(content):
    for method in content.table("methods")["method"]:
        for name in method["api"]:
            module, _, attribute = name.partition(".")
            assert hasattr(importlib.import_module(f"tl_course.{module}"), attribute), name
        assert method.get("lesson", "00") in content.stops, method["name"]


def test_every_public_loss_and_estimator_is_a_method(content):
    table = content.table("methods")
    named = {name for method in table["method"] for name in method["api"]} | set(table["helpers"])
    for module in ("losses", "adaptation"):
        public = {f"{module}.{name}" for name in reference.public_names(content, module)}
        assert public <= named, f"docs/site/methods.toml lacks {sorted(public - named)}"


def test_source_texts_point_to_lessons_of_the_path(content):
    for text in content.table("source_texts")["text"]:
        for entry in (*text["rows"], *text["questions"]):
            assert set(entry["lessons"]) <= set(content.stops), entry


def test_the_path_must_have_room_for_every_lesson(content, monkeypatch):
    alone = Content(ROOT)
    table = {"part": [part | {"lessons": part["lessons"][:1]} for part in content.table("path")["part"]]}
    monkeypatch.setattr(alone, "table", lambda name: table if name == "path" else content.table(name))
    with pytest.raises(ContentError, match=r"no place for lesson 01"):
        _ = alone.parts


def test_a_lesson_without_chinese_is_named(content, monkeypatch):
    monkeypatch.setitem(content.chinese, content.lessons[0].stem, content.chinese[content.lessons[0].stem])
    monkeypatch.delitem(content.chinese, content.lessons[0].stem)
    with pytest.raises(ContentError, match=re.escape(f"[{content.lessons[0].stem}]")):
        content.in_chinese(content.lessons[0])


# --- what is made of it ----------------------------------------------------------------------------------------------


def test_every_page_is_made_and_filled(content, made):
    for lesson in content.lessons:
        assert f"lessons/{lesson.stem}.ipynb" in made
    for path in content.exercises:
        assert f"exercises/{path.name}" in made
    for name in recorded.available():
        assert f"records/{name}.md" in made
    written = {name: text for name, text in made.items() if name.endswith(".md")}
    assert {name: re.findall(r"\{\{\w+\}\}", text) for name, text in written.items() if "{{" in text} == {}
    assert "instructor.md" not in made


def test_everything_but_the_home_page_is_in_a_tree(made):
    trees = [block for text in made.values() for block in re.findall(r"```\{toctree\}(.*?)```", text, re.DOTALL)]
    listed = {
        re.sub(r".*<(.+)>", r"\1", line.strip()) for block in trees for line in block.splitlines() if line.strip()
    }
    assert {name.rpartition(".")[0] for name in made} - {"index"} <= listed


def test_a_lesson_as_a_page(content):
    lesson = content.lessons[1]
    page = lessons.page(content, lesson)
    first = page.cells[0].source.splitlines()
    assert first[0] == f"# {lesson.title}"
    assert first[2].startswith(f"Lesson {lesson.number} · ")
    assert f"(#chinese-{lesson.number})" in first[2]
    assert "(../glossary.md)" in first[2]
    assert "(../help.md)" in first[2]
    assert not any("nav" in cell.metadata.get("tags", []) for cell in page.cells)
    assert not any(
        lessons.WIDGETS in output.get("data", {}) for cell in page.cells for output in cell.get("outputs", [])
    )
    claims = [cell for cell in page.cells if "claim" in cell.metadata.get("tags", [])]
    assert claims
    assert all(cell.cell_type == "markdown" for cell in claims)
    kept = nbformat.read(ROOT / "notebooks" / f"{lesson.stem}.ipynb", as_version=4)
    assert sum(len(cell.outputs) for cell in kept.cells if cell.cell_type == "code") == sum(
        len(cell.outputs) for cell in page.cells if cell.cell_type == "code"
    )


def test_a_widget_leaves_its_picture():
    data = {lessons.WIDGETS: {"model_id": "1"}, "text/html": "<figure></figure>"}
    cell = new_code_cell("dial", outputs=[new_output("display_data", data=data)])
    assert list(lessons._still(cell).outputs[0].data) == ["text/html"]


def test_only_the_instructor_sees_notes_and_solutions(content):
    noted = [
        lesson
        for lesson in content.lessons
        if any("instructor" in cell.metadata.get("tags", []) for cell in lesson.cells)
    ]
    assert noted
    for lesson in noted:
        [note, *_] = [cell.source for cell in lesson.cells if "instructor" in cell.metadata.get("tags", [])]
        note = note.removeprefix("**For the instructor.** ")
        assert note not in nbformat.writes(lessons.page(content, lesson))
        shown = lessons.page(content, lesson, instructor=True)
        assert any(note in cell.source for cell in shown.cells)
        rest = [cell.source for cell in shown.cells if "{admonition} For the instructor" not in cell.source]
        assert rest == [cell.source for cell in lessons.page(content, lesson).cells]
    assert not any(name.startswith("solutions/") for name in lessons.pages(content, instructor=False))


def test_notes_are_not_put_into_a_notebook_that_is_out_of_step(content, tmp_path):
    lesson = content.lessons[0]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(
        nbformat.v4.new_notebook(cells=[new_markdown_cell("# Another")]),
        tmp_path / "notebooks" / f"{lesson.stem}.ipynb",
    )
    with pytest.raises(ContentError, match="out of step"):
        lessons.page(Content(tmp_path), lesson, instructor=True)


@pytest.mark.parametrize("name", ["01_label_budget", "05_strategies"])
def test_a_record_page_has_every_mean_with_its_seeds(name, made):
    page, record = made[f"records/{name}.md"], recorded.read(name)
    for target in record.targets:
        part = record.select(target=target)
        for method in part.methods:
            for setting in part.select(method=method).settings:
                cell = part.select(method=method, setting=setting)
                row = next(
                    line
                    for line in page.partition(f"## {recorded.target_title(target)}")[2].splitlines()
                    if line.startswith(f"| `{method}` | `{setting}` |")
                )
                assert f" {cell.mean:.3f} " in row
                assert f"| {len(cell.values)} |" in row


def test_claims_stand_on_their_record(content):
    stated = records.claims(content)
    assert sum(map(len, stated.values())) == sum(verdict.holds for verdict in recorded.check_claims())
    assert set(stated) <= set(recorded.available())


def test_a_bar_does_not_end_a_cell():
    assert pages.table(("a", "b"), [("p(y|x)", "1")]).splitlines()[2] == r"| p(y\|x) | 1 |"


# --- building again ------------------------------------------------------------------------------------------------


def test_only_what_differs_is_written(tmp_path):
    assert building.write({"a.md": "one", "b/c.md": "two"}, tmp_path) is True
    before = (tmp_path / "a.md").stat().st_mtime_ns
    assert building.write({"a.md": "one", "b/c.md": "three"}, tmp_path) is False
    assert (tmp_path / "a.md").stat().st_mtime_ns == before
    assert (tmp_path / "b" / "c.md").read_text() == "three"


@pytest.mark.parametrize(
    "then",
    [{"a.md": "one"}, {"a.md": "one", "b.md": "two", "c.md": "new"}, {"a.md": "```{toctree}\nb\n```", "b.md": "two"}],
)
def test_another_table_of_contents_is_noticed(tmp_path, then):
    building.write({"a.md": "one", "b.md": "two"}, tmp_path)
    assert building.write(then, tmp_path) is True
    assert {path.name for path in tmp_path.iterdir()} == set(then)


def test_pages_without_a_source_go(tmp_path):
    for name in ("index.html", "lessons/old.html", "genindex.html", "_static/x.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    building.remove_stale(tmp_path, {"index.md": ""})
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert left == {"index.html", "genindex.html", "_static/x.html"}


def test_without_sphinx_one_sentence_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(building.importlib.util, "find_spec", lambda name: None)
    assert command.main(["--out", str(tmp_path / "site")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert ".[book]" in said


def test_a_build_with_a_warning_fails_and_warns_again(monkeypatch, content, tmp_path):
    monkeypatch.setattr(building, "sources", lambda content, instructor: {"index.md": "# Home"})
    monkeypatch.setattr(building, "_sphinx", lambda *folders, **options: folders[2].mkdir() or 1)
    with pytest.raises(building.SiteError, match="see above"):
        building.build(content, tmp_path / "out", tmp_path / "work")
    assert not (tmp_path / "work" / "doctrees").exists()


def test_mathjax_is_whole_and_small(tmp_path):
    pytest.importorskip("jupyter_server_mathjax", reason="the site's extra `book` is not installed")
    building.copy_mathjax(tmp_path / "mathjax")
    for name in (
        "MathJax.js",
        "jax/input/TeX/jax.js",
        "fonts/HTML-CSS/STIX-Web/woff/STIXMathJax_Main-Regular.woff",
        "extensions/AssistiveMML.js",
    ):
        assert (tmp_path / "mathjax" / name).is_file(), name
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 6e6


# --- the real thing --------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a reader's browser would ask for, and what a screen reader would miss."""

    def __init__(self, text):
        super().__init__()
        self.requests, self.headings, self.without_alt, self.languages, self.tables = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag in {"script", "img", "iframe", "source", "audio", "video", "embed"} and given.get("src"):
            self.requests.append(given["src"])
        if tag == "link" and "stylesheet" in given.get("rel", "") + given.get("as", ""):
            self.requests.append(given["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img" and "alt" not in given:
            self.without_alt.append(given.get("src", "")[:80])
        if tag == "html":
            self.languages.append(given.get("lang"))
        if tag == "table":
            self.tables.append(0)
        if tag == "th" and self.tables:
            self.tables[-1] += 1


@pytest.fixture(scope="module")
def site(tmp_path_factory, content):
    pytest.importorskip("sphinx", reason="the site's extra `book` is not installed")
    folder = tmp_path_factory.mktemp("site")
    building.build(content, folder / "out", folder / "work")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def html(site):
    return {
        path.relative_to(site / "out").as_posix(): path.read_text(encoding="utf-8")
        for path in (site / "out").rglob("*.html")
        if "_static" not in path.parts
    }


@pytest.mark.full
def test_the_site_builds_without_a_warning_and_has_every_page(html, made):
    assert {name.rpartition(".")[0] + ".html" for name in made} <= set(html)


@pytest.mark.full
def test_nothing_on_the_site_asks_the_network(site, html):
    for name, text in html.items():
        outside = [one[:80] for one in Page(text).requests if re.match(r"(?:https?:)?//", one)]
        assert outside == [], name
    for path in (site / "out" / "_static").glob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", path.read_text(encoding="utf-8")), path.name


@pytest.mark.full
def test_what_a_page_loads_is_there(site, html):
    for name, text in html.items():
        for request in Page(text).requests:
            if not request.startswith("data:"):
                file = (site / "out" / name).parent / request.partition("?")[0]
                assert file.is_file(), f"{name} loads {request}"


@pytest.mark.full
def test_headings_step_down_one_at_a_time(html):
    for name, text in html.items():
        article = Page(text[max(text.find("<article"), 0) :]).headings  # before it stands a title for printing
        assert article.count(1) == 1, name
        assert article[0] == 1, name
        assert all(after <= before + 1 for before, after in itertools.pairwise(article)), (name, article)


@pytest.mark.full
def test_pictures_have_text_tables_have_heads_pages_have_a_language(html):
    for name, text in html.items():
        page = Page(text)
        assert page.without_alt == [], name
        assert page.languages == ["zh-Hans" if name == "chinese.html" else "en"], name
        if not name.startswith(("genindex", "py-modindex")):
            assert all(page.tables), f"{name} has a table without a head"


@pytest.mark.full
def test_figures_and_formulas_of_a_lesson_arrive(html, content):
    for lesson in content.lessons:
        notebook = (ROOT / "notebooks" / f"{lesson.stem}.ipynb").read_text(encoding="utf-8")
        text = html[f"lessons/{lesson.stem}.html"]
        assert text.count("data:image/png;base64") == notebook.count("data:image/png;base64"), lesson.stem
    assert 'class="math' in html["lessons/02_mathematics_of_the_loss.html"]
    assert "_static/mathjax/MathJax.js" in html["lessons/02_mathematics_of_the_loss.html"]


@pytest.mark.full
def test_single_chinese_words_are_marked_as_chinese(html):
    assert '<span lang="zh-Hans">迁移学习</span>' in html["index.html"]
    assert "<span lang" not in html["chinese.html"]


@pytest.mark.full
def test_a_second_build_writes_no_page_again(site, html, content):
    before = {path: path.stat().st_mtime_ns for path in (site / "out" / "lessons").glob("*.html")}
    building.build(content, site / "out", site / "work")
    assert {path: path.stat().st_mtime_ns for path in (site / "out" / "lessons").glob("*.html")} == before
