"""A collection in an object store is the one that was put there, whatever its form, and copied once."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from store_helpers import Bucket

from isoglot import load_collection, read_collection
from isoglot.cli import main
from isoglot.collections import Collection, splits_of, write_collection
from isoglot.collections.folder import read_documents, read_splits
from isoglot.data.catalogue.loading import load_splits
from isoglot.data.convert import convert
from isoglot.data.unjudged import load_documents
from isoglot.errors import InputError
from isoglot.files import default_cache
from isoglot.stores import Store
from isoglot.training.data import load_target


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, store_keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))


def same(one: Collection, other: Collection) -> bool:
    tables = ("documents", "queries", "judgments")
    return one.name == other.name and all(getattr(one, name).equals(getattr(other, name)) for name in tables)


def put(bucket: Bucket, collection, folder: Path, form: str = "parquet") -> str:
    """Put a collection into the store, beside what is no part of it."""
    write_collection(collection, folder, form)
    bucket.put_folder(folder, f"sets/{folder.name}")
    for name in ("README.md", "corpus.parquet.bak", "qrels/notes.txt", "embeddings/0.npy"):
        bucket.put(f"sets/{folder.name}/{name}", b"x" * 100)
    return bucket.address(f"sets/{folder.name}")


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_what_is_read_is_what_was_put_there(bucket, toy, tmp_path, form):
    address = put(bucket, toy, tmp_path / "toy", form)
    assert same(read_collection(address), read_collection(tmp_path / "toy"))
    assert sorted(bucket.read_keys()) == [
        f"sets/toy/{path.name}" for path in sorted((tmp_path / "toy").iterdir()) if path.is_file()
    ]
    bucket.asked.clear()
    assert same(load_collection(address), toy)
    assert bucket.read_keys() == []
    assert same(read_collection(folder=address), toy)
    assert read_documents(address).documents.equals(toy.documents)
    assert load_documents(address).documents.equals(toy.documents)
    assert load_target(address).documents.equals(toy.documents)
    convert(address, "jsonl", tmp_path / "written")
    assert same(read_collection(tmp_path / "written"), toy)
    assert bucket.read_keys() == []


def test_gzipped_files_stay_gzipped(bucket, toy, tmp_path):
    address = put(bucket, toy, tmp_path / "toy", "jsonl")
    for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"):
        bucket.put(f"sets/toy/{name}.gz", gzip.compress(bucket.objects.pop(f"sets/toy/{name}")[0]))
    assert same(read_collection(address), toy)


def test_splits(bucket, toy, tmp_path):
    address = put(bucket, {"train": toy, "test": toy}, tmp_path / "shared")
    assert splits_of(address) == splits_of(tmp_path / "shared") == ("test", "train")
    assert read_splits(address).keys() == {"train", "test"}
    assert same(load_collection(address, split="test"), load_collection(tmp_path / "shared", split="test"))
    with pytest.raises(
        InputError, match=r"^s3://bucket/sets/shared has no split 'dev'; its splits are test, train$"
    ):
        load_collection(address, split="dev")
    for name in ("train", "dev"):
        write_collection(toy, tmp_path / "apart" / name)
    bucket.put_folder(tmp_path / "apart", "apart")
    whole = load_splits(bucket.address("apart"))
    assert whole.keys() == {"train", "dev"}
    assert same(whole["dev"], load_collection(tmp_path / "apart", split="dev"))
    bucket.asked.clear()
    assert load_collection(bucket.address("apart/dev")).documents.equals(toy.documents)
    assert all(key.startswith("apart/dev/") for key in bucket.read_keys())


def test_what_has_changed_or_is_lost_is_copied_anew(bucket, toy, tmp_path):
    address = put(bucket, toy, tmp_path / "toy", "jsonl")
    read_collection(address)
    text = bucket.objects["sets/toy/corpus.jsonl"][0]
    bucket.put("sets/toy/corpus.jsonl", text.replace(b"archives", b"ARCHIVES"))
    found = read_collection(address).documents["text"].to_pylist()
    assert "tar unpacks ARCHIVES" in found
    bucket.asked.clear()
    for path in (default_cache() / "fetched").rglob("queries.jsonl"):
        path.unlink()
    assert read_collection(address).documents["text"].to_pylist() == found
    assert len(bucket.read_keys()) >= 4


def test_messages_name_the_address(bucket, toy, tmp_path):
    address = put(bucket, toy, tmp_path / "toy", "jsonl")
    bucket.put("sets/toy/qrels.tsv", b"query-id\tcorpus-id\tscore\nunpack\tnowhere\t1\n")
    with pytest.raises(InputError, match=r"s3://bucket/sets/toy.*nowhere") as caught:
        read_collection(address)
    assert str(tmp_path) not in str(caught.value)
    del bucket.objects["sets/toy/qrels.tsv"]
    with pytest.raises(InputError, match=r"^s3://bucket/sets/toy has no judgments"):
        read_collection(address)
    for missing in (bucket.address("nowhere"), bucket.address("sets/toy", bucket="other")):
        with pytest.raises(InputError, match=r"is not there, or is not a collection: it has no corpus.jsonl"):
            load_collection(missing)


def test_a_copy_is_whole_or_absent(bucket, toy, tmp_path, monkeypatch):
    address = put(bucket, toy, tmp_path / "toy", "parquet")
    plain, calls = Store.copy, []

    def copy(self, name, to):
        calls.append(name)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        plain(self, name, to)

    monkeypatch.setattr(Store, "copy", copy)
    with pytest.raises(InputError, match=r"cannot copy s3://bucket/sets/toy to .*No space left.*ISOGLOT_CACHE"):
        read_collection(address)
    assert not [path for path in (default_cache() / "fetched").rglob("*") if path.suffix == ".parquet"]
    assert same(read_collection(address), toy)
    monkeypatch.setattr(Store, "copy", lambda self, name, to: to.write(b"short"))
    bucket.put("sets/toy/qrels.parquet", bucket.objects["sets/toy/qrels.parquet"][0])
    with pytest.raises(InputError, match="has changed while it was copied: call the command again"):
        read_collection(address)


def test_without_a_cache_nothing_stays(bucket, toy, tmp_path, monkeypatch, caplog):
    address = put(bucket, toy, tmp_path / "toy")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    assert same(read_collection(address), toy)
    assert "is copied for this once" in caplog.text
    assert list((tmp_path / "temporary").iterdir()) == []


def test_names_in_a_store_lead_nowhere_else(bucket, toy, tmp_path):
    put(bucket, toy, tmp_path / "toy")
    for key in ("sets/toy/qrels/../../../evil.tsv", "sets/toy/../corpus.parquet", "sets/toy/qrels/a/b.tsv"):
        bucket.put(key, b"x")
    read_collection(bucket.address("sets/toy"))
    assert not [path for path in tmp_path.rglob("*") if path.name in ("evil.tsv", "b.tsv")]


def test_a_local_address_is_its_folder(toy, tmp_path):
    write_collection(toy, tmp_path / "my data", "parquet")
    assert load_collection(f"file://{tmp_path}/my%20data").documents.equals(toy.documents)
    assert not default_cache().exists()


def test_commands_read_from_a_store(bucket, toy, tmp_path, capsys):
    address = put(bucket, toy, tmp_path / "toy")
    for command in (["data", "stats"], ["data", "check"], ["evaluate", "bm25"]):
        outputs = []
        for place in (address, tmp_path / "toy"):
            more = ["--bootstrap", "0", "--quiet"] if command[0] == "evaluate" else []
            assert main([*command, str(place), *more]) == 0
            outputs.append(capsys.readouterr().out.replace(str(place), "PLACE"))
        assert outputs[0] == outputs[1], command
