"""Ledger, records, claims, and the harness that makes records."""

import dataclasses
import math
import multiprocessing
import random
import shutil
import statistics
import sys
from dataclasses import replace

import pytest
from draws import seeds

from authoring.records import __main__ as command
from authoring.records import common
from authoring.records.common import Cell, Conditions, product, run_grid
from tl_course import environment, metrics, records
from tl_course import models as tl_models
from tl_course.records import Record, RecordError, Row, ledger
from tl_course.training.run import InterruptedValue

HERE = Conditions("mini", "fp32", "cpu, 2 threads", "0.1.0")


def row(method="scratch", setting="10", seed=0, value=0.5, profile="mini", target="mnist_m", **others) -> Row:
    rest = {"seconds": 1.5, "precision": "fp32", "machine": "cpu", "date": "2026-01-31", "version": "0.1.0"} | others
    return Row(profile, target, method, setting, seed, value, **rest)


def cell_rows(method: str, values, **others) -> list[Row]:
    return [row(method, seed=seed, value=value, **others) for seed, value in enumerate(values)]


def toy(folder, rows, name="01_toy"):
    common.write_csv(folder / f"{name}.csv", rows)
    return folder / f"{name}.csv"


# --- ledger ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_ledger(tmp_path, monkeypatch):
    file = tmp_path / "new folder" / "ledger.jsonl"
    monkeypatch.setenv("TL_LEDGER", str(file))
    return file


def test_what_is_appended_is_read_back_in_order(own_ledger):
    runs = [{"lesson": "01", "method": "迁移", "value": 0.5, "curve": [1, 2.5], "note": None}, {"lesson": "02"}]
    written = [ledger.append(run) for run in runs]
    assert ledger.read() == written
    assert [{key: entry[key] for key in run} for run, entry in zip(runs, written, strict=True)] == runs
    assert all("date" in entry for entry in written)


def test_scalars_of_arrays_and_tensors_become_numbers(own_ledger):
    import numpy as np
    import torch

    ledger.append({"a": np.float32(0.5), "b": torch.tensor(3), "c": np.array(0.25)})
    assert {key: ledger.read()[0][key] for key in "abc"} == {"a": 0.5, "b": 3, "c": 0.25}


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1, 2}, b"bytes"])
def test_a_value_without_json_form_is_refused_and_nothing_is_written(own_ledger, value):
    with pytest.raises(ValueError, match="the ledger takes texts, finite numbers"):
        ledger.append({"value": value})
    assert not own_ledger.exists()


def test_off_writes_nothing_and_reads_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_LEDGER", "off")
    monkeypatch.chdir(tmp_path)
    assert ledger.append({"value": 1})["value"] == 1
    assert ledger.path() is None
    assert ledger.read() == []
    assert list(tmp_path.iterdir()) == []


def test_under_pytest_it_is_off_unless_told_where_and_otherwise_in_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("TL_LEDGER")
    assert ledger.path() is None
    monkeypatch.delenv("PYTEST_VERSION")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert ledger.path() == tmp_path / "tl_course" / "ledger.jsonl"
    assert environment.cache_dir() not in ledger.path().parents


def test_corrupt_lines_are_skipped_with_their_numbers(own_ledger):
    ledger.append({"value": 1})
    with own_ledger.open("ab") as file:
        file.write(b'{"value": \n[1, 2]\n\xff\xfe\n\n{"val')  # cut off, no object, no UTF-8, empty, cut off at the end
    ledger.append({"value": 2})
    with pytest.warns(UserWarning, match="is not a run") as caught:
        assert [run["value"] for run in ledger.read()] == [1, 2]
    assert [str(warning.message) for warning in caught] == [
        f"ledger.jsonl, line {number} is not a run and was skipped." for number in (2, 3, 4, 6)
    ]


def _write_many(writer: int, times: int) -> None:
    for number in range(times):
        ledger.append({"writer": writer, "number": number, "padding": "x" * (number * 37 % 5000)})


@pytest.mark.full
def test_two_processes_lose_nothing(own_ledger):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(writer, 200)) for writer in range(2)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(120)
    assert [process.exitcode for process in writers] == [0, 0]
    runs = ledger.read()
    for writer in range(2):
        assert [run["number"] for run in runs if run["writer"] == writer] == list(range(200))
    assert len(runs) == 400


# --- records: statistics ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(3))
def test_intervals_equal_scipys(seed):
    from scipy import stats

    draw = random.Random(seed)
    n, level = draw.randint(3, 9), draw.choice([0.8, 0.95, 0.99])
    one, other = ([draw.gauss(mean, 0.1) for _ in range(n)] for mean in (0.6, 0.4))
    record = Record("toy", tuple(cell_rows("a", one) + cell_rows("b", other)))
    a, b = record.select(method="a"), record.select(method="b")

    interval = a.interval(level)
    assert (interval.low, interval.high) == pytest.approx(
        stats.t.interval(level, n - 1, statistics.mean(one), stats.sem(one))
    )
    assert a.mean == pytest.approx(statistics.mean(one))
    paired = records.paired_difference(a, b, level)
    expected = stats.ttest_rel(one, other).confidence_interval(level)
    assert (paired.low, paired.high) == pytest.approx((expected.low, expected.high))
    welch = records.claims.welch_difference(a, b, level)
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(level)
    assert (welch.low, welch.high) == pytest.approx((expected.low, expected.high))
    # one more value: the difference to the mean of n has variance s²(1 + 1/n)
    half = stats.t.ppf(0.5 + level / 2, n - 1) * statistics.stdev(one) * math.sqrt(1 + 1 / n)
    assert a.prediction_interval(level).half_width == pytest.approx(half)


def test_pairing_uses_the_common_seeds_only():
    one = [row("a", seed=seed, value=value) for seed, value in [(0, 0.5), (1, 0.7), (7, 0.0)]]
    other = [row("b", seed=seed, value=value) for seed, value in [(1, 0.4), (0, 0.3), (9, 1.0)]]
    record = Record("toy", tuple(one + other))
    difference = records.paired_difference(record.select(method="a"), record.select(method="b"))
    assert (difference.mean, difference.n) == (pytest.approx(0.25), 2)
    with pytest.raises(RecordError, match="needs 2 common seeds and there are 1"):
        records.paired_difference(Record("toy", tuple(one[:1])), record.select(method="b"))


def test_select_narrows_and_names_what_there_is():
    record = Record("toy", tuple(cell_rows("a", [1, 2], setting="30") + cell_rows("b", [3], setting="100")))
    assert record.settings == ("30", "100")  # by size, not by alphabet
    assert record.select(method=["a", "b"]) == record
    assert record.select(setting=30).methods == ("a",)
    assert record.select(method="a").values == {0: 1, 1: 2}
    with pytest.raises(RecordError, match="no method 'c' here; it holds a, b"):
        record.select(method="c")
    with pytest.raises(RecordError, match="no setting '100' here; it holds 30"):
        record.select(method="a", setting="100")
    with pytest.raises(RecordError, match="cannot select by 'colour'"):
        record.select(colour="red")
    for asked in ("values", "mean", "seconds"):
        with pytest.raises(RecordError, match=r"several values of method \(a, b\)"):
            getattr(record, asked)
    with pytest.raises(ValueError, match="at least 2 values and there is 1"):
        record.select(method="b").interval()


def test_cells_of_several_records_stand_side_by_side_under_other_names():
    one = Record("one", tuple(cell_rows("a", [1, 2], setting="30")))
    other = Record("other", tuple(cell_rows("a", [5, 6, 7], setting="30, slowly")))
    both = one + other.relabelled(method="b", setting=30)
    assert (both.methods, both.settings, len(both.rows)) == (("a", "b"), ("30",), 5)
    assert both.select(method="b").values == other.values
    assert other.settings == ("30, slowly",)
    with pytest.raises(RecordError, match="one and other hold values of one method, setting and seed"):
        one + other.relabelled(setting=30)
    with pytest.raises(RecordError, match="cannot relabel target: choose method, setting or both"):
        one.relabelled(target="moon")


# --- records: schema -------------------------------------------------------------------------------------------------


def test_a_sound_record_is_read(tmp_path):
    rows = cell_rows("a", [0.1, 0.2, 0.3]) + cell_rows("b", [0.4, 0.5, 0.6])
    path = toy(tmp_path, rows)
    assert records.problems(path) == []
    assert records.available(tmp_path) == ("01_toy",)
    assert records.read("01_toy", folder=tmp_path) == Record("01_toy", tuple(rows))


VIOLATIONS = {
    "seed 'x' is not a whole number": {"seed": "x"},
    "seed '1.5' is not a whole number": {"seed": 1.5},
    "value 'good' is not a number": {"value": "good"},
    "value nan is not finite": {"value": math.nan},
    "seconds -1.0 is not a duration": {"seconds": -1.0},
    "profile 'huge' is not one of mini, cpu, gpu": {"profile": "huge"},
    "precision 'fp8' is not one of fp32, bf16": {"precision": "fp8"},
    "date '31.1.2026' is not an ISO date": {"date": "31.1.2026"},
    "method is empty": {"method": ""},
    "version is empty": {"version": ""},
}


@pytest.mark.parametrize("said", VIOLATIONS)
def test_each_violation_is_named_with_its_line(tmp_path, said):
    wrong = {"method": "a", "seed": 3} | VIOLATIONS[said]
    path = toy(tmp_path, [*cell_rows("a", [0.1, 0.2, 0.3]), row(**wrong)])
    assert [problem for problem in records.problems(path) if f"line 5: {said}" in problem]
    with pytest.raises(RecordError, match=r"01_toy.csv: line 5: .*make records"):
        records.read("01_toy", folder=tmp_path)


def test_violations_of_the_whole_file_are_named(tmp_path):
    path = toy(tmp_path, cell_rows("a", [0.1, 0.2]))
    assert records.problems(path) == ["mini / mnist_m / a / 10: 2 seeds, at least 3 are needed"]
    toy(tmp_path, [*cell_rows("a", [0.1, 0.2, 0.3]), row("a", seed=1)])
    assert records.problems(path) == ["mini / mnist_m / a / 10: seed 1 stands there 2 times"]
    toy(tmp_path, [])
    assert records.problems(path) == ["the file has a header and no rows"]
    path.write_text("method,profile\na,mini\n")
    assert records.problems(path)[0].startswith("the columns are method, profile and must be profile, target, method")
    path.write_text("")
    assert records.problems(path)[0].startswith("the columns are missing and must be")
    toy(tmp_path, cell_rows("a", [0.1, 0.2, 0.3]))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, "mini,toy,a", lines[1] + ",more"]))
    found = records.problems(path)
    assert "line 5: date is empty" in found
    assert "line 6: more than 11 fields" in found


@pytest.mark.parametrize("name", records.available())
def test_the_records_of_the_course_are_sound(name):
    assert records.problems(records.FOLDER / f"{name}.csv") == []


# --- claims ----------------------------------------------------------------------------------------------------------

BETTER = """
[titles]
mnist_m = "MNIST-M (rebuilt)"

[claims."01.a_beats_b"]
record = "01_toy"
better = { method = "a", setting = "10" }
worse = { method = "b", setting = "10" }
margin = 0.1
seeds = 4
sentence = "On {target} a reaches {better:.0%}, b {worse:.0%}: {points:.1f} points, {mean[b@10]:.2f}, {seeds} seeds."
"""
GOOD = [0.60, 0.62, 0.64, 0.66]
BAD = [0.40, 0.41, 0.44, 0.45]


@pytest.fixture
def course(tmp_path):
    """A folder of records and claims: make(extra lines of the claim, a's values, b's values)."""

    def make(extra: str = "", one=GOOD, other=BAD, toml: str = BETTER, **where):
        (tmp_path / "claims.toml").write_text(toml + extra)
        toy(tmp_path, cell_rows("a", one, **where) + cell_rows("b", other, **where))
        return tmp_path

    return make


def only(verdicts) -> bool:
    assert len(verdicts) == 1
    return verdicts[0].holds


def test_a_true_claim_is_a_sentence_from_its_record(course):
    folder = course()
    said = records.claim("01.a_beats_b", folder=folder)
    assert said.holds
    assert only(records.check_claims(folder))
    sentence = "On MNIST-M (rebuilt) a reaches 63%, b 42%: 20.5 points, 0.42, 4 seeds."
    origin = "recorded: 4 seeds, MNIST-M (rebuilt), mini profile"
    assert said._repr_markdown_() == f"{sentence} *({origin}; [E1](#Evidence))*"
    assert repr(said) == f"{sentence} ({origin}; E1)"


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (BAD, GOOD, "difference -20.5%"),  # the other way round
        ([value + 0.05 for value in BAD], BAD, "margin 10.0%"),  # true, but by less than the margin
        ([0.9, 0.2, 0.9, 0.2], [0.3, 0.4, 0.4, 0.3], "95% interval -"),  # by more than the margin, but by luck
        (GOOD[:3], BAD[:3], "3 common seeds, the rule asks for 4"),
    ],
)
def test_a_false_claim_says_so(course, one, other, why):
    folder = course(one=one, other=other)
    verdict = records.check_claims(folder)[0]
    said = records.claim("01.a_beats_b", folder=folder)
    assert not verdict.holds
    assert said.holds is False
    assert "do not bear out" in said.markdown
    assert why in verdict.reason


def test_seeds_that_only_one_method_has_do_not_count(course):
    folder = course()
    toy(folder, cell_rows("a", GOOD) + [row("b", seed=seed + 1, value=value) for seed, value in enumerate(BAD)])
    assert records.check_claims(folder)[0].reason == "3 common seeds, the rule asks for 4"
    (folder / "claims.toml").write_text(BETTER + "paired = false\n")
    assert only(records.check_claims(folder))


def test_lower_can_be_better(course):
    assert only(records.check_claims(course("lower_is_better = true\n", one=BAD, other=GOOD)))
    assert not only(records.check_claims(course("lower_is_better = true\n")))


@pytest.mark.parametrize(("shift", "holds"), [(0.0, True), (0.05, True), (-0.05, True), (0.12, False), (-0.12, False)])
def test_equality_within_a_margin(course, shift, holds):
    toml = BETTER.replace("better", "one").replace("worse", "other")
    other = [value + shift + noise for value, noise in zip(GOOD, (0.01, -0.01, 0.01, -0.01), strict=True)]
    assert only(records.check_claims(course(toml=toml, other=other))) == holds


@pytest.mark.parametrize(("share", "holds"), [(0.4, True), (0.48, True), (0.5, False)])
def test_a_part_of_a_gap_can_be_claimed(course, share, holds):
    toml = BETTER.replace("{seeds} seeds", "{share:.3f} of the way to {ceiling:.1%}")
    folder = course(f'ceiling = {{ method = "c" }}\nshare = {share}\n', toml=toml)
    ceiling = [worse + gap for worse, gap in zip(BAD, (0.5, 0.3, 0.4, 0.6), strict=True)]
    toy(folder, cell_rows("a", GOOD) + cell_rows("b", BAD) + cell_rows("c", ceiling))
    closed = statistics.mean([0.2 / 0.5, 0.21 / 0.3, 0.2 / 0.4, 0.21 / 0.6])  # seed by seed, not of the means
    (verdict,) = records.check_claims(folder)
    assert verdict.holds == holds
    assert f"closes {closed:.0%} of the gap, of {share:.0%}" in verdict.reason
    if holds:
        assert f"{closed:.3f} of the way to 87.5%" in records.claim("01.a_beats_b", folder=folder).markdown


def test_a_part_of_a_gap_without_a_gain_does_not_hold(course):
    """Both rules are asked: luck in one seed may close a gap on average, and shows nothing."""
    lucky = [BAD[0] + 0.45, *BAD[1:]]
    folder = course('ceiling = { method = "c" }\nshare = 0.2\n', one=lucky)
    toy(folder, cell_rows("a", lucky) + cell_rows("b", BAD) + cell_rows("c", [value + 0.5 for value in BAD]))
    (verdict,) = records.check_claims(folder)
    assert "closes 23% of the gap" in verdict.reason
    assert not verdict.holds


RIVALS = BETTER.replace(
    'worse = { method = "b", setting = "10" }',
    """worse = [
    { method = "b", setting = "10" }, { method = "c", setting = "10" },
]""",
)
SHARED = '\n[conditions]\n"01_toy" = "Ten labels a class, equal steps."\n'


@pytest.mark.parametrize(
    ("third", "holds"),
    [
        (BAD, True),
        ([value - 0.05 for value in GOOD], False),  # beaten, but by less than the margin
        ([0.9, 0.1, 0.9, 0.1], False),  # beaten on average, but by luck
        (GOOD, False),
        (BAD[:3], False),  # too few seeds
    ],
)
def test_the_best_must_beat_every_rival(course, third, holds):
    folder = course(toml=RIVALS)
    toy(folder, cell_rows("a", GOOD) + cell_rows("b", BAD) + cell_rows("c", third))
    assert only(records.check_claims(folder)) == holds
    for rival in (BAD, third):  # as for each of them alone
        toy(folder, cell_rows("a", GOOD) + cell_rows("b", rival))
        (folder / "claims.toml").write_text(BETTER)
        holds = holds and only(records.check_claims(folder))
    assert holds == only(records.check_claims(folder))


def test_evidence_says_what_was_tested_and_what_came_out_on_each_target(course):
    folder = course(SHARED, toml=RIVALS)
    rows = [
        *cell_rows("a", GOOD), *cell_rows("b", BAD), *cell_rows("c", [value + 0.02 for value in BAD]),
        *(row for name in "bc" for row in cell_rows(name, BAD, target="toy")), *cell_rows("a", BAD, target="toy"),
    ]  # fmt: skip
    toy(folder, rows)
    table = records.evidence("01", profile="mini", folder=folder)._repr_markdown_()
    _, _, head, _, line, _, found = table.splitlines()
    gap = records.paired_difference(*(Record("r", tuple(cell_rows(name, values))) for name, values in [
        ("a", GOOD), ("c", [value + 0.02 for value in BAD]),
    ]))  # fmt: skip
    assert head == "**01_toy**: Ten labels a class, equal steps. `make records ONLY=01_toy` measures it again."
    assert line == "| mark | tested | MNIST-M (rebuilt) | toy |"
    assert "| E1 | `a` at `10` above `b` at `10`, `c` at `10` by 10 points or more |" in found
    assert f"{100 * gap.mean:+.3g} points ({100 * gap.low:+.3g} to {100 * gap.high:+.3g}), 4 seeds" in found
    assert found.endswith("| +0 points (+0 to +0), 4 seeds: **does not hold** |")


def test_evidence_without_a_sentence_of_conditions_or_a_claim_is_refused(course):
    with pytest.raises(RecordError, match=r"'01_toy' has no sentence in \[conditions\]"):
        records.evidence("01", profile="mini", folder=course())
    with pytest.raises(RecordError, match="lesson '07' claims nothing"):
        records.evidence("07", profile="mini", folder=course())


def test_every_record_has_its_sentence_of_conditions_and_no_sentence_is_left_over():
    for name in records.available():
        assert records.conditions(name).endswith(".")
    assert set(records.claims._load(records.FOLDER).conditions) == set(records.available())


def test_marks_count_the_claims_of_a_lesson():
    counted = {}
    for id in records.registry():
        lesson = id[:2]
        counted[lesson] = counted.get(lesson, 0) + 1
        assert records.mark(id) == f"E{counted[lesson]}"


@pytest.mark.full
@pytest.mark.parametrize("seed", range(20))
def test_two_methods_of_a_record_swapped_are_noticed(seed, tmp_path):
    """Either a rule fails, or a sentence or a row of evidence in a lesson says something else."""
    draw = random.Random(seed)
    shutil.copytree(records.FOLDER, tmp_path, dirs_exist_ok=True)
    claimed = [records.claims.entry(id) for id in records.registry()]
    chosen = draw.choice(claimed)
    rows = records.read(chosen.record).rows
    one = chosen.where[0]["method"]
    other = draw.choice(sorted({each.method for each in rows} - {one}) or [one])
    assert one != other
    swap = {one: other, other: one}
    swapped = [dataclasses.replace(each, method=swap.get(each.method, each.method)) for each in rows]
    common.write_csv(tmp_path / f"{chosen.record}.csv", swapped)
    failed = [verdict for verdict in records.check_claims(tmp_path) if not verdict.holds]
    if not failed:
        before, after = (
            records.evidence(chosen.id[:2], profile="mini", folder=each) for each in (records.FOLDER, tmp_path)
        )
        assert repr(before) != repr(after), f"{chosen.record}: nobody saw {one} and {other} change places"


def test_pairing_sees_what_the_spread_between_seeds_hides(course):
    one, other = [0.3, 0.5, 0.7, 0.9], [0.15, 0.36, 0.56, 0.74]
    assert only(records.check_claims(course(one=one, other=other)))
    assert not only(records.check_claims(course("paired = false\n", one=one, other=other)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("margin = 0.1", "margin = 0", "a margin of 0 claims nothing"),
        ("margin = 0.1", "marginal = 0.1", "lacks margin"),
        ("seeds = 4", "seeds = 4\ncolour = 1", "has unknown keys: colour"),
        ("seeds = 4", "seeds = 4\nshare = 0.5", "`ceiling` and `share` go together"),
        ("seeds = 4", 'seeds = 4\nceiling = { method = "c" }', "`ceiling` and `share` go together"),
        ("worse = ", "other = ", "needs `better` and `worse`, or `one` and `other`"),
    ],
)
def test_a_senseless_entry_is_refused(course, old, new, said):
    with pytest.raises(RecordError, match=f"claim '01.a_beats_b' {said}|claim '01.a_beats_b': {said}"):
        records.registry(course(toml=BETTER.replace(old, new)))


def test_a_claim_written_outside_the_claims_is_not_passed_over(course):
    with pytest.raises(RecordError, match=r"table \['01.stray'\] that nothing reads"):
        records.registry(course(extra='\n["01.stray"]\nrecord = "01_toy"\n'))


def test_wrong_ids_sides_and_placeholders_are_named(course):
    folder = course()
    assert records.registry(folder) == ("01.a_beats_b",)
    with pytest.raises(RecordError, match=r"no claim '01.a_beat_b': did you mean '01.a_beats_b'\?"):
        records.claim("01.a_beat_b", folder=folder)
    with pytest.raises(RecordError, match=r"no claim 'zzz': .*choose one of .*claims.toml"):
        records.within_band("zzz", 0.5, folder=folder)
    with pytest.raises(RecordError, match="does not compare 'one': choose better or worse"):
        records.within_band("01.a_beats_b", 0.5, side="one", folder=folder)
    for wrong, said in [("{best}", "asks for 'best'"), ("{mean[c@10]}", "no method 'c'"), ("{better:q}", "format")]:
        verdict = records.check_claims(course(toml=BETTER.replace("{better:.0%}", wrong)))[0]
        assert not verdict.holds
        assert said in verdict.reason
    verdict = records.check_claims(course(toml=BETTER.replace('method = "b"', 'method = "c"')))[0]
    assert "no method 'c' here; it holds a, b" in verdict.reason


def test_where_nothing_is_recorded_a_sentence_says_so(course):
    folder = course()
    for where, place in [({"profile": "gpu"}, "the gpu profile"), ({"target": "cifar10"}, "cifar10, mini profile")]:
        said = records.claim("01.a_beats_b", folder=folder, **where)
        assert said.holds is None
        assert said.markdown.startswith(f"Nothing is recorded for “01.a_beats_b” on {place}: ")
        with pytest.raises(RecordError, match="Nothing is recorded"):
            records.within_band("01.a_beats_b", 0.6, folder=folder, **where)
    (folder / "01_toy.csv").unlink()
    assert repr(records.claim("01.a_beats_b", folder=folder)).startswith("Nothing is recorded yet for “01.a_beats_b”")
    assert not only(records.check_claims(folder))


def test_two_targets_must_be_told_apart(course):
    folder = course()
    both = [row(each.method, seed=each.seed, value=each.value, target=target)
            for target in ("mnist_m", "cifar10") for each in cell_rows("a", GOOD) + cell_rows("b", BAD)]  # fmt: skip
    toy(folder, both)
    with pytest.raises(RecordError, match="recorded on mnist_m, cifar10: say which"):
        records.claim("01.a_beats_b", folder=folder)
    assert "On cifar10 a" in records.claim("01.a_beats_b", target="cifar10", folder=folder).markdown
    assert [verdict.target for verdict in records.check_claims(folder)] == ["mnist_m", "cifar10"]
    (folder / "claims.toml").write_text(BETTER + 'targets = ["mnist_m"]\n')
    assert records.claim("01.a_beats_b", folder=folder).holds
    assert "claimed for mnist_m only" in records.claim("01.a_beats_b", target="cifar10", folder=folder).markdown
    assert only(records.check_claims(folder))
    (folder / "claims.toml").write_text(BETTER + 'targets = ["mnist_m", "letters"]\n')
    assert [verdict.holds for verdict in records.check_claims(folder)] == [True, False]


def test_the_band_is_the_widened_prediction_interval(course):
    folder = course("tolerance = 0.03\n")
    cell = records.read("01_toy", folder=folder).select(method="a")
    expected = cell.prediction_interval(0.99)
    edge = expected.high + 0.03
    assert records.within_band("01.a_beats_b", edge - 1e-9, folder=folder)
    outside = records.within_band("01.a_beats_b", edge + 1e-9, folder=folder)
    assert not outside
    assert "**outside**" in str(outside)
    assert not records.within_band("01.a_beats_b", math.nan, folder=folder)
    worse = records.within_band("01.a_beats_b", statistics.mean(BAD), side="worse", folder=folder)
    assert worse
    assert "You just ran 42.5%: inside the band" in repr(worse)


def test_an_interrupted_run_lies_in_no_band(course):
    folder = course("tolerance = 0.03\n")
    middle = statistics.mean(GOOD)
    assert records.within_band("01.a_beats_b", middle, folder=folder)
    score = metrics.Interval(InterruptedValue(middle), 0.0, 1.0, n=9)
    for live in (score.value, score):
        band = records.within_band("01.a_beats_b", live, folder=folder)
        assert not band
        assert "in a run that was interrupted: **outside**" in str(band)


def test_the_ledger_marks_the_value_of_an_interrupted_run(own_ledger):
    ledger.append({"lesson": "01", "value": InterruptedValue(0.5)})
    ledger.append({"lesson": "01", "value": 0.5})
    first, second = ledger.read()
    assert (first["value"], first["interrupted"]) == (0.5, True)
    assert "interrupted" not in second


def test_the_lint_lists_the_claims_of_a_text():
    text = """claim("01.a"); tl.records.claim( '02.b', target=task.name)
    assert within_band("03.c", 0.5) and claim("01.a")  # but not reclaim("04.d") nor claim(name)"""
    assert records.claim_ids(text) == ["01.a", "02.b", "03.c"]


def test_the_claims_of_the_course_hold():
    assert [verdict for verdict in records.check_claims() if not verdict.holds] == []


# --- the harness -----------------------------------------------------------------------------------------------------

CELLS = product(["toy"], ["scratch", "fine_tune"], [10, 30], range(3))


def value_of(cell: Cell) -> float:
    return random.Random(repr(cell)).random()


@pytest.fixture
def grid(tmp_path):
    def run(cells=CELLS, measure=value_of, conditions=HERE, **options):
        places = {"folder": tmp_path / "records", "unfinished": tmp_path / "unfinished"}
        return run_grid("01_toy", cells, measure, conditions=conditions, **places, **options)

    return run


def test_a_grid_becomes_a_sound_record(grid):
    path = grid()
    record = records.read("01_toy", folder=path.parent)
    assert record.methods == ("scratch", "fine_tune")
    assert len(record.rows) == len(CELLS)
    for each in record.rows:
        assert each.value == pytest.approx(value_of(Cell(each.target, each.method, each.setting, each.seed)), abs=1e-6)
        assert (each.profile, each.precision, each.machine) == ("mini", "fp32", "cpu, 2 threads")


def test_the_seconds_may_be_the_scripts_own(grid):
    path = grid(measure=lambda cell: (0.5, 12.3456))
    assert {each.seconds for each in records.read("01_toy", folder=path.parent).rows} == {12.346}


@pytest.mark.parametrize("stop", [0, 1, 7, len(CELLS) - 1])
def test_an_interrupted_grid_goes_on_where_it_stopped(grid, tmp_path, stop):
    measured = []

    def interrupted(cell):
        if len(measured) == stop:
            raise KeyboardInterrupt
        measured.append(cell)
        return value_of(cell)

    with pytest.raises(KeyboardInterrupt):
        grid(measure=interrupted)
    assert not (tmp_path / "records" / "01_toy.csv").exists()
    again = []
    path = grid(measure=lambda cell: again.append(cell) or value_of(cell))
    assert measured + again == CELLS
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert {(r.method, r.setting, r.seed): r.value for r in records.read("01_toy", folder=path.parent).rows} == {
        (c.method, c.setting, c.seed): round(value_of(c), 6) for c in CELLS
    }


def test_rows_of_another_script_or_machine_are_not_taken_over(grid):
    def interrupted(cell):
        if cell.seed == 2:
            raise KeyboardInterrupt
        return value_of(cell)

    with pytest.raises(KeyboardInterrupt):
        grid(measure=interrupted, fingerprint="before")
    for conditions, fingerprint in [(HERE, "after"), (Conditions("mini", "fp32", "a GPU", "0.1.0"), "before")]:
        again = []
        grid(measure=lambda cell, seen=again: seen.append(cell) or 0.5, conditions=conditions, fingerprint=fingerprint)
        assert again == CELLS


def test_other_profiles_and_targets_stay(grid):
    grid()
    grid(conditions=Conditions("gpu", "bf16", "a GPU", "0.1.0"))
    path = grid([cell._replace(target="other") for cell in CELLS], measure=lambda cell: 1.0)
    grid(measure=lambda cell: 0.0)
    record = records.read("01_toy", folder=path.parent)
    assert {(r.profile, r.target): r.value for r in record.rows if r.seed == 0 and r.profile == "mini"} == {
        ("mini", "toy"): 0.0,
        ("mini", "other"): 1.0,
    }
    assert len(record.select(profile="gpu").rows) == len(CELLS)
    with pytest.raises(RecordError, match="holds a cell twice"):
        grid(CELLS + CELLS[:1])


def test_a_failed_write_leaves_the_old_record(grid, tmp_path):
    path = grid()
    before = path.read_bytes()
    with pytest.raises(TypeError):
        common.write_csv(path, [row(), None])
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["01_toy.csv"]


SCRIPT = """
from authoring.records.common import product
CELLS = product({targets}, ["scratch"], [10], range(3))
CHEAP = {cheap}
def measure(cell):
    return {value} + cell.seed / 10
"""


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A folder of scripts in place of the course's, and of records beside it."""
    from authoring import records as package

    folder = tmp_path / "scripts"
    folder.mkdir()
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    monkeypatch.setattr(common, "SCRIPTS", folder)
    for function in (run_grid, common.moved, common.quickest):
        monkeypatch.setitem(function.__kwdefaults__, "folder", tmp_path / "records")
    monkeypatch.setitem(run_grid.__kwdefaults__, "unfinished", tmp_path / "unfinished")

    def write(name, value=0.5, cheap=True, target="toy", others=True):
        sys.modules.pop(f"authoring.records.{name}", None)
        (folder / f"{name}.py").write_text(
            SCRIPT.format(value=value, cheap=cheap, targets=sorted({target, "toy"} if others else {target}))
        )
        sys.path_importer_cache.clear()
        return tmp_path / "records" / f"{name}.csv"

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    for name in common.scripts():
        sys.modules.pop(f"authoring.records.{name}", None)


def test_a_rehearsal_runs_one_cell_of_each_kind_and_makes_no_record(scripts, tmp_path, monkeypatch, capsys):
    scripts("91_cheap", target="cifar10")
    monkeypatch.setenv("TL_PROFILE", "gpu")
    monkeypatch.setenv("TL_REHEARSE", "0")
    monkeypatch.delenv("TL_REHEARSE")  # noted by now: what the command sets is taken back after the test
    assert command.main(["--rehearse"]) == 0
    said = capsys.readouterr().out
    assert "The gpu profile leaves out 91_cheap" in said
    assert "ran 0 cells, nothing written" in said
    monkeypatch.setenv("TL_PROFILE", "mini")
    monkeypatch.setattr(environment, "_current", None)
    assert command.main([]) == 0  # TL_REHEARSE is set by now, as by hand
    assert "A rehearsal in the mini profile: ran 2 cells, nothing written." in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["91_cheap", "--check"])
    assert "no number of a rehearsal means anything" in capsys.readouterr().err
    assert not (tmp_path / "records").exists()


def test_a_rehearsal_takes_every_way_through_a_script():
    cells = [*product(["a", "b"], ["x", "y"], [1, 2], range(3)), Cell("a", "x", "plain", 0)]
    chosen = common.one_of_each(cells)
    for place in range(3):
        assert {cell[place] for cell in chosen} == {cell[place] for cell in cells}
    assert len(chosen) == 5


def test_a_profile_leaves_out_the_scripts_that_it_does_not_have(scripts, tmp_path, monkeypatch, capsys):
    """Else it would write down mini's numbers as those of the GPU."""
    scripts("91_cheap")
    scripts("92_follows", value=0.25)
    path = tmp_path / "scripts" / "92_follows.py"
    path.write_text(path.read_text() + 'PROFILES = ("mini", "gpu")\n')
    path = tmp_path / "scripts" / "91_cheap.py"
    path.write_text('"""Record.\n\nFor the mini profile only: a toy,\nalike everywhere.\n"""\n' + path.read_text())
    assert command.main([]) == 0
    before = (tmp_path / "records" / "91_cheap.csv").read_bytes()
    mini = records.read("92_follows", folder=tmp_path / "records").rows

    monkeypatch.setenv("TL_PROFILE", "gpu")
    monkeypatch.setattr(environment, "_current", None)
    sys.modules.pop("authoring.records.92_follows", None)
    assert command.main([]) == 0
    assert "The gpu profile leaves out 91_cheap, which" in capsys.readouterr().out
    assert (tmp_path / "records" / "91_cheap.csv").read_bytes() == before
    both = records.read("92_follows", folder=tmp_path / "records")
    assert both.select(profile="mini").rows == mini
    assert len(both.select(profile="gpu").rows) == len(mini)
    assert command.main(["91_cheap"]) == 1
    said = capsys.readouterr().err
    assert "91_cheap measures the mini profile only: a toy, alike everywhere. Unset TL_PROFILE." in said


def test_a_check_may_take_only_the_quickest_cells(scripts, tmp_path, capsys):
    file = scripts("91_cheap")
    assert command.main([]) == 0
    rows = [replace(each, seconds=float(5 - each.seed)) for each in records.read("91_cheap", folder=file.parent).rows]
    common.write_csv(file, rows)
    scripts("91_cheap", value=0.7)
    assert command.main(["--check", "--cells", "1"]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "was now" in line]
    assert said == ["91_cheap: toy scratch 10 seed 2 is recorded as 0.7 and was now 0.9"]
    for wrong in (["--cells", "1"], ["--check", "--cells", "0"]):
        with pytest.raises(SystemExit):
            command.main(wrong)
        assert "goes with --check and is at least 1" in capsys.readouterr().err


def test_the_command_makes_and_checks_records(scripts, capsys):
    cheap, dear = scripts("91_cheap"), scripts("92_dear", cheap=False)
    assert command.main(["--cheap"]) == 0
    assert cheap.is_file()
    assert not dear.exists()
    assert command.main([]) == 0
    assert records.problems(dear) == []
    assert command.main(["--check"]) == 0
    scripts("91_cheap", value=0.505)  # within the tolerance
    assert command.main(["91_cheap", "--check"]) == 0
    scripts("91_cheap", value=0.6)
    before = cheap.read_bytes()
    assert command.main(["--check"]) == 1
    assert "91_cheap: toy scratch 10 seed 0 is recorded as 0.5 and was now 0.6" in capsys.readouterr().err
    assert cheap.read_bytes() == before
    assert command.main(["93_none"]) == 1
    assert "no record script '93_none'; there are: 91_cheap, 92_dear" in capsys.readouterr().err


def test_without_cifar10_its_rows_stay_and_are_named(scripts, capsys, monkeypatch):
    from tl_course.data import cifar10

    both, only = scripts("91_both", target="cifar10"), scripts("92_only", target="cifar10", others=False)
    monkeypatch.setattr(cifar10, "available", lambda: True)
    assert command.main([]) == 0
    assert "no copy" not in capsys.readouterr().out
    before = both.read_text(), only.read_bytes()
    scripts("91_both", value=0.7, target="cifar10")
    scripts("92_only", value=0.7, target="cifar10", others=False)
    monkeypatch.setattr(cifar10, "available", lambda: False)
    assert command.main(["--check"]) == 1  # for the value of the other target
    assert "cifar10 scratch" not in capsys.readouterr().err
    assert command.main([]) == 0
    said = capsys.readouterr().out
    assert "no copy of CIFAR-10 here, so its rows were left as they are in 91_both, 92_only; " in said
    assert only.read_bytes() == before[1]
    kept = [line for line in before[0].splitlines() if "cifar10" in line]
    assert [line for line in both.read_text().splitlines() if "cifar10" in line] == kept
    assert both.read_text() != before[0]


@pytest.mark.parametrize(("setting", "value"), [("TL_PROFILE", "cpu"), ("TL_REHEARSE", "1")])
def test_a_result_of_another_size_is_not_judged_by_the_record(setting, value, monkeypatch):
    far = records.within_band("01.finetune_beats_scratch_10", 0.01, profile="mini")
    assert not far
    monkeypatch.setenv(setting, value)
    environment.setup(device="cpu", quiet=True)
    unjudged = records.within_band("01.finetune_beats_scratch_10", 0.01, profile="mini")
    assert unjudged
    assert "No recorded band judges it" in str(unjudged)
    assert ("rehearsal" if value == "1" else "the mini profile's, and this is cpu") in str(unjudged)


def test_a_claim_is_judged_by_the_rows_of_mini_alone(course):
    """Another profile has other labels, and what is true of a small network may be false of a large one."""
    folder = course()
    small = records.read("01_toy", folder=folder).rows
    large = [replace(each, profile="gpu", setting="all", value=1 - each.value) for each in small]
    toy(folder, [*small, *large])
    assert [(verdict.profile, verdict.holds) for verdict in records.check_claims(folder)] == [("mini", True)]
    assert "01.a_beats_b” compares what the gpu profile does not" in str(
        records.claim("01.a_beats_b", profile="gpu", folder=folder)
    )
    toy(folder, large)
    (verdict,) = records.check_claims(folder)
    assert (verdict.holds, verdict.reason) == (False, "record 01_toy has no rows of the mini profile")


def scripts_of(profile, monkeypatch):
    """Every script as it is imported in a profile."""
    monkeypatch.setenv("TL_PROFILE", profile)
    monkeypatch.setattr(environment, "_current", None)
    for name in common.scripts():
        sys.modules.pop(f"authoring.records.{name}", None)
    return {name: common.load(name) for name in common.scripts()}


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """Empty at first; the scripts share the stand-ins that the first of them makes."""
    return tmp_path_factory.mktemp("rehearsed")


@pytest.fixture
def fresh():
    """Scripts read the profile where they are imported, so that no other test may meet them."""
    yield
    for name in common.scripts():
        sys.modules.pop(f"authoring.records.{name}", None)


@pytest.mark.full
def test_the_mini_profile_measures_what_is_recorded(monkeypatch, fresh):
    for name, script in scripts_of("mini", monkeypatch).items():
        assert set(common.recorded_here(name)) == set(script.CELLS), name
        assert "mini" in common.profiles_of(script)
        assert bool(common.why_mini_only(script)) == (common.profiles_of(script) == ("mini",)), name


@pytest.mark.full
def test_sizes_are_those_of_the_profile(monkeypatch, fresh):
    """On mini those with which the records were made; larger ones take them from the table."""
    mini = scripts_of("mini", monkeypatch)
    sizes = {
        "01_domain_shift": {"LETTERS": 2000, "HELD_OUT": 600, "BUDGET": 30, "STEPS": 100, "LONGER": 300},
        "01_label_budget": {"STEPS": {10: 40, 30: 100, 100: 200}},
        "03_backbones": {"LABELS": 100, "STEPS": 300, "PROBE_STEPS": 400},
        "04_vgg_features": {"STEPS": {10: 60, 100: 200}},
        "05_learning_rate": {"BUDGET": 30, "STEPS": 30, "HELD_OUT": 500},
        "05_longer": {"STEPS": 150},
        "05_strategies": {"STEPS": {10: 60, 100: 150}},
        "06_choosing": {"BUDGET": 50, "STEPS": 60},
        "06_judging": {"BUDGET": 50, "TEST": 1000, "STEPS": 32, "PROBE_STEPS": 200},
        "07_layers": {"LABELS": 100, "STEPS": 80},
        "09_class_weights": {"LABELS": 800, "STEPS": 300},
        "09_label_budget": {"STEPS": {25: 40, 100: 60, 500: 100, 1000: 200}},
        "10_a_distance": {"TEXTS": 230},
        "10_matrix": {"STEPS": 112, "FEW_STEPS": 40},
        "10_probes": {"POOL": 1600},
        "12_bert": {"TEACHER_STEPS": 60, "STEPS": 60},
        "12_digits": {"TEACHER_STEPS": 1500, "STUDENT_STEPS": 1000},
        "12_students": {"STEPS": 100},
        "13_sentiment": {"POOL": 800, "COUNT": 600, "TEST": 500},
        "14_alignment": {"STEPS": 1500},
        "14_digits": {"STEPS": 400},
    }
    for name, wanted in sizes.items():
        assert {key: getattr(mini[name], key) for key in wanted} == wanted, name
    students = mini["12_students"]
    teacher = students.network(students.env.backbone)
    assert students.pairs_of(teacher) == {name: name for name in ("layer2", "layer3", "layer4")}
    assert tl_models.head_of(mini["04_vgg_features"].vgg(None, 0))[1].in_features == 256

    large = scripts_of("gpu", monkeypatch)
    assert list(large["05_strategies"].BUDGETS) == list(large["09_label_budget"].BUDGETS) == ["all"]
    assert large["05_strategies"].BUDGETS["all"].mini == 100
    assert {cell.target for cell in large["09_pooling"].CELLS} == {"imdb"}
    assert large["05_learning_rate"].WEIGHTS == {"imagenet": "imagenet"}
    assert large["10_matrix"].STEPS > mini["10_matrix"].STEPS
    assert large["14_digits"].CELLS == mini["14_digits"].CELLS


@pytest.mark.full
@pytest.mark.parametrize("profile", ["mini", "cpu", "gpu"])
@pytest.mark.parametrize("name", common.scripts())
def test_every_way_through_a_script_runs_in_each_of_its_profiles(profile, name, monkeypatch, rehearsed, fresh):
    monkeypatch.setenv("TL_PROFILE", profile)
    monkeypatch.setenv("TL_CACHE", str(rehearsed))
    monkeypatch.setenv("TL_DEVICE", "cpu")
    monkeypatch.setenv("TL_REHEARSE", "1")
    sys.modules.pop(f"authoring.records.{name}", None)
    script = common.load(name)
    if profile not in common.profiles_of(script):
        pytest.skip(common.why_mini_only(script))
    for cell in common.possible(script):
        value = script.measure(cell)
        assert math.isfinite(value[0] if isinstance(value, tuple) else value), cell


def test_each_record_of_the_course_has_its_script():
    assert set(records.available()) <= set(common.scripts())


@pytest.mark.integration
@pytest.mark.parametrize("name", common.scripts())
def test_cheap_records_are_derived_anew(name):
    script = common.load(name)
    if not script.CHEAP:
        pytest.skip("takes more than 20 s: `make records` derives it")
    assert common.moved(name, script.CELLS, script.measure, getattr(script, "TOLERANCE", 0.01)) == []
