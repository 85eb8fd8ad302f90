"""Lesson 10 computes by hand what its verbs and records compute, and its records hold what its prose says of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from draws import seeds
from sklearn.metrics import f1_score

from authoring import sources
from authoring.records.common import load
from tl_course import records
from tl_course.data import Split
from tl_course.environment import generator

LESSON = Path(__file__).parents[2] / "authoring" / "lessons" / "10_across_domains_of_text.py"
DOMAINS = ("movies", "tweets", "products", "editorials")


def defined(name: str):
    """Return a function of the lesson, as its cell defines it."""
    _, cells = sources.split_header(LESSON)
    source = next(cell.source for cell in cells if f"def {name}(" in cell.source)
    names = {"torch": torch, "np": np}
    body = source[source.index(f"def {name}(") :].split("\n\n\n")[0]
    exec(body, names)
    return names[name]


def documents(seed: int) -> Split:
    """Forty texts of up to ten documents, in random order."""
    groups = torch.randint(10, (40,), generator=generator(seed))
    labels = torch.randint(3, (40,), generator=generator(seed + 1))
    return Split(torch.arange(40.0).unsqueeze(1), labels, groups)


@pytest.mark.parametrize("seed", seeds(5))
def test_the_score_by_hand_is_scikit_learns(seed):
    truth, said = torch.randint(3, (2, 200), generator=generator(seed))
    said[truth == 1] = 2  # a class that is never right
    expected = f1_score(truth, said, average="weighted")
    assert defined("weighted_f1")(truth, said) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", seeds(3))
def test_lesson_and_record_take_one_text_of_each_document(seed):
    split = documents(seed)
    present = len(split.groups.unique())
    by_lesson = defined("one_each")(split)[:, 0].astype(int)
    by_record = load("10_a_distance").one_each(split, seed)
    assert len(by_lesson) == len(split.groups[by_lesson].unique()) == present
    assert len(by_record) == len(by_record.groups.unique()) == present


def test_without_documents_every_text_is_its_own():
    split = Split(torch.arange(6.0).unsqueeze(1), torch.zeros(6, dtype=torch.long))
    assert defined("one_each")(split)[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert sorted(load("10_a_distance").one_each(split, 0).inputs.flatten().tolist()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("seed", seeds(3))
def test_lesson_and_record_draw_the_same_labels(seed):
    split = Split(torch.arange(90.0).unsqueeze(1), torch.arange(90) % 3)
    ours, theirs = defined("drawn")(split, 20, seed), load("10_matrix").drawn(split, 20, seed)
    assert torch.equal(ours.inputs, theirs.inputs)
    assert torch.bincount(ours.labels, minlength=3).tolist() == [10, 0, 10]


@pytest.mark.parametrize("method", ["three_others", "three_others_and_20", "50_labels", "labels_by_lot", "tweets"])
def test_probes_learn_from_what_their_name_says(monkeypatch, method):
    script = load("10_probes")
    numbers = {domain: 1000 * k for k, domain in enumerate(DOMAINS)}

    def points(domain):
        inputs = torch.arange(numbers[domain], numbers[domain] + 900.0).unsqueeze(1)
        task = type("Task", (), {"train": Split(inputs, torch.arange(900) % 3)})
        return task

    monkeypatch.setattr(script, "points", points)
    parts = script.learned_from(method, "movies", seed=0)
    from_domains = [DOMAINS[int(part.inputs[0, 0]) // 1000] for part in parts]
    expected = {
        "three_others": (["tweets", "products", "editorials"], [400] * 3),
        "three_others_and_20": (["tweets", "products", "editorials", "movies"], [400] * 3 + [20]),
        "50_labels": (["movies"], [50]),
        "labels_by_lot": (["movies"], [400]),
        "tweets": (["tweets"], [400]),
    }[method]
    assert (from_domains, [len(part) for part in parts]) == expected
    if method == "labels_by_lot":
        assert not torch.equal(parts[0].labels, parts[0].inputs[:, 0].long() % 3)


# --- what the prose says of the records beyond its claims ------------------------------------------------------------


def values(name: str, method: str, setting: str) -> dict[int, float]:
    """Value by seed of one cell of a record."""
    return records.read(name).select(profile="mini", method=method, setting=setting).values


@pytest.mark.parametrize("domain", ["movies", "products", "editorials"])
def test_home_beats_vader_with_every_seed(domain):
    home, lexicon = (values("10_matrix", method, domain) for method in (domain, "vader"))
    assert all(home[seed] > lexicon[seed] + 0.1 for seed in home)


@pytest.mark.parametrize("domain", ["movies", "products"])
def test_home_beats_every_foreign_source_with_every_seed(domain):
    home = values("10_matrix", domain, domain)
    for source in set(DOMAINS) - {domain}:
        assert all(value < home[seed] for seed, value in values("10_matrix", source, domain).items())


def test_films_are_the_worst_source_for_products_and_films_cannot_tell_products_from_editorials():
    films, *others = (values("10_matrix", source, "products") for source in ("movies", "tweets", "editorials"))
    assert all(films[seed] < other[seed] for other in others for seed in films)
    products, editorials = (values("10_matrix", source, "movies") for source in ("products", "editorials"))
    ahead = [products[seed] - editorials[seed] for seed in products]
    assert (sum(gap > 0 for gap in ahead), len(ahead)) == (2, 3)
    assert -min(ahead) > max(ahead)


def test_negative_transfer_to_tweets_comes_and_goes_with_the_seed():
    constant = values("10_probes", "always_positive", "tweets")[0]
    worst, middle, best = sorted(value - constant for value in values("10_matrix", "movies", "tweets").values())
    assert worst < -0.02 < -0.005 < middle < 0.005 < 0.1 < best
    at_home = values("10_matrix", "movies", "movies").values()
    assert max(at_home) - min(at_home) < 0.01
    frozen = [value < constant for value in values("10_probes", "products", "tweets").values()]
    assert (sum(frozen), len(frozen)) == (1, 5)


def test_the_pool_is_near_the_best_single_source_and_clear_of_the_worst():
    record = records.read("10_matrix").select(profile="mini")
    for domain in DOMAINS:
        single = [record.select(method=source, setting=domain).mean for source in DOMAINS if source != domain]
        pool = record.select(method="three_others", setting=domain).mean
        assert min(single) + 0.03 < pool
        assert abs(pool - max(single)) < 0.025


def test_a_hundred_labels_after_the_others_hurt_on_editorials_with_every_seed():
    after, before = (values("10_matrix", f"three_others{more}", "editorials") for more in ("_then_100", ""))
    assert all(after[seed] < before[seed] for seed in before)


def test_own_labels_never_harm_in_a_pool_and_cross_the_others_between_fifty_and_four_hundred():
    record = records.read("10_probes").select(profile="mini")
    for domain in DOMAINS:
        others = record.select(method="three_others", setting=domain).mean
        for count in (20, 50, 100, 200, 400):
            assert record.select(method=f"three_others_and_{count}", setting=domain).mean > others
        assert record.select(method="50_labels", setting=domain).mean < others
        assert record.select(method=domain, setting=domain).mean > others
        gift = record.select(method="three_others_and_400", setting=domain).mean
        gift -= record.select(method=domain, setting=domain).mean
        assert gift > 0.015 if domain == "editorials" else abs(gift) < 0.015


def test_within_a_column_the_nearest_source_is_the_best_in_two_of_four_and_the_farthest_in_none():
    matrix = records.read("10_matrix").select(profile="mini")
    mean = {(a, b): matrix.select(method=a, setting=b).mean for a in DOMAINS for b in DOMAINS}
    loss = {pair: mean[pair[1], pair[1]] - mean[pair] for pair in mean}
    assert loss["movies", "tweets"] == pytest.approx(3 * loss["tweets", "movies"], rel=0.15)
    apart = records.read("10_a_distance").select(profile="mini")
    distance = {
        (a, b): apart.select(method=min(a, b, key=DOMAINS.index), setting=max(a, b, key=DOMAINS.index)).mean
        for a in DOMAINS
        for b in DOMAINS
        if a != b
    }
    nearest = {to: sorted((a for a in DOMAINS if a != to), key=lambda a, to=to: distance[a, to]) for to in DOMAINS}
    ranks = {to: nearest[to].index(min(nearest[to], key=lambda a, to=to: loss[a, to])) for to in DOMAINS}
    assert ranks == {"movies": 0, "products": 0, "tweets": 1, "editorials": 1}
    assert abs(distance["products", "tweets"] - distance["editorials", "tweets"]) < 0.005
    assert loss["products", "tweets"] == pytest.approx(2 * loss["editorials", "tweets"], rel=0.15)
