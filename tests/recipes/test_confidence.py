"""How sure a model may be: kept beside it, used by predict, told in the report and in predictions.csv."""

import csv
import html
import json

import pytest
import torch
from draws import seeds
from tasks import tiny_bert
from test_finetune import Page
from test_finetune_texts import COLUMNS, QUICK, rows, tl, write  # noqa: F401

from tl_course import models
from tl_course.models.zoo import equip
from tl_course.recipes import confidence, predict


def table(path, encoding="utf-8-sig"):
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bert = tiny_bert()
    model = equip(bert, "minilm", None, bert.preprocess)
    with torch.no_grad():
        models.head_of(model)[1].weight.mul_(40)
    return models.save(model, tmp_path / "model", class_names=["no", "yes"])


def reheated(saved, temperature):
    card = json.loads((saved / "model.json").read_text(encoding="utf-8"))
    if temperature is None:
        del card["temperature"]
    else:
        card["temperature"] = temperature
    (saved / "model.json").write_text(json.dumps(card), encoding="utf-8")


def test_a_temperature_is_kept_with_the_model_and_changes_how_sure_it_is(saved):
    texts = ["a good film", "bad", "film film a"]
    before = predict(saved, texts)[0]
    reheated(saved, 3.0)
    assert models.load(saved).temperature == 3.0
    after = predict(saved, texts)[0]
    for one, other in zip(before, after, strict=True):
        assert one.answer == other.answer == one.classes[0][0]
        logit = [torch.logit(torch.tensor(each.classes[0][1], dtype=torch.float64)) for each in (one, other)]
        assert logit[1].item() == pytest.approx(logit[0].item() / 3, rel=1e-3)
    again = models.save(models.load(saved), saved.parent / "again")
    assert json.loads((again / "model.json").read_text(encoding="utf-8"))["temperature"] == 3.0


def test_a_folder_of_an_older_version_has_none(saved):
    before = predict(saved, ["a good film"])[0]
    reheated(saved, None)
    assert models.load(saved).temperature == 1.0
    assert predict(saved, ["a good film"])[0] == before


@pytest.mark.parametrize("value", [0, -1, "warm", float("inf"), None, [1, 2]])
def test_a_temperature_that_is_none_is_refused(saved, value):
    card = json.loads((saved / "model.json").read_text(encoding="utf-8"))
    (saved / "model.json").write_text(json.dumps(card | {"temperature": value}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"model.json is damaged \(.*temperature.*save the model again"):
        models.load(saved)


def test_answers_below_a_probability_are_unsure(tl, saved, tmp_path):  # noqa: F811
    given = [["1", "a good film"], ["2", "bad"], ["3", ""], ["4", "film film a"]]
    write(tmp_path / "new.csv", given, head=("answer", "review"))
    code, _, _ = tl("predict", "model", "new.csv", "--text", "review", "--csv", "all.csv")
    assert code == 0
    plain = table(tmp_path / "all.csv")
    assert list(plain[0]) == ["input", "answer", "class_1", "probability_1", "class_2", "probability_2"]
    limit = sorted(float(row["probability_1"]) for row in plain if row["class_1"])[1]
    options = ("--text", "review", "--unsure-below", str(limit))
    code, out, _ = tl("predict", "model", "new.csv", *options, "--csv", "answers.csv")
    assert code == 0
    found = table(tmp_path / "answers.csv")
    unsure = sum(row["answer"] == "unsure" for row in found)
    assert 1 <= unsure <= 2
    assert f"3 answers are in answers.csv, {unsure} of them unsure." in out
    for row, before in zip(found, plain, strict=True):
        assert row["answer_2"] == before["answer"]
        assert row["class_1"] == before["class_1"]
        assert row["answer"] in (row["class_1"], "unsure")
    assert found[2]["answer"] == ""
    code, out, _ = tl("predict", "model", "a good film", "bad", "--unsure-below", "1")
    assert [line.split("\t")[1][:8] for line in out.splitlines()] == ["unsure: ", "unsure: "]


@pytest.mark.parametrize("value", ["60", "-0.1", "nan"])
def test_a_threshold_is_a_probability(tl, saved, value):  # noqa: F811
    code, out, err = tl("predict", "model", "a good film", "--unsure-below", value)
    assert (code, out) == (2, "")
    assert f"--unsure-below {value} is no probability; give a number from 0 to 1" in err


def test_a_class_called_unsure_is_not_confused_with_an_answer(tl, saved):  # noqa: F811
    models.save(models.load(saved), saved, class_names=["unsure", "yes"])
    code, _, err = tl("predict", "model", "a good film", "--unsure-below", "0.6")
    assert code == 2
    assert "has a class 'unsure'" in err


@pytest.mark.parametrize("seed", seeds(3))
def test_thresholds_count_what_is_answered_and_what_of_it_is_right(seed):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (200,), generator=draw)
    chances = (2 * torch.randn(200, 3, generator=draw)).softmax(1)
    for each in confidence.answered(labels, chances, (0.0, 0.5, 0.9, 1.0)):
        kept = [row for row in range(200) if max(chances[row].tolist()) >= each.threshold]
        assert each.count == len(kept)
        if kept:
            right = sum(int(chances[row].argmax()) == int(labels[row]) for row in kept)
            assert each.right.value == pytest.approx(right / len(kept))
        else:
            assert each.right is None


@pytest.mark.full
def test_predictions_of_the_test_can_be_read_back(tl, tmp_path, capsys):  # noqa: F811
    lines = [[*row, f"=id {number}", str(-number), f"writer {number}"] for number, row in enumerate(rows())]
    lines[7][0] = f"=1+{lines[7][0]}"
    write(tmp_path / "mine.csv", lines, head=("review", "stars", "truth", "change", "who"))
    code, out, _ = tl("finetune", "mine.csv", *COLUMNS, *QUICK, "--group", "who")
    assert code == 0
    assert "each test example: mine-finetuned/predictions.csv" in out
    file = tmp_path / "mine-finetuned" / "predictions.csv"
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    found = table(file)
    shown = ["line", "input", "who", "truth_2", "change", "truth", "predicted", "confidence"]
    assert list(found[0]) == [*shown, "probability_1", "probability_5"]
    page = Page((tmp_path / "mine-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert f"of {len(found)} test texts are recognised rightly" in page.text
    for row in found:
        text, stars, identity, change, who = lines[int(row["line"]) - 2]
        assert (row["input"].lstrip("'"), row["truth"], row["who"], row["change"]) == (text, stars, who, change)
        assert row["truth_2"] == f"'{identity}"
        assert not row["input"].startswith("=")
        chances = {name: float(row[f"probability_{name}"]) for name in ("1", "5")}
        assert sum(chances.values()) == pytest.approx(1, abs=2e-4)
        assert float(row["confidence"]) == max(chances.values()) == chances[row["predicted"]]
    right = sum(row["truth"] == row["predicted"] for row in found) / len(found)
    assert f"Test accuracy: {right:.1%}" in out
    model = models.load(tmp_path / "mine-finetuned")  # predict says the same of the same texts
    asked = [each for each in found if not each["input"].startswith("'")]
    answers, _ = predict(tmp_path / "mine-finetuned", [f"{row['input']} " for row in asked], top=1)
    assert [each.classes[0][0] for each in answers] == [row["predicted"] for row in asked]
    for each, row in zip(answers, asked, strict=True):
        assert each.classes[0][1] == pytest.approx(float(row["confidence"]), abs=2e-3)
    code = html.unescape(
        (file.parent / "report.html").read_text("utf-8").split('id="in-python">')[1].split("</pre>")[0]
    )
    capsys.readouterr()
    exec(compile(code, "report", "exec"), {})
    said = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    for name, chance in said.items():
        assert float(chance.rstrip("%")) / 100 == pytest.approx(float(found[0][f"probability_{name}"]), abs=2e-3)
    assert f"The temperature is {model.temperature:.2f}, fitted on " in page.text
    assert "Of these right" in page.text
