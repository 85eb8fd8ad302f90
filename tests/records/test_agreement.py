"""The same network, labels and target in several records: the values agree, or the conditions are named."""

import pytest

from authoring.records import agreement, common
from authoring.records.agreement import How, Pair, Run, What
from tl_course import records
from tl_course.records import Row

pytestmark = pytest.mark.full  # the scripts of the records import the training libraries

ALIKE = How(40, 32, 1e-3, False)


def test_records_that_show_the_same_thing_agree_or_say_why_not():
    found = list(agreement.pairs())
    assert {pair.target for pair in found} >= {"cifar10", "mnist_m", "sentiment"}
    assert [pair.problem for pair in found if pair.problem] == []


def test_no_cell_of_a_shared_method_is_passed_over():
    assert agreement.unlisted() == []


def test_every_listed_cell_is_recorded_and_every_reason_is_for_a_record():
    for run in agreement.runs():
        assert run.rows.seeds, run
    assert {*agreement.WHY, *agreement.APART} <= set(records.available())


@pytest.fixture
def two_records(tmp_path, monkeypatch):
    """Two records of one cell each, trained alike; returns a function of their values that gives the pair."""

    def pair(first, second, other=ALIKE):
        made = []
        for name, values, conditions in (("01_one", first, ALIKE), ("02_other", second, other)):
            rows = [
                Row("mini", "toy", "scratch", "10", seed, value, 1.0, "fp32", "cpu", "2026-01-31", "0.1.0")
                for seed, value in enumerate(values)
            ]
            common.write_csv(tmp_path / f"{name}.csv", rows)
            made.append(Run(name, "scratch", "10", What("resnet_small", "none", "scratch", 10), conditions))
        read = records.read
        monkeypatch.setattr(agreement.records, "read", lambda name: read(name, folder=tmp_path))
        return Pair("toy", *made)

    return pair


def test_values_that_agree_need_no_reason(two_records):
    assert two_records([0.50, 0.52, 0.54], [0.51, 0.53, 0.55]).problem == ""


def test_values_that_disagree_though_trained_alike_are_named(two_records):
    said = two_records([0.50, 0.51, 0.52], [0.70, 0.71, 0.72]).problem
    assert all(part in said for part in ("01_one", "02_other", "0.510", "0.710", "trained alike"))


def test_values_that_disagree_under_other_conditions_need_a_reason(two_records, monkeypatch):
    pair = two_records([0.50, 0.51, 0.52], [0.70, 0.71, 0.72], other=How(120, 32, 1e-3, True))
    monkeypatch.setattr(agreement, "WHY", {"01_one": "short"})
    assert "no reason in WHY for 02_other" in pair.problem
    monkeypatch.setattr(agreement, "WHY", {"01_one": "short", "02_other": "long"})
    assert pair.problem == ""
