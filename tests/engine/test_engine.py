"""Several processes give what one gives, bit by bit, though they are killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pyarrow as pa
import pytest
import ray
from engine_helpers import assert_same, random_collection

from isoglot import static_encoder
from isoglot.collections import write_collection
from isoglot.encoders import load_encoder
from isoglot.engine import Workers, embed_shards, evaluate_on, mine_on, plan_shards, start_workers
from isoglot.engine.cluster import SETTINGS, _divide
from isoglot.engine.encoding import embed_queries, share_encoder
from isoglot.errors import InputError, IsoglotError
from isoglot.evaluation import evaluate, evaluate_embeddings, mine_hard_negatives
from isoglot.evaluation.embed import embed_collection

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isoglot.engine.encoding.BLOCK", 64)


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the blocks of documents that are given out to be encoded, as they are given out."""
    given: list[int] = []
    plain = Workers.map

    def told(self, work, shared, pieces):
        def watched():
            for piece in pieces:
                if work.__name__ == "_encode_block":
                    given.append(piece[0])
                yield piece

        return plain(self, work, shared, watched())

    monkeypatch.setattr(Workers, "map", told)
    return given


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "options"),
    [
        (0, {}),
        (1, {"rank_correlation": False, "memory": 30_000, "measures": ["AP", "R@5"]}),
        (2, {"fair": "fuse"}),
        (3, {"pool_languages": "own,en", "without_own_answer": True}),
        (4, {"truncate_dim": 3, "query_prompt": "sun ", "document_prompt": "sea "}),
    ],
)
def test_results_are_those_of_one_process(workers, small_shards, tmp_path, seed, options):
    collection = random_collection(seed)
    model = static_encoder(collection, dimensions=6, vocabulary=150, seed=seed)
    local = evaluate(model, collection, bootstrap=20, **options)
    assert_same(local, evaluate_on(workers, model, collection, bootstrap=20, cache=tmp_path, **options))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "options"),
    [(14, {}), (15, {"memory": 6000 * 4 * 10}), (16, {"memory": 1, "ignore_identical_ids": False})],
)
def test_counts_of_shards_add_up_to_the_ranks_of_the_pool(workers, tmp_path, monkeypatch, seed, options):
    """Many texts come again in other shards, and a language goes on from one shard to the next."""
    monkeypatch.setattr("isoglot.engine.encoding.BLOCK", 2048)
    collection = random_collection(seed, documents=6000, ids=4 if options.get("memory") == 1 else 30)
    model = static_encoder(collection, dimensions=6, vocabulary=150, seed=seed)
    options = {**options, "rank_correlation": False, "bootstrap": 0}
    local = evaluate(model, collection, **options)
    assert_same(local, evaluate_on(workers, model, collection, cache=tmp_path, **options))


@pytest.mark.slow
def test_a_transformer_s_embeddings_agree_and_ranks_are_exact(workers, small_shards, tmp_path, pretrained_folders):
    collection = random_collection(17, documents=200)
    model = load_encoder(str(pretrained_folders["mbert"]), device="cpu")
    rows, queries, documents = embed_collection(model, collection)
    result = evaluate_on(workers, model, collection, bootstrap=0, cache=tmp_path)
    (folder,) = (tmp_path / "shards").iterdir()
    found = pa.concat_tables([pa.ipc.open_file(path).read_all() for path in sorted(folder.glob("*.arrow"))])
    table = np.stack(found["embedding"].to_numpy())[np.argsort(found["row"].to_numpy())]
    np.testing.assert_allclose(table, documents, atol=1e-5)
    with share_encoder(model, collection, workers, {}) as encoder:
        asked = embed_queries(encoder, collection, rows, workers)
    np.testing.assert_allclose(asked, queries, atol=1e-5)
    local = evaluate_embeddings(
        asked, table, collection, bootstrap=0, keep_embeddings=True
    )  # not to unit length again
    for name, values in local.per_query.items():
        np.testing.assert_array_equal(result.per_query[name], values, err_msg=name)


@pytest.mark.slow
def test_shards_hold_the_embeddings_with_their_ids(workers, small_shards, tmp_path):
    collection = random_collection(5)
    model = static_encoder(collection, dimensions=6, vocabulary=150)
    _, _, documents = embed_collection(model, collection)
    plan = plan_shards(model, collection, {}, order="row")
    table = embed_shards(model, collection, tmp_path, workers, plan, {})
    assert table.shape == documents.shape
    np.testing.assert_array_equal(table[0 : len(table)], documents)
    np.testing.assert_array_equal(table[60:70], documents[60:70])
    np.testing.assert_array_equal(table[np.array([699, 3, 64])], documents[[699, 3, 64]])
    read = pa.concat_tables([pa.ipc.open_file(path).read_all() for path in sorted(tmp_path.glob("*.arrow"))])
    assert read["_id"].to_pylist() == collection.documents["_id"].to_pylist()
    assert read["row"].to_pylist() == list(range(700))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["language", "any"])
def test_hard_negatives_are_those_of_one_process(workers, small_shards, tmp_path, where):
    collection = random_collection(6)
    model = static_encoder(collection, dimensions=6, vocabulary=150)
    options = {"where": where, "margin": 0.02, "memory": 30_000}
    local = mine_hard_negatives(model, collection, **options)
    found = mine_on(workers, model, collection, cache=tmp_path, **options)
    for name in ("offsets", "documents", "scores"):
        np.testing.assert_array_equal(getattr(found, name), getattr(local, name))
    assert len(local.documents)


def slowly(piece: int) -> tuple[int, int]:
    time.sleep(0.05)
    return piece, piece * piece


@pytest.mark.slow
def test_work_of_killed_workers_is_done_again(workers):
    killed = []
    found = {}
    for piece, square in workers.map(slowly, [], range(60)):
        found[piece] = square
        if piece in (5, 15, 25, 35, 45):
            actor = workers.actors[len(killed) % 2]
            killed.append(ray.get(actor.process.remote()))
            os.kill(killed[-1], signal.SIGKILL)
    assert len(killed) == 5
    assert found == {piece: piece * piece for piece in range(60)}


@pytest.mark.slow
def test_results_are_the_same_while_workers_are_killed(workers, small_shards, tmp_path):
    collection = random_collection(7, documents=6000, ids=60)
    model = static_encoder(collection, dimensions=6, vocabulary=150)
    local = evaluate(model, collection, bootstrap=0)
    over, kills = Event(), []

    def kill() -> None:
        while len(kills) < 5 and not over.wait(0.1):
            ray.kill(workers.actors[len(kills) % 2])
            kills.append(time.monotonic())

    killer = Thread(target=kill)
    killer.start()
    try:
        result = evaluate_on(workers, model, collection, bootstrap=0, cache=tmp_path, memory=1 << 20)
    finally:
        over.set()
        killer.join()
    assert len(kills) == 5
    assert_same(local, result)


@pytest.mark.slow
def test_what_is_finished_is_not_done_again_and_what_is_damaged_is(workers, small_shards, tmp_path, pieces, caplog):
    collection = random_collection(8)
    model = static_encoder(collection, dimensions=6, vocabulary=150)
    plan = plan_shards(model, collection, {})
    first = embed_shards(model, collection, tmp_path, workers, plan, {})
    before = first[0 : len(first)].copy()
    assert sorted(pieces) == list(range(plan.blocks)) == list(range(11))
    files = sorted(tmp_path.glob("*.arrow"))
    files[2].unlink()
    files[4].write_bytes(files[4].read_bytes()[:-100])
    content = bytearray(files[7].read_bytes())
    content[len(content) // 2] ^= 1
    files[7].write_bytes(content)
    pieces.clear()
    again = embed_shards(model, collection, tmp_path, workers, plan, {})
    assert sorted(pieces) == [2, 4, 7]
    assert "is damaged: its documents are encoded again" in caplog.text
    np.testing.assert_array_equal(again[0 : len(again)], before)
    pieces.clear()
    embed_shards(model, collection, tmp_path, workers, plan, {})
    assert pieces == []


CHILD = """
import sys
import isoglot.engine.encoding as encoding
from isoglot.collections import read_collection
from isoglot.encoders import load_encoder
from isoglot.engine import embed_shards, plan_shards, start_workers

encoding.BLOCK = 64
collection, model = read_collection(sys.argv[1]), load_encoder(sys.argv[2], device="cpu")
with start_workers(2) as workers:
    embed_shards(model, collection, sys.argv[3], workers, plan_shards(model, collection, {}), {})
"""


@pytest.mark.slow
def test_a_killed_driver_goes_on_where_it_was(workers, small_shards, tmp_path, pieces):
    collection = random_collection(9, documents=20_000)
    write_collection(collection, tmp_path / "data")
    static_encoder(collection, dimensions=6, vocabulary=150).save(str(tmp_path / "model"))
    shards = tmp_path / "shards"
    command = [sys.executable, "-c", CHILD, *(str(tmp_path / name) for name in ("data", "model", "shards"))]
    # the cluster of these tests is not the child's
    driver = subprocess.Popen(command, env={k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"})
    until = time.monotonic() + 240
    while len(list(shards.glob("*.arrow"))) < 5:
        assert driver.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    driver.kill()
    driver.wait()
    model = load_encoder(str(tmp_path / "model"), device="cpu")
    plan = plan_shards(model, collection, {})
    time.sleep(3)  # workers of a driver that is gone end by themselves
    finished = {path: path.stat().st_mtime_ns for path in shards.glob("*.arrow")}
    assert 5 <= len(finished) < plan.blocks
    table = embed_shards(model, collection, shards, workers, plan, {})
    assert not {int(path.name[:5]) for path in finished} & set(pieces)
    assert len(finished) + len(pieces) == plan.blocks
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    local = embed_collection(model, collection)[2]
    np.testing.assert_array_equal(
        table[0 : len(table)], local[np.argsort(collection.document_language, kind="stable")]
    )


@pytest.mark.slow
def test_shards_of_another_model_are_refused(workers, small_shards, tmp_path):
    collection = random_collection(10, documents=100)
    models = [static_encoder(collection, dimensions=6, vocabulary=150, seed=seed) for seed in (0, 1)]
    embed_shards(models[0], collection, tmp_path, workers, plan_shards(models[0], collection, {}), {})
    for model, how in ((models[1], {}), (models[0], {"document_prompt": "sea "}), (models[0], {"truncate_dim": 3})):
        with pytest.raises(InputError, match="holds embeddings by another model"):
            embed_shards(model, collection, tmp_path, workers, plan_shards(model, collection, how), how)
    other = random_collection(11, documents=100)
    with pytest.raises(InputError, match="holds embeddings by other documents"):
        embed_shards(models[0], other, tmp_path, workers, plan_shards(models[0], other, {}), {})


@pytest.mark.slow
def test_what_goes_wrong_on_a_worker_is_said_as_here(workers, tmp_path):
    collection = random_collection(12, documents=50)
    model = static_encoder(collection, dimensions=6, vocabulary=150)
    model[0].embedding.weight.data[:] = np.nan
    with pytest.raises(InputError, match="embeddings of the queries of random 12 are NaN or infinite"):
        evaluate_on(workers, model, collection, cache=tmp_path)


def die(piece: int) -> None:
    os._exit(1)


@pytest.mark.slow
def test_work_that_kills_every_worker_ends(workers, monkeypatch):
    monkeypatch.setattr("isoglot.engine.cluster.RETRIES", 1)
    with pytest.raises(IsoglotError, match="workers were lost 2 times at one piece of work"):
        list(workers.map(die, [], [0]))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:9", r"no Ray cluster answers at 127.0.0.1:9 \(.*\): start one there"),
        ("127.0.0.1:99999", "no Ray cluster answers"),
        ("ray://head:10001", "give HOST:PORT, as ray start --head shows it"),
        ("auto", "give HOST:PORT"),
    ],
)
def test_addresses_at_which_no_cluster_is(address, told, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(InputError, match=told), start_workers(2, address=address):
        pass


def test_a_start_that_fails_is_tried_again_and_then_said(monkeypatch):
    tries = []

    def fail(*_, **__):
        tries.append(1)
        raise Exception("The current node timed out during startup.")

    for name, value in (("is_initialized", lambda: False), ("shutdown", lambda: None), ("init", fail)):
        monkeypatch.setattr(ray, name, value)
    told = "Ray could not be started on this machine: The current node timed out"
    with pytest.raises(IsoglotError, match=told), start_workers(2):
        pass
    assert len(tries) == 3


def test_workers_that_wait_for_processors_of_others_are_told_of(workers, monkeypatch, caplog):
    monkeypatch.setattr("isoglot.engine.cluster.PATIENCE", 1)
    with caplog.at_level("WARNING"), start_workers(1):  # the two that run have half of the processors each
        pass
    assert "1 of 1 workers wait for" in caplog.text
    assert "others seem to hold those of the Ray cluster, which has" in caplog.text
    assert len(set(workers.map(_process, (), range(8)))) == 2  # which work on


def _process(_: int) -> int:
    return os.getpid()


CPUS, CARDS = [{"CPU": 4.0}, {"CPU": 4.0}, {"CPU": 2.0}, {}], [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 4.0, "GPU": 2.0}]


@pytest.mark.parametrize(
    ("machines", "workers", "expected"),
    [
        (CPUS, None, (10, 1, False)),
        (CPUS, 4, (4, 2, False)),
        (CPUS, 2, (2, 4, False)),  # five processors each are ten, but on no machine
        (CPUS, 1, (1, 4, False)),
        (CARDS, None, (3, 2, True)),  # two on the second machine
        (CARDS, 2, (2, 4, True)),
        (CARDS, 1, (1, 8, True)),
    ],
)
def test_workers_fit_on_the_machines(machines, workers, expected):
    assert _divide(machines, workers) == expected


@pytest.mark.parametrize(
    ("machines", "workers", "told"),
    [
        (CPUS, 11, "11 workers .*: the cluster has 10 processors$"),
        (CARDS, 4, "12 processors and 3 GPUs"),
        ([{"CPU": 8.0}, {"GPU": 1.0}], 1, "8 processors and 1 GPUs, .* for 0 workers"),  # on different machines
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 1.0, "GPU": 2.0}], None, "4 workers .* for 3 workers at most$"),
        ([{}], None, "0 processors"),
        ([], 2, "0 processors"),
    ],
)
def test_workers_that_fit_on_no_machines_are_refused(machines, workers, told):
    with pytest.raises(InputError, match=told):
        _divide(machines, workers)


def test_a_signal_is_heard_by_who_heard_it_before_ray_was_started(workers):
    """So that a command ends by SIGTERM as it does without workers (tests/cli/test_signals.py)."""
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_more_workers_than_processors(workers):
    with pytest.raises(InputError, match="100 workers need as many processors"), start_workers(100):
        pass
    assert all(os.environ[key] == value for key, value in SETTINGS.items())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"trec_run": Path("run")}, "--trec-run"),
        ({"keep_embeddings": True}, "keep_embeddings needs everything in one process"),
        ({"device": "cuda:1"}, "a worker takes its own GPU"),
        ({"dtype": "float8"}, "no precision"),
    ],
)
def test_what_workers_cannot_do_is_refused(options, told):
    collection = random_collection(13, documents=20, ids=3)
    model = static_encoder(collection, dimensions=6, vocabulary=150)
    with pytest.raises(InputError, match=told):
        evaluate_on(Workers(object, 0, False), model, collection, **options)
