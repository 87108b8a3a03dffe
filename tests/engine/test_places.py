"""Shards in an object store are those of a folder, byte by byte; what is lost or damaged there is done again."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from engine_helpers import Alone, random_collection
from store_helpers import Bucket

from isoglot import static_encoder
from isoglot.cli import main
from isoglot.collections import Collection, write_collection
from isoglot.encoders import load_encoder
from isoglot.engine import ShardTable, embed_shards, evaluate_on, plan_shards
from isoglot.engine.places import Folder, StoredFolder, place_of
from isoglot.errors import InputError, IsoglotError
from isoglot.evaluation.embed import embed_collection
from isoglot.files import default_cache


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isoglot.engine.encoding.BLOCK", 64)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Go on as another machine would, which has nothing in its cache."""
    machines = iter(range(100))

    def change() -> None:
        monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / f"machine-{next(machines)}"))

    change()
    return change


def fill(collection: Collection, model, folder: str | Path) -> tuple[ShardTable, list[int]]:
    """Embed into a folder; return the table, and which blocks were encoded for it."""
    workers = Alone()
    plan = plan_shards(model, collection, {}, order="row")
    return embed_shards(model, collection, folder, workers, plan, {}), workers.encoded  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def embedded():
    collection = random_collection(30)
    model = static_encoder(collection, dimensions=6, vocabulary=150)
    return collection, model, embed_collection(model, collection)[2]


def flip(bucket: Bucket, key: str) -> None:
    content = bytearray(bucket.objects[key][0])
    content[len(content) // 2] ^= 1
    bucket.put(key, bytes(content))


def test_a_store_holds_what_a_folder_does(bucket, embedded, machine, tmp_path):
    collection, model, documents = embedded
    table, encoded = fill(collection, model, bucket.address("some/shards"))
    assert encoded == list(range(11))
    fill(collection, model, tmp_path / "shards")
    files = {path.name: path.read_bytes() for path in (tmp_path / "shards").iterdir()}
    assert {key.rpartition("/")[2]: content for key, content in bucket.under("some/shards/").items()} == files
    assert len(files) == 12
    bucket.asked.clear()
    np.testing.assert_array_equal(table[0 : len(table)], documents)
    assert bucket.read_keys() == []  # what a machine has written it need not read
    machine()
    again, encoded = fill(collection, model, bucket.address("some/shards"))
    assert encoded == []
    np.testing.assert_array_equal(again[0 : len(again)], documents)
    read = pa.concat_tables(
        [pa.ipc.open_file(io.BytesIO(files[name])).read_all() for name in sorted(files) if name.endswith(".arrow")]
    )
    assert read["_id"].to_pylist() == collection.documents["_id"].to_pylist()


def test_what_is_damaged_in_a_store_is_said_and_done_again(bucket, embedded, machine, caplog):
    collection, model, documents = embedded
    address = bucket.address("shards")
    fill(collection, model, address)
    keys = [key for key in bucket.under("shards/") if key.endswith(".arrow")]
    whole = bucket.under("shards/")

    def damage() -> None:
        del bucket.objects[keys[2]]
        bucket.put(keys[4], bucket.objects[keys[4]][0][:-100])

    damage()
    _, encoded = fill(collection, model, address)  # on a machine that has copies of all
    assert encoded == [2, 4]
    assert bucket.under("shards/0") == {key: whole[key] for key in keys}
    damage()
    flip(bucket, keys[7])
    bucket.put("shards/notes.arrow", b"not ours")
    machine()
    caplog.clear()
    table, encoded = fill(collection, model, address)
    assert encoded == [2, 4, 7]
    for name in (keys[4], keys[7], "shards/notes.arrow"):
        assert f"s3://bucket/{name} is damaged: its documents are encoded again" in caplog.text
    assert keys[3] not in caplog.text
    np.testing.assert_array_equal(table[0 : len(table)], documents)
    assert {key: content for key, content in bucket.under("shards/").items() if content} == whole


def test_a_copy_that_is_damaged_is_read_again(bucket, embedded, machine):
    collection, model, documents = embedded
    address = bucket.address("shards")
    fill(collection, model, address)
    copies = sorted((default_cache() / "fetched").rglob("*.arrow"))
    content = bytearray(copies[3].read_bytes())
    content[len(content) // 2] ^= 1
    copies[3].write_bytes(content)
    copies[5].unlink()
    bucket.asked.clear()
    table, encoded = fill(collection, model, address)
    assert encoded == []
    assert {key.rpartition("/")[2] for key in bucket.read_keys()} == {
        "shards.json",
        copies[3].name,
        copies[5].name,
    }
    np.testing.assert_array_equal(table[0 : len(table)], documents)


def test_a_shard_that_is_damaged_meanwhile_is_told(bucket, embedded, machine):
    collection, model, _ = embedded
    table, _ = fill(collection, model, bucket.address("shards"))
    flip(bucket, f"shards/{table.names[1]}")
    machine()
    with pytest.raises(IsoglotError, match=r"s3://bucket/shards/00001-.* damaged: call the command again"):
        table[0 : len(table)]
    assert fill(collection, model, bucket.address("shards"))[1] == [1]


def test_a_machine_that_does_not_see_a_folder_says_so(embedded, tmp_path):
    collection, model, _ = embedded
    table, _ = fill(collection, model, tmp_path / "shards")
    (tmp_path / "shards").rename(tmp_path / "elsewhere")
    with pytest.raises(IsoglotError, match=r"shards/00000-.* is not there.* on machines that all see this place"):
        table[0 : len(table)]


def test_what_a_worker_does_not_see_is_not_taken_for_damaged(embedded, tmp_path, monkeypatch):
    collection, model, _ = embedded
    names = fill(collection, model, tmp_path / "shards")[0].names
    (tmp_path / "shards" / names[1]).rename(tmp_path / "elsewhere")
    monkeypatch.setattr(Folder, "names", lambda self: names)  # as the command's machine lists them
    with pytest.raises(InputError, match=r"shards/00001-.* cannot be read by a worker \(No such file"):
        fill(collection, model, tmp_path / "shards")
    assert (tmp_path / "shards" / names[0]).exists()


def test_shards_of_another_model_are_refused(bucket, embedded, machine):
    collection, model, _ = embedded
    fill(collection, model, bucket.address("shards"))
    other = static_encoder(collection, dimensions=6, vocabulary=150, seed=1)
    with pytest.raises(InputError, match=r"^s3://bucket/shards holds embeddings by another model"):
        fill(collection, other, bucket.address("shards"))
    bucket.put("shards/shards.json", b"[]")
    with pytest.raises(InputError, match=r"^s3://bucket/shards/shards.json is not a list of shards"):
        fill(collection, model, bucket.address("shards"))


def test_shards_become_parquet_as_the_page_says(embedded, tmp_path, monkeypatch):
    collection, model, documents = embedded
    fill(collection, model, tmp_path / "shards" / "KEY")
    page = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n((?:(?!```).)*?write_table.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    read = pq.read_table("embeddings.parquet")
    np.testing.assert_array_equal(np.stack(read["embedding"].to_numpy()), documents)
    assert read["_id"].to_pylist() == collection.documents["_id"].to_pylist()


def test_places(tmp_path, store_keys):
    assert place_of(tmp_path, "k") == place_of(f"file://{tmp_path}", "k") == Folder(tmp_path)
    assert isinstance(place_of("s3://b/x?region=eu-west-1", "k"), StoredFolder)
    with pytest.raises(InputError, match="has credentials in it"):
        place_of("s3://key:secret@b/x", "k")


CHILD = """
import sys
import isoglot.engine.encoding as encoding
from engine_helpers import Alone
from isoglot.collections import read_collection
from isoglot.encoders import load_encoder
from isoglot.engine import embed_shards, plan_shards

encoding.BLOCK = 64
collection, model = read_collection(sys.argv[1]), load_encoder(sys.argv[2], device="cpu")
embed_shards(model, collection, sys.argv[3], Alone(), plan_shards(model, collection, {}, order="row"), {})
"""


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_was(bucket, machine, tmp_path, monkeypatch):
    collection = random_collection(31, documents=3000)
    write_collection(collection, tmp_path / "data")
    static_encoder(collection, dimensions=6, vocabulary=150).save(str(tmp_path / "model"))
    monkeypatch.setenv("PYTHONPATH", ":".join([str(Path(__file__).parent), *filter(None, sys.path)]))
    address = bucket.address("shards")
    child = [sys.executable, "-c", CHILD, str(tmp_path / "data"), str(tmp_path / "model"), address]
    with subprocess.Popen(child) as driver:
        until = time.monotonic() + 240
        while len(bucket.under("shards/0")) < 3:
            assert driver.poll() is None
            assert time.monotonic() < until
            time.sleep(0.001)
        driver.kill()
    time.sleep(0.5)  # for what the server still had to answer
    finished = bucket.under("shards/0")
    bucket.asked.clear()
    machine()
    model = load_encoder(str(tmp_path / "model"), device="cpu")
    table, encoded = fill(collection, model, address)
    assert 3 <= len(finished) < table.plan.blocks
    blocks = {int(key.rpartition("/")[2][:5]) for key in finished}
    assert not blocks & set(encoded)
    assert len(blocks) + len(encoded) == table.plan.blocks
    assert not [key for method, key, _ in bucket.asked if method in ("PUT", "POST", "DELETE") and key in finished]
    np.testing.assert_array_equal(table[0 : len(table)], embed_collection(model, collection)[2])


@pytest.mark.slow
def test_commands_on_workers_with_everything_in_a_store(workers, bucket, tmp_path, monkeypatch, capsys):
    """The result is that of one process and folders though a worker is killed; what is kept is not done again."""
    for module in ("engine", "mine"):
        monkeypatch.setattr(f"isoglot.cli.{module}.started_workers", lambda *_: nullcontext(workers))
    collection = random_collection(32, documents=1500)
    write_collection({"train": collection, "test": collection}, tmp_path / "data", "parquet")
    bucket.put_folder(tmp_path / "data", "data")
    model = tmp_path / "model"
    static_encoder(collection, dimensions=6, vocabulary=150).save(str(model))
    plain = ["evaluate", str(model), str(tmp_path / "data"), "--bootstrap", "20", "--quiet"]
    assert main([*plain, "--json", str(tmp_path / "local.json")]) == 0
    over = Event()

    def kill() -> None:
        while not over.wait(0.01):
            if any("/0" in key for key in bucket.under("kept/shards/")):
                ray.kill(workers.actors[0])
                return

    killer = Thread(target=kill)
    killer.start()
    on_store = [bucket.address("data") if word == plain[2] else word for word in plain]
    more = ["--engine", "ray", "--cache", bucket.address("kept")]
    try:
        assert main([*on_store, *more, "--json", str(tmp_path / "store.json")]) == 0
    finally:
        over.set()
        killer.join()
    left, right = (result_files(tmp_path / out) for out in ("local.json", "store.json"))
    np.testing.assert_equal(right, left)
    shards = [key for key in bucket.under("kept/shards/") if key.endswith(".arrow")]
    assert len({key.rpartition("/")[2][:5] for key in shards}) == 24
    bucket.asked.clear()
    mined = ["mine", str(model), "--negatives", "2", "--margin", "0.02"]
    assert main([*mined, str(tmp_path / "data"), "--out", str(tmp_path / "local")]) == 0
    assert main([*mined, bucket.address("data"), "--out", str(tmp_path / "store"), *more]) == 0
    assert not [key for method, key, _ in bucket.asked if method in ("PUT", "POST") and key.endswith(".arrow")]
    texts = [(tmp_path / out / "queries.jsonl").read_text(encoding="utf-8") for out in ("local", "store")]
    assert texts[0] == texts[1]
    assert "negatives" in texts[0]
    assert "secret" not in "".join(capsys.readouterr())


def result_files(path: Path) -> tuple[dict, dict]:
    content = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("seconds", "made")}
    return content, pq.read_table(path.with_suffix(".queries.parquet")).to_pydict()


@pytest.mark.slow
def test_what_goes_wrong_in_a_store_is_said_as_on_disk(workers, bucket, tmp_path, embedded):
    collection, model, _ = embedded
    with pytest.raises(InputError, match=r"cannot write s3://other/kept/shards/.*NO_SUCH_BUCKET"):
        evaluate_on(workers, model, collection, bootstrap=0, cache=bucket.address("kept", bucket="other"))
