"""The package's messages and docstrings are plain, and the lint that says so finds what it should."""

import pytest

from authoring import plain_words, sources


def said(code):
    return [finding.message for finding in plain_words.examine(code)]


PLACES = sorted(path for path in (sources.ROOT / "tl_course").iterdir() if path.is_dir() or path.suffix == ".py")


@pytest.mark.parametrize("place", PLACES, ids=lambda path: path.name)
def test_the_package_speaks_plainly(place):
    assert list(map(str, plain_words.find(sources.ROOT, place))) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Ask whoever made it.",
        "It holds, whatever you do.",
        "It holds whichever you take.",
        "Nobody has seen it.",
        "Each is drawn anew.",
        "The penalty is zero for ever.",
        "The file is to be a table.",
        "The module is to define QUESTIONS.",
        "These layers are not to move.",
        "That is a share; asked for was the number.",
        "This PyTorch sees none such.",
        "Chosen by lot, as before.",
        "That is the loss's affair.",
        "patience=0 evaluations is none; give at least 1.",
        "What it wrote is not undone.",
    ],
)
@pytest.mark.parametrize(
    "form",
    ['raise ValueError("{}")', 'raise ValueError(f"{{x}} {}")', 'Wrong("name", "{}", 0)', 'Question(hints=("{}",))',
     'def public():\n    """A line.\n\n    {}\n    """', '"""{}"""'],
)  # fmt: skip
def test_words_to_avoid_are_found_wherever_people_read_them(form, sentence):
    assert len(said(form.format(sentence))) == 1


@pytest.mark.parametrize(
    "code",
    [
        'def _private():\n    """Nobody reads it."""',
        'print("whoever")',
        'raise ValueError("`whatever` is no name; until then, forever is not under test.")',
        '"""Use it.\n\n>>> "whatever"\n"""',
        '"""Some are None where there is none."""',
        'raise ValueError("That is all there is to know: as 1 is to the sum. Give what was asked for, such as 0.1.")',
    ],
)
def test_what_is_plain_or_private_passes(code):
    assert said(code) == []


def test_long_sentences_of_messages_are_found():
    words = " ".join(["word"] * (plain_words.LONGEST + 1))
    assert len(said(f'raise ValueError("{words}.")')) == 1
    assert said(f'raise ValueError("{words[:-5]}.")') == []


def test_the_command_ends_with_1_where_there_is_something(tmp_path, capsys):
    (tmp_path / "tl_course").mkdir()
    (tmp_path / "tl_course" / "a.py").write_text('"""Plain."""\n')
    assert plain_words.main(tmp_path) == 0
    (tmp_path / "tl_course" / "a.py").write_text('"""Whatever."""\n')
    assert plain_words.main(tmp_path) == 1
    assert "tl_course/a.py:1" in capsys.readouterr().out
