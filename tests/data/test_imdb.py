"""IMDb's reviews are read whole, each once, and none stands on both sides."""

import pyarrow
import pyarrow.parquet
import pytest

from tl_course import assets, data
from tl_course.data import imdb


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "get", lambda name: tmp_path)

    def write(train, test):
        for part, rows in {"train": train, "test": test}.items():
            texts, labels = zip(*rows, strict=True)
            table = pyarrow.table({"text": list(texts), "label": list(labels)})
            pyarrow.parquet.write_table(table, tmp_path / imdb.PARTS[part])

    return write


def test_each_review_once_and_the_test_is_never_trained_on(files):
    shared, twice = ("Seen twice.<br /><br />Still good.", 1), ("Dull.", 0)
    files([shared, twice, twice, ("Fine film.", 1)], [shared, ("Bad.", 0)])
    task = data.load("imdb", validation=0)
    assert sorted(zip(task.train.inputs, task.train.labels.tolist(), strict=True)) == [("Dull.", 0), ("Fine film.", 1)]
    assert sorted(task.test.inputs) == ["Bad.", "Seen twice.  Still good."]
    assert task.class_names == ("negative", "positive")
    assert not set(task.train.inputs) & set(task.test.inputs)


def test_without_the_file_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("TL_OFFLINE", "1")
    with pytest.raises(assets.AssetError, match="tl-course fetch imdb"):
        data.load("imdb")
