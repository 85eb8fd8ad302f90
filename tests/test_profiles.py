"""What depends on the profile is read by role from one table; a rehearsal takes as little as runs every cell."""

import ast
from dataclasses import fields, replace
from types import SimpleNamespace

import pytest
import torch

from authoring import sources
from tl_course import environment, models, profiles
from tl_course.assets import for_profile, registry
from tl_course.profiles import PROFILES, Sizes, UpTo

ROLES = ("extractor", "backbone", "text")


@pytest.mark.parametrize("name", PROFILES)
def test_each_role_is_played_by_a_network_that_the_profile_fetches_or_the_package_ships(name):
    profile = PROFILES[name]
    fetched = {asset.name for asset in for_profile(name)}
    for role in ROLES:
        network = getattr(profile, role)
        weights = "pretrained" if role == "text" else profile.weights
        assert weights in models.MODELS[network].weights
        assert network in fetched or network in models.zoo.SMALL
    assert profile.pixels <= models.MODELS[profile.extractor].size


def test_the_networks_of_the_profiles_are_those_that_the_mission_names():
    assert [PROFILES[name].extractor for name in ("mini", "cpu", "gpu")] == ["vgg_small", "vgg16", "vgg16"]
    assert [PROFILES[name].backbone for name in ("mini", "cpu", "gpu")] == ["resnet_small", "resnet18", "resnet50"]
    assert [PROFILES[name].text for name in ("mini", "cpu", "gpu")] == ["minilm", "distilbert", "bert"]


def test_the_mini_profile_takes_every_number_as_it_stands():
    sizes = Sizes(PROFILES["mini"])
    assert [sizes.labels(10), sizes.examples(500), sizes.steps(60), sizes.pixels] == [10, 500, 60, 32]


def test_only_what_a_profile_multiplies_may_be_more_than_there_is():
    """A number that a lesson names itself and no data set has is the author's mistake."""
    assert all(type(Sizes(PROFILES["mini"]).labels(count)) is int for count in (1, 10))
    assert type(Sizes(PROFILES["cpu"]).examples(500)) is UpTo


@pytest.mark.parametrize("name", PROFILES)
def test_a_rehearsal_is_never_larger_than_the_profile(name):
    for count in (1, 2, 50, 5_000):
        whole, small = Sizes(PROFILES[name]), Sizes(PROFILES[name], rehearsal=True)
        for ask in ("labels", "examples", "steps"):
            most = getattr(whole, ask)(count)
            assert 1 <= getattr(small, ask)(count) <= (count if most is None else most)
        assert small.pixels <= whole.pixels


def test_the_environment_answers_by_role(monkeypatch):
    monkeypatch.setenv("TL_PROFILE", "cpu")
    env = environment.setup(device="cpu", quiet=True)
    assert [env.extractor, env.backbone, env.text, env.weights] == ["vgg16", "resnet18", "distilbert", "imagenet"]
    assert [env.pixels, env.labels(10), env.examples(100), env.steps(60)] == [64, 50, 500, 120]
    assert env.reviews == {"name": "sentiment", "domain": "movies"}


def test_a_fourth_profile_is_one_row(monkeypatch):
    """Whatever a lesson asks for by role, it gets from the new row, and nothing else has to know of it."""
    tiny = replace(PROFILES["mini"], summary="a size of our own", backbone="resnet_tiny", pixels=16, times=2, longer=3)
    monkeypatch.setitem(profiles.PROFILES, "tiny", tiny)
    monkeypatch.setenv("TL_PROFILE", "tiny")
    env = environment.setup(device="cpu", quiet=True)
    assert "tiny: a size of our own" in env.card()
    model = models.create(env.backbone, num_classes=10, size=env.pixels)
    assert (model.spec.name, model.preprocess.size) == ("resnet_tiny", 16)
    assert (env.labels(10), env.steps(10)) == (20, 30)


def line_of_lesson(number: str, name: str) -> str:
    """The statement of a lesson that gives a variable its value first."""
    (path,) = (sources.ROOT / "authoring" / "lessons").glob(f"{number}_*.py")
    return next(
        ast.unparse(node)
        for cell in sources.read(path).cells
        if cell.cell_type == "code"
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


def test_a_line_of_a_lesson_changes_its_size_with_a_fourth_profile(monkeypatch):
    """The very lines of lesson 06 that make its network and draw its labels; the data set is not loaded."""
    tiny = replace(PROFILES["mini"], summary="a size of our own", weights="letters", pixels=16, times=2)
    monkeypatch.setitem(profiles.PROFILES, "tiny", tiny)
    found = {}
    for name in ("mini", "tiny"):
        env = environment.setup(name, device="cpu", quiet=True)
        course = SimpleNamespace(models=models, data=SimpleNamespace(target=str, load=lambda *_, **options: options))
        scope = {"tl": course, "env": env}
        for variable in ("sizes", "task", "probed"):
            exec(line_of_lesson("06", variable), scope)
        found[name] = scope
    assert {name: scope["task"]["train_per_class"] for name, scope in found.items()} == {"mini": 50, "tiny": 100}
    assert {name: scope["task"]["test"] for name, scope in found.items()} == {"mini": 1000, "tiny": 2000}
    assert [found["tiny"]["probed"].preprocess.size, found["tiny"]["probed"].spec.weights] == [16, "letters"]
    assert [found["mini"]["probed"].preprocess.size, found["mini"]["probed"].spec.weights] == [32, "imagenet_distilled"]


def test_a_rehearsal_says_so_on_the_card_and_has_a_cache_of_its_own(monkeypatch):
    real = environment.cache_dir()
    assert "rehearsal" not in environment.setup(device="cpu", quiet=True).card()
    monkeypatch.setenv("TL_REHEARSE", "1")
    env = environment.setup(device="cpu", quiet=True)
    assert env.card().startswith("rehearsal")
    assert env.cache != real
    assert env.cache.is_relative_to(real)


def test_an_experiment_that_fails_stops_a_lesson_and_no_rehearsal(monkeypatch):
    environment.setup(device="cpu", quiet=True)
    environment.expect(True, "fine")
    with pytest.raises(AssertionError, match="the loss must fall"):
        environment.expect(False, "the loss must fall")
    monkeypatch.setenv("TL_REHEARSE", "1")
    environment.setup(device="cpu", quiet=True)
    environment.expect(False, "the loss must fall")


def test_every_profile_fills_every_column():
    for profile in PROFILES.values():
        assert all(getattr(profile, each.name) not in ("", {}) for each in fields(profile))


def test_every_asset_belongs_to_a_profile():
    assert {name for asset in registry().values() for name in asset.profiles} <= set(PROFILES)


@pytest.mark.parametrize(
    ("device", "gflops", "name"),
    [("cpu", 20, "mini"), ("cpu", 259, "mini"), ("cpu", 5000, "cpu"), ("cuda", 20, "gpu"), ("mps", 20, "gpu")],
)
def test_a_machine_suits_the_largest_profile_that_it_carries(device, gflops, name):
    assert environment.suited_profile(torch.device(device), gflops) == name


def test_patience_is_asked_of_the_cpu_in_proportion():
    """What a step of the small profile's ResNet multiplies, on a machine of 66 GFLOP/s."""
    mini, cpu = PROFILES["mini"], PROFILES["cpu"]
    small, large = models.MODELS[mini.backbone], models.MODELS[cpu.backbone]
    more = large.macs * (cpu.pixels / large.size) ** 2 / small.macs * cpu.longer / mini.longer
    assert cpu.gflops == pytest.approx(66 * more, rel=0.02)
