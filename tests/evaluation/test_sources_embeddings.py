"""Embeddings from files are those of the collection's texts, in its order, or refused."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evaluation_helpers import judge, make_collection, parallel_collection

from isoglot.errors import InputError
from isoglot.evaluation import evaluate_embeddings, rank_scores, read_embeddings, result_of_ranks
from isoglot.evaluation.embed import unit_rows

COLLECTION = make_collection(0, ids=10, documents=25)
IDS, TAGS = (COLLECTION.queries[name].to_pylist() for name in ("_id", "lang"))
DOCUMENTS = COLLECTION.documents["_id"].to_pylist()
RNG = np.random.default_rng(0)
Q = RNG.standard_normal((len(IDS), 5)).astype(np.float32)
D = RNG.standard_normal((25, 5)).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    """Arrays in the collection's order."""
    np.save(tmp_path / "q.npy", Q)
    np.save(tmp_path / "d.npy", D)
    return tmp_path / "q.npy", tmp_path / "d.npy"


def save_parquet(path, ids, rows, tags=None, fixed=False):
    kind = pa.list_(pa.float32(), rows.shape[1]) if fixed else pa.list_(pa.float32())
    columns = {"_id": ids, "embedding": pa.array(list(rows), kind)}
    pq.write_table(pa.table(columns if tags is None else {**columns, "lang": tags}), path)


def assert_right(paths):
    queries, documents = read_embeddings(*paths, COLLECTION)
    np.testing.assert_array_equal(documents, D)
    np.testing.assert_array_equal(queries, Q if len(queries) == len(Q) else Q[COLLECTION.judged_query_rows()])
    found, expected = (
        evaluate_embeddings(q, d, COLLECTION, bootstrap=0) for q, d in ((queries, documents), (Q, D))
    )
    assert found.multilingual == expected.multilingual


def test_rows_in_the_order_of_the_collection(files):
    assert_right(files)


def test_rows_named_by_a_file_of_ids(files):
    order, judged = np.random.default_rng(1).permutation(25), COLLECTION.judged_query_rows()[::-1]
    np.save(files[0], Q[judged])
    np.save(files[1], D[order])
    files[0].with_suffix(".ids").write_text("".join(f"{IDS[at]}\t{TAGS[at]}\n" for at in judged))
    files[1].with_suffix(".ids").write_text("\r\n".join(DOCUMENTS[at] for at in order))
    assert_right(files)


@pytest.mark.parametrize("fixed", [False, True])
def test_parquet(tmp_path, fixed):
    order = np.random.default_rng(1).permutation(len(Q))
    tags = [TAGS[at].upper() for at in order]
    save_parquet(tmp_path / "q.parquet", [IDS[at] for at in order], Q[order], tags, fixed)
    save_parquet(tmp_path / "d.parquet", DOCUMENTS[::-1], D[::-1], fixed=fixed)
    assert_right((tmp_path / "q.parquet", tmp_path / "d.parquet"))


def refused(paths) -> str:
    with pytest.raises(InputError) as caught:
        read_embeddings(*paths, COLLECTION)
    return str(caught.value)


def test_files_without_ids_need_as_many_rows_as_there_are_texts(files):
    np.save(files[1], D[:-1])
    assert "d.npy has 24 rows, random has 25 documents" in refused(files)
    np.save(files[1], D)
    np.save(files[0], Q[:3])
    assert "q.npy has 3 rows, random has" in refused(files)


def test_ids_that_are_missing_unknown_or_repeated(files):
    ids = files[1].with_suffix(".ids")
    cases = {
        "d.npy lacks the embeddings of 2 of 25 documents: 'd23', 'd24'": (DOCUMENTS[:-2], D[:-2]),
        "d.npy has 1 embeddings of no document of random: 'moon'": (
            [*DOCUMENTS, "moon"],
            np.concatenate([D, D[:1]]),
        ),
        "d.npy has 2 ids twice: 'd0', 'd1'": ([*DOCUMENTS, "d0", "d1"], np.concatenate([D, D[:2]])),
        "d.npy has 25 rows, but its ids file 24 lines": (DOCUMENTS[:-1], D),
        "d.ids line 3: expected an id, found ''": (["d0", "d1", "", *DOCUMENTS[3:]], D),
    }
    for message, (names, rows) in cases.items():
        ids.write_text("".join(f"{name}\n" for name in names))
        np.save(files[1], rows)
        assert message in refused(files)
    ids.write_bytes(b"d\xff\n")
    assert "d.ids: invalid UTF-8" in refused(files)


def test_queries_need_their_language_where_they_have_versions(tmp_path, files):
    path = tmp_path / "q.parquet"
    save_parquet(path, IDS, Q)
    assert "has versions in" in refused((path, files[1]))
    save_parquet(path, IDS, Q, ["sw"] * len(IDS))
    assert "embeddings of no query of random" in refused((path, files[1]))
    save_parquet(path, IDS[1:], Q[1:], TAGS[1:])
    assert f"q.parquet lacks the embeddings of 1 of {len(COLLECTION.judged_query_rows())} queries: '{IDS[0]}@" in (
        refused((path, files[1]))
    )
    save_parquet(path, IDS + IDS[:1], np.concatenate([Q, Q[:1]]), TAGS + TAGS[:1])
    assert f"1 ids twice: '{IDS[0]}@{TAGS[0]}'" in refused((path, files[1]))


def test_values_and_shapes_that_are_refused(files, tmp_path):
    bad = D.copy()
    bad[[3, 7], 1] = np.nan, np.inf
    np.save(files[1], bad)
    assert "d.npy has 2 embeddings with NaN or infinite values: 'd3', 'd7'" in refused(files)
    np.save(files[1], D[:, :4])
    assert "5 dimensions" in refused(files)
    for wrong in (D[0], D.astype(str), np.zeros((25, 0)), D.astype(complex)):
        np.save(files[1], wrong)
        assert "embeddings are numbers" in refused(files)
    np.save(files[1], np.array([{}], object), allow_pickle=True)
    assert "not a readable .npy" in refused(files)
    files[1].write_bytes(b"PAR1")
    assert "not a readable .npy" in refused(files)
    (tmp_path / "d.txt").touch()
    assert "neither a .npy nor a .parquet" in refused((files[0], tmp_path / "d.txt"))
    assert "does not exist" in refused((files[0], tmp_path / "gone.npy"))


def test_parquet_that_is_refused(tmp_path, files):
    path = tmp_path / "d.parquet"
    path.write_bytes(b"nothing")
    assert "not a readable Parquet" in refused((files[0], path))
    cases = {
        "no column 'embedding': it has _id": {"_id": ["a"]},
        "holds double, not lists": {"_id": ["a"], "embedding": [1.0]},
        "embeddings of different dimensions: 1 to 2 (row 1)": {"_id": ["a", "b"], "embedding": [[1.0], [1.0, 2.0]]},
        "rows without _id or embedding": {"_id": ["a"], "embedding": pa.array([None], pa.list_(pa.float32()))},
        "nulls or double": {"_id": ["a"], "embedding": [[1.0, None]]},
    }
    for message, columns in cases.items():
        pq.write_table(pa.table(columns), path)
        assert message in refused((files[0], path))


def test_packed_bits_are_refused_with_the_way_out_which_ranks_by_hamming_distance(files, caplog):
    signs = np.random.default_rng(3).standard_normal((2, 64, 64))
    q, d = (np.packbits(rows > 0, axis=1) for rows in (signs[0][: len(Q)], signs[1][:25]))
    np.save(files[0], q)
    np.save(files[1], d)
    assert "q.npy are uint8: packed bits" in refused(files)
    with pytest.raises(InputError, match="queries are uint8"):
        evaluate_embeddings(q, d, COLLECTION)
    unpacked = [np.unpackbits(e, axis=1) * 2.0 - 1 for e in (q, d)]  # as the message says
    scores = -(unpacked[0][:, None] != unpacked[1][None]).sum(-1).astype(np.float32)
    found = evaluate_embeddings(*unpacked, COLLECTION, bootstrap=0).multilingual
    judged = judge(COLLECTION)
    ranks = rank_scores(scores[judged.query_rows], judged)
    assert found["AP"] == pytest.approx(result_of_ranks(ranks, COLLECTION, bootstrap=0).multilingual["AP"])

    binary = [(e - 128).astype(np.int8) for e in (q, d)]
    for path, table in zip(files, binary, strict=True):
        np.save(path, table)
    read_embeddings(*files, COLLECTION)
    assert "precision='binary'" in caplog.text
    again = np.unpackbits((binary[0].astype(int) + 128).astype("uint8"), axis=1) * 2.0 - 1  # as the warning says
    np.testing.assert_array_equal(again, unpacked[0])


@pytest.mark.parametrize("form", ["int8", "float16", "bfloat16", "float64"])
def test_numbers_of_every_precision_are_measured_as_they_are(files, form):
    wide = [np.round(table * 20) for table in (Q, D)]  # which int8, bfloat16 and float16 hold exactly
    for path, table in zip(files, wide, strict=True):
        if form == "bfloat16":
            upper = (table.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
            np.save(path, upper.view("V2"))
        else:
            np.save(path, table.astype(form))
    found = evaluate_embeddings(*read_embeddings(*files, COLLECTION), COLLECTION, bootstrap=0)
    assert found.multilingual == evaluate_embeddings(*wide, COLLECTION, bootstrap=0).multilingual


@pytest.mark.parametrize(("scale", "form"), [(1e-25, "float32"), (1e-200, "float64"), (1e25, "float32")])
def test_lengths_that_fp32_cannot_square_are_lengths_all_the_same(scale, form):
    expected = evaluate_embeddings(Q, D, COLLECTION, bootstrap=0)
    small = evaluate_embeddings((Q * np.array(scale, form)).astype(form), D, COLLECTION, bootstrap=0)
    assert small.multilingual["AP"] == pytest.approx(expected.multilingual["AP"])
    shuffled = unit_rows((D * np.array(scale, form)).astype(form), "documents", 25, np.arange(25)[::-1])
    np.testing.assert_allclose(shuffled[::-1], unit_rows(D, "documents", 25), rtol=1e-5)


def test_embeddings_that_are_zero_are_told_of(caplog):
    rows = D.copy()
    rows[[4, 9]] = 0
    evaluate_embeddings(Q, rows, COLLECTION, bootstrap=0)
    assert "2 of 25 embeddings of documents are zero (first: row 4)" in caplog.text


@pytest.mark.parametrize("head", ["", "\ufeff", "docid\n", "\ufeff_id\n"])
def test_ids_as_others_write_them(files, head):
    content = (head + "".join(f"{name}\n" for name in DOCUMENTS)).encode()
    for ending, written in (
        (".ids.gz", gzip.compress(content)),
        (".ids", gzip.compress(content)),
        (".ids", content),
    ):
        files[1].with_suffix(ending).write_bytes(written)
        assert_right(files)


def test_ids_in_parquet_that_are_no_text_are_refused(tmp_path):
    bad = pa.array([b"\xe4"], pa.binary()).view(pa.string())
    table = pa.table({"_id": bad, "embedding": pa.array([[1.0, 0.0]])})
    pq.write_table(table, tmp_path / "q.parquet")
    with pytest.raises(InputError, match=r"q\.parquet: the column '_id' holds text that is not UTF-8"):
        read_embeddings(tmp_path / "q.parquet", tmp_path / "q.parquet", parallel_collection(languages=2))
