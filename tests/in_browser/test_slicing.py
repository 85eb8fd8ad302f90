"""A cell rests on what binds its names, and on nothing else."""

from slicing import bound, needed, used


def test_a_cell_needs_what_binds_its_names_and_no_other():
    cells = [
        "import tl_course as tl",
        "env = tl.setup()",
        "slow = train()",
        "a = 0",
        "a = 1",
        "def f(x):\n    slow = x\n    return a + slow",
        "b = slow",
        "f(3)",
        "after = f(4)",
    ]
    assert needed(cells, 7) == [0, 1, 4, 5, 7]
    assert needed(cells, 6) == [0, 1, 2, 6]


def test_names_that_a_cell_binds_and_reads():
    assert bound("import a.b as c, d\nfrom e import f\ng, *h = 1\ndef i(): j = 1") == {"c", "d", "f", "g", "h", "i"}
    assert used("def f(x):\n    y = x\n    return [y + z for w in v]") == {"z", "v"}
