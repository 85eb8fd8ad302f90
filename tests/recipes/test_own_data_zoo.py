"""Every case of the zoo comes out right or is refused in one sentence: no traceback, no wrong class without a word."""

import own_data_zoo as zoo
import pytest
from tasks import tiny_bert

from tl_course import models, recipes
from tl_course.data.task import SPLITS
from tl_course.models.zoo import equip

pytestmark = pytest.mark.integration
BY_NAME = {case.name: case for case in zoo.ZOO}
CASES = [pytest.param(case, id=case.name, marks=[pytest.mark.full] * case.slow) for case in zoo.ZOO]


def test_the_zoo_has_at_least_sixty_cases_by_name():
    assert len(BY_NAME) == len(zoo.ZOO) >= 60
    assert sum(case.happens.__class__ is zoo.Refused for case in zoo.ZOO) >= 30
    assert sum("predict" in case.options for case in zoo.ZOO) >= 10


@pytest.fixture
def small_bert(monkeypatch):
    """Where a BERT is asked for, one of two small layers comes."""
    real = models.create

    def create(name, **options):
        if name != "minilm":
            return real(name, **options)
        bert = tiny_bert()
        return equip(bert, name, options["weights"], bert.preprocess)

    monkeypatch.setattr(models, "create", create)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model of each kind, untrained."""
    folder = tmp_path_factory.mktemp("models")
    bert = tiny_bert()
    models.save(equip(bert, "minilm", None, bert.preprocess), folder / "text", class_names=["no", "yes"])
    image = models.create("resnet_small", num_classes=2, weights=None)
    models.save(image, folder / "image", class_names=["no", "yes"])
    return folder


@pytest.mark.parametrize("case", CASES)
def test_zoo(case, tmp_path, monkeypatch, small_bert, request):
    monkeypatch.setenv("TL_OFFLINE", "1")
    options = dict(case.options)
    path = case.make(tmp_path)
    before = sorted(tmp_path.rglob("*")) if not case.slow else None
    told: list[str] = []

    def run():
        if options.pop("predict", False):
            folder = request.getfixturevalue("saved") / options.pop("kind")
            return recipes.predict(folder, [str(path)], say=told.append, **options)
        if "text" not in options:
            options.update(model="resnet_small", weights="none", size=16, fit="squish")
        return recipes.examine(path, recipes.Settings(**options), say=told.append)

    if isinstance(case.happens, zoo.Refused):
        with pytest.raises(ValueError, match=r"\w") as refused:
            run()
        sentence = str(refused.value)
        for said in case.happens.said:
            assert said in sentence
        assert "\n" not in sentence.replace(str(path), "")
        assert sentence.endswith((".", ")"))
    elif isinstance(case.happens, zoo.Answers):
        found, skipped = run()
        assert [bool(each.classes) for each in found] == [name is not None for name in case.happens.names]
        for each, name in zip(found, case.happens.names, strict=True):
            assert name is None or each.name.endswith(name)
        for said in case.happens.told:
            assert said in " ".join([*told, *skipped])
    else:
        prepared = run()
        check_counts(prepared, case.happens.counts)
        check_contents(prepared)
        for said in case.happens.told:
            assert said in "\n".join(told)
    assert before is None or sorted(tmp_path.rglob("*")) == before


def check_counts(prepared, counts):
    task = prepared.task
    for key, count in counts.items():
        part, _, name = key.partition("/") if key.partition("/")[0] in SPLITS else ("", "", key)
        number = task.class_names.index(name)
        found = {each: int((getattr(task, each).labels == number).sum()) for each in SPLITS}
        assert (found[part] if part else sum(found.values())) == count, key
    if not any("/" in key for key in counts):
        assert set(counts) == set(task.class_names) or len(task.class_names) > 100


def check_contents(prepared):
    """Pictures are bright on the right, and a text's word goes with its class: nothing was mixed up or spoilt."""
    task = prepared.task
    for part in SPLITS:
        split = getattr(task, part)
        for name, given, label in zip(prepared.names[part], split.inputs, split.labels.tolist(), strict=True):
            if task.kind == "image":
                half = given.float().mean(0)
                assert half[:, 9:].mean() > half[:, :7].mean() + 60, name
            elif ("fine" in given) != ("dull" in given) and {"pos", "neg"} & set(task.class_names):
                assert task.class_names[label] in ("pos" if "fine" in given else "neg", "1", "2.5", "\U0001f600"), name
