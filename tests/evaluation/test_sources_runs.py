"""Run files: read ones give what trec_eval gives, written ones give trec_eval what we give, bad ones are named."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import ir_measures
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evaluation_helpers import judge, make_collection, parallel_collection
from hypothesis import given, settings
from hypothesis import strategies as st

import isoglot
from isoglot.collections import Collection, collection_from_rows, write_collection
from isoglot.errors import InputError
from isoglot.evaluation import DEFAULT_MEASURES, compare_results, evaluate_embeddings, evaluate_run
from isoglot.evaluation.keys import order_keys
from isoglot.evaluation.sources import run_reading
from isoglot.evaluation.sources.run_reading import RunEntries, read_run
from isoglot.evaluation.sources.run_writing import falling_scores
from isoglot.evaluation.sources.runs import ranks_of_run
from isoglot.reporting.prose import result_sentences

MEASURES = [ir_measures.parse_measure(name) for name in DEFAULT_MEASURES]


def embeddings_of(collection: Collection, ties: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    documents = rng.standard_normal((collection.documents.num_rows, 8))
    if ties:
        documents[::3] = documents[0]
    return rng.standard_normal((len(collection.query_index), 8)), documents


def trec_eval(run: Path, qrels: Path) -> dict[str, float]:
    found = ir_measures.calc_aggregate(
        MEASURES, list(ir_measures.read_trec_qrels(str(qrels))), list(ir_measures.read_trec_run(str(run)))
    )
    return {str(measure): value for measure, value in found.items()}


def lines_of(collection: Collection, seed: int = 0, depth: int = 1000, keep: float = 1.0) -> list[list[str]]:
    """Random rankings of all documents, cut at a depth, of some share of the queries."""
    rng = np.random.default_rng(seed)
    lines = []
    for query, tag in zip(*(collection.queries[name].to_pylist() for name in ("_id", "lang")), strict=True):
        if rng.random() > keep:
            continue
        order = rng.permutation(collection.documents.num_rows)[: rng.integers(1, depth + 1)]
        for place, at in enumerate(order):
            document = str(collection.documents["_id"][int(at)])
            lines.append([f"{query}@{tag}", "Q0", document, str(place + 1), repr(9.5 - place / 7), "some-system"])
    rng.shuffle(lines)
    return lines


def write(path: Path, lines: list[list[str]]) -> Path:
    path.write_text("".join(" ".join(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("ties", [False, True])
def test_written_runs_give_ir_measures_our_numbers(tmp_path, ties):
    collection = make_collection(3, languages=4, ids=15, documents=120)
    result = evaluate_embeddings(*embeddings_of(collection, ties), collection, bootstrap=0, trec_run=tmp_path / "r")
    folder = tmp_path / "r"
    found = trec_eval(folder / "multilingual.run", folder / "multilingual.qrels")
    for name in DEFAULT_MEASURES:
        assert found[name] == pytest.approx(result.multilingual[name], abs=1e-6)
    assert len(list(folder.glob("*.run"))) == len(list(folder.glob("*.qrels"))) == len(result.pairs) + 1
    for pair in result.pairs:
        stem = f"{pair['query_lang']}-{pair['doc_lang']}"
        found = trec_eval(folder / f"{stem}.run", folder / f"{stem}.qrels")
        for name in DEFAULT_MEASURES:
            assert found[name] == pytest.approx(pair[name], abs=1e-6), (stem, name)
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize("ties", [False, True])
def test_a_run_of_full_depth_is_the_model_that_wrote_it(tmp_path, ties):
    collection = make_collection(1, languages=4, ids=15, documents=90)
    result = evaluate_embeddings(
        *embeddings_of(collection, ties), collection, bootstrap=30, trec_run=tmp_path, name="a model"
    )
    run = evaluate_run(tmp_path / "multilingual.run", collection, bootstrap=30)
    assert run.model == "a_model"
    assert run.geometry is None
    assert run.bias.pop("unretrieved") == 0
    assert run.intervals["bias"].pop("unretrieved") == [0, 0]
    for values in run.bias["by_query_language"].values():
        assert values.pop("unretrieved") == 0
    assert run.bias.pop("unranked_queries") == 0
    counted = run.bias.pop("unretrieved_documents")
    assert counted["multilingual"] == {"relevant": len(judge(collection).documents), "unretrieved": 0}
    for part in ("monolingual", "cross_lingual", "multilingual", "bias", "pairs", "intervals"):
        assert getattr(run, part) == getattr(result, part), part
    for name, values in result.per_query.items():
        np.testing.assert_array_equal(run.per_query[name], values)


@given(seed=st.integers(0, 10**6), depth=st.sampled_from([1, 5, 30]), keep=st.sampled_from([0.5, 1.0]))
@settings(max_examples=15, deadline=None)
def test_a_truncated_run_gives_what_trec_eval_gives(tmp_path_factory, seed, depth, keep):
    collection = make_collection(seed)
    folder = tmp_path_factory.mktemp("run")
    lines = lines_of(collection, seed, depth, keep)
    try:
        result = evaluate_run(write(folder / "r.run", lines), collection, bootstrap=0)
    except InputError as error:
        assert "is empty" in str(error) or "no query with a relevant" in str(error)  # noqa: PT017
        return
    judged, language = judge(collection), collection.document_language
    tags = collection.languages
    names = collection.queries["_id"].to_pylist()
    query_tags = collection.queries["lang"].to_pylist()
    qrels = [
        ir_measures.Qrel(f"{names[row]}@{query_tags[row]}", str(collection.documents["_id"][int(d)]), int(gain))
        for row, d, gain in zip(judged.query_rows[judged.queries], judged.documents, judged.gains, strict=True)
    ]
    run = [ir_measures.ScoredDoc(line[0], line[2], float(line[4])) for line in lines]
    tag_of = dict(zip(collection.documents["_id"].to_pylist(), (tags[code] for code in language), strict=True))
    found = ir_measures.calc_aggregate(MEASURES, qrels, run)
    for measure in MEASURES:
        assert result.multilingual[str(measure)] == pytest.approx(found[measure], abs=1e-6)
    for pair in result.pairs:
        of_pair = [
            qrel
            for qrel in qrels
            if qrel.query_id.endswith("@" + pair["query_lang"]) and tag_of[qrel.doc_id] == pair["doc_lang"]
        ]
        filtered = [scored for scored in run if tag_of[scored.doc_id] == pair["doc_lang"]]
        found = ir_measures.calc_aggregate(MEASURES, of_pair, filtered)
        for measure in MEASURES:
            assert pair[str(measure)] == pytest.approx(found[measure], abs=1e-6)


def test_documents_that_are_not_retrieved_count_as_last_of_the_pool(tmp_path, caplog):
    collection = parallel_collection(languages=2, ids=6)  # a pool of 12
    lines = [["q0@de", "Q0", "de0", "1", "2", "x"], ["q0@de", "Q0", "en0", "2", "1", "x"]]
    lines += [["q1@de", "Q0", "en3", "1", "2", "x"], ["q1@de", "Q0", "de1", "1", "1", "x"]]
    result = evaluate_run(write(tmp_path / "r", lines), collection, bootstrap=0)
    per_query = result.per_query
    row = {
        (name, tag): at for at, (name, tag) in enumerate(zip(per_query["query_id"], per_query["lang"], strict=True))
    }
    first, second, other = row["q0", "de"], row["q1", "de"], row["q4", "en"]
    assert per_query["rank_distance"][[first, second, other]].tolist() == [1, 10, 11]
    assert per_query["max_rank"][[first, second, other]].tolist() == [2, 12, 12]
    assert per_query["complete@100"][[first, second, other]].tolist() == [1, 0, 0]  # 100 is beyond the pool of 12
    assert per_query["unretrieved"][[first, second, other]].tolist() == [0, 0.5, 1]
    assert np.isnan(per_query["own_language_share@10"][other])
    assert per_query["own_language_share@10"][second] == 0
    assert per_query["multilingual_AP"][[first, second, other]].tolist() == [1, 0.25, 0]
    assert result.bias["unretrieved"] == pytest.approx((10 + 0.5) / 12)
    assert result.bias["unretrieved_documents"] == {
        "monolingual": {"relevant": 12, "unretrieved": 10},  # de0 and de1 are there
        "cross_lingual": {"relevant": 12, "unretrieved": 11},  # en0 is
        "multilingual": {"relevant": 24, "unretrieved": 21},
    }
    assert result.bias["rank_correlation"] is None
    assert set(result.bias["language_share@10"]) == {"de"}
    said = [record.getMessage() for record in caplog.records]
    assert any("nothing for 10 of 12 judged queries" in text for text in said)
    assert any("87.5 % of the relevant documents" in text for text in said)


@pytest.mark.parametrize("depth", [0, 3])
def test_a_run_that_finds_nothing_is_never_the_fairest(tmp_path, depth):
    collection = parallel_collection(languages=3, ids=12)
    worst = ["q0@de Q0 de11 1 3 x", "q0@de Q0 en11 2 2 x"]
    if depth:  # every query gets documents, none of them relevant
        versions = list(zip(*(collection.queries[name].to_pylist() for name in ("_id", "lang")), strict=True))
        worst = [
            f"{query}@{tag} Q0 {to}{(int(query[1:]) + 1) % 12} {place} {-place} x"
            for query, tag in versions
            for place, to in enumerate(("de", "en", "fr"))
        ]
    path = tmp_path / "nothing.run"
    path.write_text("\n".join(worst) + "\n")
    result = evaluate_run(path, collection, bootstrap=20)
    assert result.multilingual["AP"] == 0
    assert result.bias["rank_distance"] == 35
    assert result.bias["max_rank"] == 36
    assert result.bias["complete@10"] == result.bias["peer@10"] == result.bias["peer@100"] == 0
    assert result.bias["recall_gap@10"] is result.bias["recall_gap@100"] is None
    assert result.intervals["bias"]["recall_gap@10"] is None
    assert result.bias["rank_correlation"] is None
    assert result.bias["unranked_queries"] == (0 if depth else 35)
    assert result.macro["bias"]["rank_distance"] == 35

    fair = evaluate_embeddings(*[np.tile(np.eye(12), (3, 1))] * 2, collection, bootstrap=0)
    measures = ["rank_distance", "max_rank", "complete@10", "peer@10", "own_language_share@10"]
    found = {row.measure: row for row in compare_results(fair, result, measures, draws=200)}
    assert {found[name].verdict for name in measures[:4]} == {"worse"}
    # what a run shows may be of all languages alike, though none of it is an answer
    assert found["own_language_share@10"].verdict == ("better" if depth else "not shown")
    assert found["own_language_share@10"].left_out == (0 if depth else 35)
    said = " ".join(result_sentences(result))
    for praise in ("equally well", "In no language does", "is best"):
        assert praise not in said
    assert "Across languages it finds nothing" in said
    assert ("For 35 questions the run ranks nothing" in said) == (not depth)


def test_equal_scores_rank_by_the_place_of_the_document_in_the_collection():
    collection = parallel_collection(languages=2, ids=3)
    judged = judge(collection)
    entries = RunEntries(np.repeat(np.arange(6), 6), np.tile(np.arange(6)[::-1], 6), np.zeros(36), "ties")
    ranks = ranks_of_run(entries, judged)
    assert ranks.top.tolist() == [list(range(6))] * 6
    half = ranks_of_run(replace(entries, scores=np.where(entries.documents > 2, 1.0, 0.0)), judged)
    assert half.top[0].tolist() == [3, 4, 5, 0, 1, 2]


@given(
    values=st.lists(
        st.sampled_from(
            [0.0, 0.0, -0.0, 1e-45, -1e-45, 1.0, 1.0, 1.0, float(np.nextafter(np.float32(1), 0)), -2.5]
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=80, deadline=None)
def test_written_scores_fall_strictly_and_hardly_move(values):
    scores = np.array(values, np.float32)
    keys = np.sort(order_keys(scores, np.arange(len(values))))
    falling = falling_scores(keys[None] >> 32)[0]
    assert (np.diff(falling.astype(np.float64)) < 0).all()
    expected = np.sort(scores)[::-1]
    np.testing.assert_allclose(falling, expected, rtol=2e-6, atol=1e-43)
    if len(set(scores.tolist())) == len(values):
        np.testing.assert_array_equal(falling, expected)


def test_query_names(tmp_path):
    collection = collection_from_rows(
        [("d1", "en", "", "one"), ("d2", "zh-CN", "", "two")],
        [("q", "en", "a"), ("q", "zh-CN", "b"), ("alone", "en", "c"), ("a@en", "de", "d"), ("a", "en", "e")],
        [(name, "d1", 1) for name in ("q", "alone", "a@en", "a")],
    )
    names = ["q@en", "q@zh_cn", "alone", "a@en@de", "a"]
    path = write(tmp_path / "r", [[name, "Q0", "d1", "1", "1", "x"] for name in names])
    assert read_run(path, collection).queries.tolist() == [0, 1, 2, 3, 4]
    # a name that can be read both ways is id@lang
    assert read_run(write(path, [["a@en", "Q0", "d1", "1", "1", "x"]]), collection).queries.tolist() == [4]


def test_separators_compression_and_small_blocks_do_not_matter(tmp_path, monkeypatch):
    collection = make_collection(2, ids=10)
    lines = lines_of(collection, 5)
    plain = read_run(write(tmp_path / "plain", lines), collection)
    odd = tmp_path / "odd"
    odd.write_bytes(
        "\r\n".join(
            ("\t" if at % 2 else "  ").join(line) + " " * (at % 3) for at, line in enumerate(lines)
        ).encode()
        + b"\r\n\n \n"
    )
    zipped = tmp_path / "zipped.run"
    zipped.write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    monkeypatch.setattr(run_reading, "BLOCK", 1000)
    plus = write(tmp_path / "plus", [[*line[:4], "+" + line[4].removeprefix("-"), line[5]] for line in lines])
    assert len(read_run(plus, collection).scores) == len(lines)
    for path in (odd, zipped, tmp_path / "plain"):
        found = read_run(path, collection)
        for name in ("queries", "documents", "scores"):
            np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
        assert found.tag == "some-system"


TRUNCATED = "STANDARD more junk at end of lines."


@pytest.mark.parametrize("block", [1 << 20, 70])
@pytest.mark.parametrize(
    ("before", "tag", "written"),
    [
        ("", TRUNCATED, str.encode),
        ("", "BM25 k1=0.9 b=0.4\t", lambda text: gzip.compress(text.encode())),
        ("\ufeff", "x", str.encode),
        ("\ufeff", "x", lambda text: gzip.compress(text.encode())),
        ("\ufeffquery-id\tQ0\tcorpus-id\trank\tscore\ttag\n", "x", str.encode),
        ("qid Q0 docno rank Sim run_id\n", TRUNCATED, str.encode),
    ],
)
def test_runs_as_others_write_them(tmp_path, monkeypatch, before, tag, written, block):
    monkeypatch.setattr(run_reading, "BLOCK", block)
    collection = parallel_collection(languages=2)
    lines = [
        f"q{at}@de Q0 {to}{at} {rank} {2.5 - rank} " for at in range(6) for rank, to in enumerate(("de", "en"))
    ]
    path = tmp_path / "r.run"
    path.write_bytes(written(before + "".join(f"{line}{tag}\n" for line in lines)))
    found = read_run(path, collection)
    assert found.queries.tolist() == [query for query in range(0, 6) for _ in "ab"]
    assert found.scores.tolist() == [2.5, 1.5] * 6
    assert found.tag == tag.split()[0]
    path.write_bytes(written(before + "".join(f"{line}{tag}\n" for line in lines).replace("2.5", "inf")))
    first = 1 + before.count("\n")
    with pytest.raises(InputError, match=rf"line {first}: the score inf is not finite \(6 such"):
        read_run(path, collection)


MANY_ENDS = """
import gc, os, sys
import isoglot.evaluation.sources  # imported once; the forks end as any process does, by the interpreter's end
from isoglot.cli.program import main

gc.freeze()
print("imported", flush=True)
sys.stdin.readline()
for _ in range(int(os.environ.get("ISOGLOT_REPEATS", "3"))):
    child = os.fork()
    if not child:
        sys.exit(main(sys.argv[1:]))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_error_in_a_run_ends_the_process_with_status_2(tmp_path):
    write_collection(parallel_collection(languages=2), tmp_path / "c")
    (tmp_path / "bad.run").write_text("".join(f"q{at}@de Q0 nowhere 1 1 x\n" for at in range(12)))
    command = [sys.executable, "-c", MANY_ENDS, "-q", "evaluate", "run:bad.run", "c", "--bootstrap", "0"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True, **pipes)
    assert process.stdout.readline() == "imported\n"
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        statuses, said = process.communicate("go\n")
    finally:
        for one in busy:
            one.kill()
            one.wait()
    assert (set(statuses.split()), "terminate called" in said) == ({"2"}, False), said
    assert len(statuses.split()) == int(os.environ.get("ISOGLOT_REPEATS", "3"))


def test_nothing_of_ours_is_read_by_threads_that_may_outlive_an_error():
    # pyarrow's pool starts its threads when it is first asked; a process that ends meanwhile is aborted
    calls = r"(?:\b(?:csv|pv|pj)\.ReadOptions|to_pandas|group_by|iter_batches|ParquetFile\([^\n]*\)\.read)\([^\n]*"
    found = 0
    for path in Path(isoglot.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "pq.read_table(" not in text, f"{path}: it starts threads whatever use_threads says"
        for call in re.findall(calls, text):
            assert "use_threads=False" in call, (path, call)
            found += 1
    assert found >= 6


STARTED = """
import os
from isoglot.collections import read_collection
from isoglot.evaluation import Result, read_embeddings
from isoglot.evaluation.sources.run_reading import read_run

def tell(name, read, *given):
    before = set(os.listdir("/proc/self/task"))
    made = read(*given)
    print(name, len(set(os.listdir("/proc/self/task")) - before))
    return made

collection = tell("parquet", read_collection, "parquet")
tell("embeddings", read_embeddings, "queries.parquet", "documents.parquet", collection)
tell("result", Result.from_json, "result.json")
tell("jsonl", read_collection, "jsonl")
tell("run", read_run, "good.run", collection)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed on Linux alone")
def test_readers_start_no_threads(tmp_path):
    collection = parallel_collection(languages=2)
    for form in ("parquet", "jsonl"):
        write_collection(collection, tmp_path / form, form)
    queries, documents = embeddings_of(collection)
    evaluate_embeddings(queries, documents, collection, bootstrap=0).save(tmp_path / "result.json")
    for name, table, vectors in (
        ("queries", collection.queries, queries),
        ("documents", collection.documents, documents),
    ):
        columns = {"_id": table["_id"], "lang": table["lang"], "embedding": vectors.tolist()}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    (tmp_path / "good.run").write_text("q0@de Q0 de0 1 2 x\n")
    code = [sys.executable, "-c", STARTED]
    told = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True)
    counts = {name: int(count) for name, count in map(str.split, told.stdout.splitlines())}
    assert counts.keys() == {"parquet", "embeddings", "result", "jsonl", "run"}, told.stderr
    # of text files pyarrow reads ahead by one thread, which it waits for, and which then is there for all
    assert counts["parquet"] == counts["embeddings"] == counts["result"] == 0
    assert counts["jsonl"] + counts["run"] <= 1


GOOD = ["q0@de Q0 de0 1 2 x", "q0@en Q0 de1 1 2 x"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "is empty"),
        (["", "  "], "is empty"),
        ([*GOOD, "q0@de Q0 de1 1 2"], "line 3: expected 6 columns"),
        ([*GOOD, "q 0@de Q0 de1 1 2 x"], "line 3: .* no query 'q'"),
        ([*GOOD, "q0@de Q0 d e 1 2 x"], "line 3: .*no document 'd'"),
        ([*GOOD, "q0@de Q0 d e one 2 x"], "line 3: the score 'one' is not a number: .* 7 columns; .* white space"),
        ([*GOOD, "", "q0@de Q0 de1 1 high x"], "line 4: the score 'high' is not a number"),
        ([*GOOD, "q0@de Q0 de1 1 nan x"], r"line 3: the score nan is not finite \(1 such"),
        (["q0@de Q0 de1 1 -inf x", *GOOD], "line 1: the score -inf is not finite"),
        ([*GOOD, "q0@de Q0 moon 1 2 x", "q0@de Q0 sun 1 2 x"], r"line 3: .* no document 'moon' \(2 such"),
        ([*GOOD, "q77@de Q0 de1 1 2 x"], "line 3: .* no query 'q77@de' .* such as q0@de"),
        ([*GOOD, "q1 Q0 de1 1 2 x"], "line 3: .*'q1' has versions in de, en: name each version, such as q1@de"),
        (["7 Q0 de1 1 2 x"], "a run of another collection: parallel has none of its 1 queries"),
        (["q0@de Q0 msmarco 1 2 x"], "a run of another collection: parallel has none of its 1 documents"),
        ([*GOOD, "q0@en Q0 de1 4 0.5 x"], "line 3: document 'de1' is given twice for query 'q0@en'"),
    ],
)
def test_wrong_runs_are_named_by_file_and_line(tmp_path, lines, message):
    path = tmp_path / "wrong.run"
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(InputError, match=r"wrong\.run.*" + message):
        evaluate_run(path, parallel_collection(languages=2))


def test_files_that_cannot_be_read(tmp_path):
    collection = parallel_collection()
    with pytest.raises(InputError, match=r"cannot read .*absent: No such file"):
        evaluate_run(tmp_path / "absent", collection)
    path = tmp_path / "broken.gz"
    path.write_bytes(gzip.compress(b"q0@de Q0 de0 1 2 x\n" * 50)[:-9])
    with pytest.raises(InputError, match=r"broken\.gz is damaged"):
        evaluate_run(path, collection)
    path.write_bytes(b"q0@de Q0 de0 1 2 x\nq\xff Q0 de0 1 2 x\n")
    with pytest.raises(InputError, match="line 2: not valid UTF-8"):
        evaluate_run(path, collection)
    spaced = collection_from_rows([("d 1", "en", "", "x")], [("q", "en", "y")], [("q", "d 1", 1)])
    with pytest.raises(InputError, match=r"1 document ids with white space, such as 'd 1'.* rename"):
        evaluate_run(path, spaced)
    with pytest.raises(InputError, match="no measure 'MAP'"):
        evaluate_run(path, collection, measures=["MAP"])


def test_run_folders_that_are_refused(tmp_path):
    collection = parallel_collection()
    given = (*embeddings_of(collection), collection)
    evaluate_embeddings(*given, bootstrap=0, trec_run=tmp_path / "r", trec_depth=3)
    lines = (tmp_path / "r" / "de-en.run").read_text().splitlines()
    assert len(lines) == 12 * 3
    assert [line.split()[3] for line in lines[:4]] == ["1", "2", "3", "1"]
    with pytest.raises(InputError, match="holds run files already"):
        evaluate_embeddings(*given, bootstrap=0, trec_run=tmp_path / "r")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        evaluate_embeddings(*given, bootstrap=0, trec_run=tmp_path / "file")


def test_a_half_written_run_is_not_taken_up(tmp_path):
    (tmp_path / "multilingual.run.partial").write_text("q0@de Q0 de0 1 2 x\n")
    collection = parallel_collection()
    given = embeddings_of(collection)
    evaluate_embeddings(*given, collection, bootstrap=0, trec_run=tmp_path, memory=1)  # many blocks
    assert len((tmp_path / "multilingual.run").read_text().splitlines()) == 36 * 36


def test_blocks_of_scores_keep_to_the_memory_given():
    collection = parallel_collection(languages=4, ids=100)
    judged = judge(collection)
    from isoglot.evaluation import rank_embeddings

    rng = np.random.default_rng(0)
    # small integers: products are exact however the matrix is cut
    queries, documents = (rng.integers(-3, 4, (400, 6)).astype(np.float32) for _ in range(2))
    found, sizes = {}, {}
    for memory in (2**30, 40_000):
        blocks: list[int] = []
        found[memory] = rank_embeddings(
            queries, documents, judged, memory=memory, observe=lambda q, s, c, to=blocks: to.append(s.nbytes)
        )
        sizes[memory] = max(blocks)
    assert sizes[40_000] <= 40_000 < sizes[2**30]
    for name in ("pool_rank", "language_rank", "top"):
        np.testing.assert_array_equal(getattr(found[40_000], name), getattr(found[2**30], name))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"q0@de Q0 de0 1 2 x\nq0@de\x1ex Q0 de0 1 2 x\n", "line 2: .* no query"),
        (b"q0@de Q0 de0 1 2 x\nq0@de Q0 de0 2 1 x \xe4\n", "line 2: document 'de0' is given twice"),
    ],
    ids=["control-character", "no-text-after-the-tag"],
)
def test_lines_that_are_read_fast_are_found_again_to_be_named(tmp_path, lines, message):
    (tmp_path / "odd.run").write_bytes(lines)
    with pytest.raises(InputError, match=message):
        evaluate_run(tmp_path / "odd.run", parallel_collection(languages=2))
