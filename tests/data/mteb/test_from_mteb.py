import logging

import datasets
import mteb
import pytest
from mteb_helpers import hub_task, part, preloaded, write_hub_folder

from isoglot.data.mteb import collection_from_mteb, known, local_task
from isoglot.data.mteb.known import PAIR_ORDER, SHARED_IDS
from isoglot.encoders import static_encoder
from isoglot.errors import InputError, IsoglotError
from isoglot.evaluation import evaluate
from isoglot.evaluation.mteb import evaluate_mteb


def judgments(collection):
    return {
        (collection.query_ids[row["query"]].as_py(), collection.documents["_id"][row["document"]].as_py())
        for row in collection.judgments.to_pylist()
    }


def hub_rows(tag):
    """Three questions about two passages, in words of their own per language; question 2 has no passage."""
    corpus = [{"_id": f"{tag}{n}", "title": f"Titel {n}", "text": f"{tag} passage {n}"} for n in range(2)]
    queries = [{"_id": f"q{n}", "text": f"{tag} question {n}"} for n in range(3)]
    qrels = [{"query-id": f"q{n}", "corpus-id": f"{tag}{n}", "score": 1} for n in range(2)]
    return corpus, queries, qrels


def test_mtebs_own_loading_of_a_monolingual_task(tmp_path):
    folder = write_hub_folder(tmp_path, {None: hub_rows("en")}, "test")
    task = hub_task(type(mteb.get_task("NFCorpus")), folder, ["eng-Latn"])
    collection = collection_from_mteb(task)
    assert collection.name == "NFCorpus"
    assert collection.languages == ("en",)
    assert collection.documents["_id"].to_pylist() == ["en0", "en1"]
    assert collection.document_texts() == ["Titel 0 en passage 0", "Titel 1 en passage 1"]
    assert judgments(collection) == {("q0", "en0"), ("q1", "en1")}
    assert collection.queries.num_rows == 2
    assert collection.metadata["task"] == "mteb:NFCorpus"
    model = static_encoder(collection, vocabulary=200, dimensions=16)
    theirs = evaluate_mteb(model, task).scores["test"]["default"]
    ours = evaluate(model, collection, measures=("nDCG@10",), bootstrap=0, geometry=False).multilingual
    assert theirs["ndcg_at_10"] == pytest.approx(ours["nDCG@10"], abs=6e-6)


def test_mtebs_own_loading_of_a_task_with_shared_ids(tmp_path):
    folder = write_hub_folder(tmp_path, {tag: hub_rows(tag) for tag in ("de", "el")}, "validation")
    base = type(mteb.get_task("XQuADRetrieval"))
    task = hub_task(base, folder, {"de": ["deu-Latn"], "el": ["ell-Grek"]})
    collection = collection_from_mteb(task)
    assert collection.languages == ("de", "el")
    assert len(collection.query_ids) == 2
    assert collection.queries.num_rows == 4
    assert judgments(collection) == {(f"q{n}", f"{tag}/{tag}{n}") for n in range(2) for tag in ("de", "el")}
    assert evaluate(static_encoder(collection, vocabulary=200), collection, bootstrap=0).cross_lingual["pairs"] == 2


def test_ids_of_other_tasks_are_not_taken_for_the_same_query():
    """mteb numbers the queries of each language of MKQA in arbitrary order: Q0 is another question in each."""
    parts = {
        "de": part({"C0": "ja", "C1": "nein"}, {"Q0": "eins?", "Q1": "zwei?"}, {"Q0": {"C0": 1}, "Q1": {"C1": 1}}),
        "en": part({"C0": "no", "C1": "yes"}, {"Q0": "two?", "Q1": "one?"}, {"Q0": {"C0": 1}, "Q1": {"C1": 1}}),
    }
    task = preloaded("MKQARetrieval", {"de": ["deu-Latn"], "en": ["eng-Latn"]}, parts)
    collection = collection_from_mteb(task)
    assert len(collection.query_ids) == 4
    assert judgments(collection) == {(f"{tag}/Q{n}", f"{tag}/C{n}") for tag in ("de", "en") for n in range(2)}
    said = collection_from_mteb(task, same_ids=True)
    assert len(said.query_ids) == 2


def pair_parts():
    """Documents first: `eng-deu` asks in German. The ids of each subset are its own."""
    qrels = {"Q0": {"C0": 1}, "Q1": {"C1": 1}}
    other = {"Q0": {"C1": 1}, "Q1": {"C0": 1}}
    return {
        "deu-deu": part({"C0": "Hund", "C1": "Katze"}, {"Q0": "was bellt", "Q1": "was miaut"}, qrels),
        "eng-deu": part({"C0": "cat", "C1": "dog"}, {"Q0": "was bellt", "Q1": "was miaut"}, other),
        "deu-eng": part({"C0": "Katze", "C1": "Hund"}, {"Q0": "what meows", "Q1": "what barks"}, qrels),
        "eng-eng": part({"C0": "cat", "C1": "dog"}, {"Q0": "what meows", "Q1": "what barks"}, qrels),
    }


PAIR_LANGS = {
    f"{a}-{b}": [f"{a}-Latn", f"{b}-Latn"]
    for a, b in (("deu", "deu"), ("eng", "deu"), ("deu", "eng"), ("eng", "eng"))
}


def test_texts_met_in_several_language_pairs_are_one():
    collection = collection_from_mteb(preloaded("MLQARetrieval", PAIR_LANGS, pair_parts()))
    text = dict(zip(collection.documents["_id"].to_pylist(), collection.documents["text"].to_pylist(), strict=True))
    asked = dict(zip(collection.queries["_id"].to_pylist(), collection.query_texts(), strict=True))
    assert sorted(text.values()) == ["Hund", "Katze", "cat", "dog"]
    assert sorted(asked.values()) == ["was bellt", "was miaut", "what barks", "what meows"]
    assert {(asked[query], text[document]) for query, document in judgments(collection)} == {
        ("was bellt", "Hund"),
        ("was bellt", "dog"),
        ("was miaut", "Katze"),
        ("was miaut", "cat"),
        ("what barks", "Hund"),
        ("what barks", "dog"),
        ("what meows", "Katze"),
        ("what meows", "cat"),
    }
    assert set(zip(collection.queries["lang"].to_pylist(), collection.query_texts(), strict=True)) == {
        ("de", "was bellt"),
        ("de", "was miaut"),
        ("en", "what barks"),
        ("en", "what meows"),
    }
    result = evaluate(static_encoder(collection, vocabulary=100), collection, bootstrap=0)
    assert {(row["query_lang"], row["doc_lang"], row["queries"]) for row in result.pairs} == {
        ("de", "de", 2),
        ("de", "en", 2),
        ("en", "de", 2),
        ("en", "en", 2),
    }
    assert result.bias["rank_distance"] is not None


def test_equal_documents_of_one_subset_stay_two():
    parts = {"a": part({"1": "same", "2": "same"}, {"1": "q"}, {"1": {"1": 1}})}
    collection = collection_from_mteb(preloaded("Twins", {"a": ["deu-Latn"]}, parts))
    assert collection.documents.num_rows == 2


def test_an_unknown_order_of_languages_is_asked_for():
    task = preloaded("NewTask", PAIR_LANGS, pair_parts())
    with pytest.raises(InputError, match="does not say which is the queries': give pair_order"):
        collection_from_mteb(task)
    other = collection_from_mteb(task, pair_order="query-document")
    english = [
        text
        for text, tag in zip(other.query_texts(), other.queries["lang"].to_pylist(), strict=True)
        if tag == "en"
    ]
    assert "was bellt" in english
    with pytest.raises(InputError, match="none of document-query"):
        collection_from_mteb(task, pair_order="both")


def test_ids_said_to_be_shared_are_checked():
    def numbered(order):
        """40 questions, two about each passage, numbered in some order."""
        queries = {f"Q{number}": f"question {question}" for number, question in enumerate(order)}
        qrels = {f"Q{number}": {f"C{question // 2}": 1} for number, question in enumerate(order)}
        return part({f"C{n}": f"passage {n}" for n in range(20)}, queries, qrels)

    langs = {"de": ["deu-Latn"], "en": ["eng-Latn"]}
    straight, mixed = list(range(40)), [(7 * n) % 40 for n in range(40)]
    good = preloaded("Numbered", langs, {"de": numbered(straight), "en": numbered(straight)})
    assert len(collection_from_mteb(good, same_ids=True).query_ids) == 40
    bad = preloaded("Numbered", langs, {"de": numbered(straight), "en": numbered(mixed)})
    with pytest.raises(InputError, match="names different queries in de and en"):
        collection_from_mteb(bad, same_ids=True)
    assert len(collection_from_mteb(bad).query_ids) == 80


def test_a_shared_id_with_two_texts_in_one_language_is_said():
    parts = pair_parts()
    parts["eng-deu"] = part({"C0": "cat"}, {"Q0": "was schnurrt"}, {"Q0": {"C0": 1}})
    task = preloaded("MLQARetrieval", PAIR_LANGS, parts)
    with pytest.raises(InputError, match="names two queries in de, 'was bellt' and"):
        collection_from_mteb(task, same_ids=True)


def test_tasks_that_rerank_have_no_pool():
    parts = {"default": part({"1": "a"}, {"1": "b"}, {"1": {"1": 1}}, top_ranked={"1": ["1"]})}
    with pytest.raises(InputError, match="reranks"):
        collection_from_mteb(preloaded("Reranks", ["eng-Latn"], parts))


def test_queries_that_are_documents_are_pointed_out(caplog):
    task = preloaded("ArguAnaLike", ["eng-Latn"], {"default": part({"1": "a"}, {"1": "a"}, {"1": {"1": 1}})})
    task.ignore_identical_ids = True
    with caplog.at_level(logging.WARNING):
        collection_from_mteb(task)
    assert "has queries that are documents too; mteb leaves out" in caplog.text


def test_judgments_of_unknown_documents_are_counted():
    parts = {"default": part({"1": "a"}, {"1": "b"}, {"1": {"1": 1, "9": 1}})}
    assert collection_from_mteb(preloaded("Loose", ["eng-Latn"], parts)).dropped == {
        "judgment of an unknown document id": 1
    }


def test_one_of_several_splits_is_chosen():
    task = preloaded("Splits", ["eng-Latn"], {"default": part({"1": "a"}, {"1": "b"}, {"1": {"1": 1}})})
    task.metadata.eval_splits[:] = ["test", "validation"]
    assert collection_from_mteb(task).queries.num_rows == 1
    task = preloaded("Splits", ["eng-Latn"], {"default": part({"1": "a"}, {"1": "b"}, {"1": {"1": 1}})})
    task.metadata.eval_splits[:] = ["dev", "train"]
    with pytest.raises(InputError, match="choose one with --split"):
        collection_from_mteb(task)


def belebele_rows(code, order):
    rows = [
        {
            "link": f"https://passage/{n // 2}",
            "question_number": n % 2 + 1,
            "question": "Same words?" if code == "ibo_Latn" and n < 2 else f"{code} question {n}",
            "flores_passage": f"{code} passage {n // 2}",
        }
        for n in range(6)
    ]
    return datasets.Dataset.from_list([rows[n] for n in order])


def test_belebele_is_joined_by_its_publishers_keys(monkeypatch):
    """Other row orders and questions worded alike, which shift mteb's numbers, change nothing."""
    data = {
        "eng_Latn": belebele_rows("eng_Latn", range(6)),
        "ibo_Latn": belebele_rows("ibo_Latn", range(6)),
        "deu_Latn": belebele_rows("deu_Latn", [5, 3, 1, 0, 2, 4]),
    }
    monkeypatch.setattr(known, "load_dataset", lambda path, name, revision, split: data[name])
    collection = collection_from_mteb("BelebeleRetrieval", languages=["en", "de", "ig"])
    assert collection.languages == ("de", "en", "ig")
    assert collection.documents.num_rows == 9
    assert len(collection.query_ids) == 6
    assert collection.queries.num_rows == 18
    assert collection.judgments.num_rows == 18
    assert (collection.pair_counts == 6).all()
    queries, documents = collection.pairs("de", "en")
    questions = [text.split()[-1] for text in collection.query_texts(queries)]
    passages = [text.split()[-1] for text in collection.document_texts(documents)]
    assert [int(question) // 2 for question in questions] == [int(passage) for passage in passages]


def test_belebele_that_cannot_be_read_is_said(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(known, "load_dataset", unreachable)
    with pytest.raises(IsoglotError, match=r"Belebele in deu_Latn .* cannot be loaded: no route"):
        collection_from_mteb("BelebeleRetrieval", languages=["de"])
    other = datasets.Dataset.from_list([{"link": "x"}])
    monkeypatch.setattr(known, "load_dataset", lambda *_, **__: other)
    with pytest.raises(InputError, match="no column 'question_number'"):
        collection_from_mteb("BelebeleRetrieval", languages=["de"])


def test_a_collection_comes_back_as_it_went(toy):
    back = collection_from_mteb(local_task(toy))
    assert back.documents.equals(toy.documents)
    assert back.queries.equals(toy.queries)
    assert judgments(back) == judgments(toy)


@pytest.mark.parametrize(
    "name", ["BelebeleRetrieval", "MLQARetrieval", "XPQARetrieval", "CrossLingualSemanticDiscriminationWMT19"]
)
def test_mtebs_statistics_bear_out_the_order_of_languages(name):
    """Queries of a language are of one average length whatever they search, and so are documents in the other."""
    metadata = mteb.get_task(name).metadata
    subsets = metadata.descriptive_stats[metadata.eval_splits[-1]]["hf_subset_descriptive_stats"]
    lengths = {side: {} for side in ("queries", "documents")}
    for subset, statistics in subsets.items():
        first, second = subset.split("-")
        query, document = (second, first) if PAIR_ORDER[name] == "document-query" else (first, second)
        for side, language in (("queries", query), ("documents", document)):
            mean = statistics[f"{side}_text_statistics"]["average_text_length"]
            lengths[side].setdefault(language, []).append(mean)
    if name.startswith("CrossLingual"):  # documents are translations of the queries and variants of them
        for language in ("deu", "fra"):
            assert lengths["documents"][language][0] == pytest.approx(lengths["queries"][language][0], rel=0.02)
        assert lengths["queries"]["deu"][0] > 1.04 * lengths["queries"]["fra"][0]
        return
    for language in ("zho", "cmn"):  # a Chinese question is short
        for mean in lengths["queries"].get(language, []):
            assert mean < 17
    if name.startswith("Belebele"):  # the same questions, and the same passages, in every pair
        for means in (*lengths["queries"].values(), *lengths["documents"].values()):
            assert max(means) == pytest.approx(min(means))
        assert len(lengths["queries"]["eng_Latn"]) == 122


def test_mtebs_statistics_bear_out_the_ids_of_xquad():
    """SQuAD's ids, of which questions worded alike in a language share one: never more than 1,190."""
    statistics = mteb.get_task("XQuADRetrieval").metadata.descriptive_stats["validation"]
    for subset in statistics["hf_subset_descriptive_stats"].values():
        assert 1180 <= subset["queries_text_statistics"]["unique_texts"] <= 1190
        assert subset["documents_text_statistics"]["unique_texts"] == 240
    assert "BelebeleRetrieval" not in SHARED_IDS
    belebele_statistics = mteb.get_task("BelebeleRetrieval").metadata.descriptive_stats["test"]
    distinct = {
        subset.split("-")[1]: found["queries_text_statistics"]["unique_texts"]
        for subset, found in belebele_statistics["hf_subset_descriptive_stats"].items()
    }
    assert sum(count < 900 for count in distinct.values()) == 9
