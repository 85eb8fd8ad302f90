"""Stand-ins have the names and shapes of the real files, know nothing, and are never taken for them."""

import pytest
import torch

from tl_course import assets, data, environment, models
from tl_course.assets import stand_ins
from tl_course.assets.store import AssetError
from tl_course.figures import axes, show

BIG = ("vgg16", "resnet50", "inception_v3", "distilbert", "bert")


@pytest.fixture(autouse=True)
def rehearsal(monkeypatch):
    monkeypatch.setenv("TL_REHEARSE", "1")
    monkeypatch.setenv("TL_DEVICE", "cpu")
    environment.setup(quiet=True)


def test_everything_that_is_fetched_has_a_stand_in_but_cifar10():
    assert set(stand_ins.MAKERS) == set(assets.registry()) - {"cifar10"}
    assert data.target() == "mnist_m"
    with pytest.raises(AssetError, match="no stand-in for cifar10; unset it"):
        assets.get("cifar10")


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(one, marks=pytest.mark.integration) for one in ("minilm", "efficientnet_lite0", "resnet18")),
        *(pytest.param(one, marks=pytest.mark.full) for one in BIG),
    ],
)
def test_a_stand_in_is_loaded_as_the_real_file_and_says_what_it_is(name, tmp_path, monkeypatch):
    weights = models.MODELS[name].weights[0]
    model = models.create(name, weights=weights, num_classes=3)
    assert model.spec.weights == f"{weights} (rehearsal)"
    again = models.create(name, weights=weights, num_classes=3)
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True))
    assert {path.name for path in assets.get(name).iterdir()} >= {file.name for file in assets.registry()[name].files}
    saved = models.save(model, tmp_path / "saved")
    assert "rehearsal" in (saved / "model.json").read_text()
    monkeypatch.delenv("TL_REHEARSE")
    assert assets.status(assets.registry()[name]) == "missing"  # outside of a rehearsal


@pytest.mark.daily(1)
@pytest.mark.parametrize("domain", ["movies", "tweets", "products", "editorials"])
def test_made_up_texts_make_every_task_of_the_four_domains(domain):
    for options in ({}, {"three_class": True}, {"three_class": True, "neutral_up_to": 0.0}):
        task = data.load("sentiment", domain=domain, train_per_class=20, **options)
        assert all(len(part) for part in (task.train, task.validation, task.test))


def test_fetching_makes_them_once_and_needs_no_network(monkeypatch):
    monkeypatch.setenv("TL_OFFLINE", "1")
    wanted = [assets.registry()[name] for name in ("sentiment", "imdb", "cifar10")]
    said = []
    assets.fetch(wanted, say=said.append)
    assert len(said) == 1
    assert "sentiment, imdb" in said[0]
    assert "cifar10" not in said[0]
    made = {path: path.stat().st_mtime_ns for path in environment.cache_dir().rglob("*") if path.is_file()}
    assets.fetch(wanted, say=said.append)
    assert made == {path: path.stat().st_mtime_ns for path in environment.cache_dir().rglob("*") if path.is_file()}


def test_one_that_was_broken_off_is_made_anew(monkeypatch):
    real = stand_ins.MAKERS["imdb"]

    def broken(asset, folder):
        real(asset, folder)
        raise KeyboardInterrupt

    monkeypatch.setitem(stand_ins.MAKERS, "imdb", broken)
    with pytest.raises(KeyboardInterrupt):
        assets.get("imdb")
    assert assets.status(assets.registry()["imdb"]) == "missing"
    monkeypatch.setitem(stand_ins.MAKERS, "imdb", real)
    assert len(data.load("imdb").train) > 100


def test_a_figure_says_that_it_is_a_rehearsal(monkeypatch):
    def figure():
        fig, ax = axes(3, 2)
        ax.plot([0, 1], [0, 1])
        return show(fig, alt="A straight line rising from 0 to 1.", caption="You just ran this.")

    assert figure().caption == "A rehearsal, with stand-ins: no number here means anything. You just ran this."
    monkeypatch.delenv("TL_REHEARSE")
    assert figure().caption == "You just ran this."
