import importlib
import sys

import mteb
import pytest

import isoglot.data.mteb
from isoglot.data.mteb import library
from isoglot.data.mteb.tasks import find_task, limit_task, load_task
from isoglot.errors import InputError, IsoglotError
from isoglot.evaluation.mteb import evaluate_mteb


def test_tasks_of_mteb_and_of_ours_are_found():
    assert find_task("NFCorpus").metadata.name == "NFCorpus"
    assert find_task("XQuADRRetrieval").metadata.name == "XQuADRRetrieval"
    task = mteb.get_task("SciFact")
    assert find_task(task) is task


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NFCorpuss", "did you mean NFCorpus"),
        ("belebele", "BelebeleRetrieval"),
        ("XQuADR", "XQuADRRetrieval"),
        ("qqqqqqqqqq", "lists them"),
        ("Banking77Classification", "no retrieval task: mteb calls it Classification"),
        ("CQADupstackRetrieval", "one by one: CQADupstackAndroidRetrieval"),
        ("VidoreArxivQARetrieval", "more than text"),
    ],
)
def test_what_cannot_be_evaluated_is_said(name, said):
    with pytest.raises(InputError, match=said) as caught:
        find_task(name)
    assert name in str(caught.value)


def test_tasks_are_limited_to_languages_and_splits():
    task = limit_task(find_task("MLQARetrieval"), ["de", "zh"], ["test"])
    assert set(task.hf_subsets) == {"deu-deu", "deu-zho", "zho-deu", "zho-zho"}
    assert list(task.eval_splits) == ["test"]
    with pytest.raises(InputError, match="nothing in sw alone; its languages are ar, de"):
        limit_task(find_task("MLQARetrieval"), ["sw"], None)
    with pytest.raises(InputError, match="no split train; its splits are validation, test"):
        limit_task(find_task("MLQARetrieval"), None, ["train"])
    with pytest.raises(InputError, match="--languages"):
        limit_task(find_task("MLQARetrieval"), ["no language"], None)


def test_data_that_cannot_be_downloaded_is_one_sentence(monkeypatch):
    task = find_task("NFCorpus")

    def unreachable(**_):
        raise ConnectionError("Couldn't reach 'mteb/nfcorpus' on the Hub")

    monkeypatch.setattr(task, "load_data", unreachable)
    with pytest.raises(
        IsoglotError, match=r"NFCorpus \(mteb/nfcorpus\) cannot be loaded: Couldn't reach.*hub"
    ) as caught:
        load_task(task)
    assert caught.value.exit_code == 1


def test_without_mteb_the_remedy_is_given(monkeypatch):
    monkeypatch.setattr(library, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install 'isoglot\\[mteb\\]'"):
        isoglot.data.mteb.collection_from_mteb  # noqa: B018
    with pytest.raises(InputError, match="pip install 'isoglot\\[mteb\\]'"):
        evaluate_mteb(None, "NFCorpus")
    with pytest.raises(AttributeError):
        isoglot.data.mteb.nothing  # noqa: B018


def test_an_old_mteb_is_said(monkeypatch):
    monkeypatch.setattr(library, "version", lambda _: "1.38.2")
    with pytest.raises(InputError, match=r"mteb 2 or later, and 1\.38\.2"):
        library.require_mteb()


def test_the_packages_are_imported_without_mteb(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "mteb"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mteb", None)
    importlib.reload(isoglot.data.mteb)
    monkeypatch.delitem(sys.modules, "isoglot.evaluation.mteb")
    assert importlib.import_module("isoglot.evaluation.mteb").BenchmarkResult
