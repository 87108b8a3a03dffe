"""A repaired model: what it does to embeddings, how it is saved, loaded, told languages, evaluated."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import isoglot as ig
from isoglot.encoders import LanguageMap, card_facts
from isoglot.errors import InputError
from isoglot.evaluation.embed import takes_language
from isoglot.repair import METHODS, STRENGTHS
from isoglot.repair.texts import embed_samples

WAYS = [("shift", None), ("center", None), ("whiten", None), ("erase", "svd"), ("erase", "leace")]
IDS = ["-".join(filter(None, way)) for way in WAYS]
SIZE = 16
PLACES = ("Ottawa", "Paris", "Berlin", "Lima", "Rome", "Oslo", "Bern", "Cairo", "Dublin", "Kyiv", "Riga", "Quito")
WORDING = {
    "de": ("Wo liegt die Stadt {}", "die Stadt {} liegt an einem Fluss"),
    "en": ("where is the town of {}", "the town of {} lies at a river"),
    "tr": ("{} kenti nerede bulunur", "{} kenti bir nehrin yanindadir"),
}


def towns(tags: tuple[str, ...] = tuple(WORDING), places: tuple[str, ...] = PLACES) -> ig.Collection:
    """A question and a document about each place in each language."""
    documents, queries, qrels = [], [], []
    for tag in tags:
        for number, place in enumerate(places):
            asked, told = (text.format(place) for text in WORDING[tag])
            documents.append((f"{tag}/{number}", tag, "", told))
            queries.append((f"q{number}", tag, asked))
            qrels.append((f"q{number}", f"{tag}/{number}", 1))
    return ig.collection_from_rows(documents, queries, qrels, name="towns")


@pytest.fixture(scope="module")
def data() -> ig.Collection:
    return towns()


@pytest.fixture(scope="module")
def model(data: ig.Collection):
    return ig.static_encoder(data, dimensions=SIZE, vocabulary=300)


def by_language(model, data, method):
    """The embeddings of a collection's texts, each language by itself, and their languages."""
    table, codes = (
        (data.query_texts(), data.query_language)
        if method == "encode_query"
        else (data.document_texts(), data.document_language)
    )
    found = np.empty((len(table), SIZE), np.float32)
    for code, tag in enumerate(data.languages):
        rows = np.flatnonzero(codes == code)
        keywords = {"language": tag} if takes_language(model) else {}
        found[rows] = getattr(model, method)([table[row] for row in rows], **keywords)
    return found, codes


@pytest.mark.parametrize(("method", "by"), WAYS, ids=IDS)
def test_what_is_saved_is_read_back_and_says_how_it_was_made(model, data, method, by, tmp_path):
    repaired = ig.repair_model(model, data, method, 0.5, by=by, name="towns-encoder")
    repaired.save(str(tmp_path / "repaired"))
    loaded = ig.load_encoder(tmp_path / "repaired")
    for call in ("encode_query", "encode_document"):
        np.testing.assert_allclose(
            by_language(loaded, data, call)[0], by_language(repaired, data, call)[0], atol=1e-6
        )
    facts = ig.repair_of(loaded)
    assert facts["method"] == method
    assert facts.get("by") == by
    assert (facts["strength"], facts["of"], facts["data"]) == (0.5, "towns-encoder", "towns")
    assert facts["languages"] == list(data.languages)
    card = (tmp_path / "repaired" / "README.md").read_text(encoding="utf-8")
    assert "| tr | 12 | 12 |" in card
    loaded.save(str(tmp_path / "again"))  # the card goes with the model
    assert ig.repair_of(ig.load_encoder(tmp_path / "again")) == facts


@pytest.mark.parametrize(("method", "by"), WAYS, ids=IDS)
def test_strength_nought_changes_nothing(model, data, method, by):
    repaired = ig.repair_model(model, data, method, 0.0, by=by)
    for call in ("encode_query", "encode_document"):
        np.testing.assert_allclose(
            by_language(repaired, data, call)[0], by_language(model, data, call)[0], atol=1e-5
        )


@pytest.mark.parametrize(("method", "by"), WAYS, ids=IDS)
def test_the_model_that_is_repaired_stays_as_it_is(model, data, method, by):
    before = model.encode_query(data.query_texts())
    modules = len(model)
    ig.repair_model(model, data, method, by=by)
    np.testing.assert_array_equal(model.encode_query(data.query_texts()), before)
    assert len(model) == modules


@pytest.mark.parametrize(("method", "by"), WAYS, ids=IDS)
def test_languages_come_closer(model, data, method, by):
    def apart(one) -> float:
        """How far language means lie from one another, beside how far texts do."""
        rows, codes = by_language(one, data, "encode_document")
        means = np.stack([rows[codes == code].mean(axis=0) for code in range(3)])
        return float(means.var(axis=0).sum() / rows.var(axis=0).sum())

    assert apart(ig.repair_model(model, data, method, by=by)) < 0.5 * apart(model)


def test_centred_embeddings_are_those_without_the_mean(model, data):
    repaired = ig.repair_model(model, data, "center")
    plain, codes = by_language(model, data, "encode_document")
    offset = repaired[len(repaired) - 2].offset[1].numpy()
    moved = plain - offset[codes]
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(by_language(repaired, data, "encode_document")[0], moved, atol=1e-5)


def test_shift_leaves_queries_and_english_documents_as_they_are(model, data):
    repaired = ig.repair_model(model, data, "shift")
    np.testing.assert_allclose(
        by_language(repaired, data, "encode_query")[0], by_language(model, data, "encode_query")[0], atol=1e-6
    )
    (after, codes), (before, _) = (by_language(one, data, "encode_document") for one in (repaired, model))
    english = codes == data.language_index("en")
    np.testing.assert_allclose(after[english], before[english], atol=1e-6)
    assert np.abs(after[~english] - before[~english]).max() > 0.01


def test_an_erased_model_is_one_map_and_loads_without_isoglot(model, data, tmp_path):
    ig.repair_model(model, data, "erase").save(str(tmp_path / "erased"))
    code = (
        "import sys\nsys.modules['isoglot'] = None\n"
        "from sentence_transformers import SentenceTransformer\n"
        f"model = SentenceTransformer({str(tmp_path / 'erased')!r})\n"
        "print(*model.encode_query(['where is Riga']).ravel().tolist())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = ig.load_encoder(tmp_path / "erased").encode_query(["where is Riga"])
    np.testing.assert_allclose([float(word) for word in ran.stdout.split()], ours.ravel(), atol=1e-6)


def test_a_language_map_loads_where_other_code_is_trusted(model, data, tmp_path):
    from sentence_transformers import SentenceTransformer

    ig.repair_model(model, data, "center").save(str(tmp_path / "centred"))
    with pytest.raises(ValueError, match="trust_remote_code"):
        SentenceTransformer(str(tmp_path / "centred"))
    loaded = SentenceTransformer(str(tmp_path / "centred"), trust_remote_code=True)
    assert any(isinstance(module, LanguageMap) for module in loaded)


def test_a_language_that_is_not_given_is_found(model, data):
    repaired = ig.repair_model(model, data, "center")
    told, _ = by_language(repaired, data, "encode_query")
    found = repaired.encode_query(data.query_texts())
    assert np.isclose(told, found, atol=1e-6).all(axis=1).mean() > 0.9


def test_other_names_of_a_language_mean_it(model, data):
    repaired = ig.repair_model(model, data, "center")
    plain = repaired.encode_document(["die Stadt"], language="de")
    for name in ("deu", "DE", "de-AT"):
        np.testing.assert_array_equal(repaired.encode_document(["die Stadt"], language=name), plain)


def test_a_language_that_was_not_seen_is_said_once_and_gets_the_map_of_all(model, data, caplog):
    repaired = ig.repair_model(model, data, "center")
    module = repaired[len(repaired) - 2]
    for _ in range(2):
        found = repaired.encode_document(["mji wa Riga"], language="sw")
    plain = model.encode_document(["mji wa Riga"])
    moved = plain - module.offset[1, -1].numpy()
    np.testing.assert_allclose(found, moved / np.linalg.norm(moved), atol=1e-5)
    assert [record.getMessage() for record in caplog.records if "sw" in record.getMessage()] == [
        "the repair was fitted without texts in sw (but de, en, tr): they get the map of all languages together"
    ]


@pytest.mark.parametrize("language", ["no language", ["de", "en"], 3])
def test_what_is_no_language_is_refused(model, data, language):
    repaired = ig.repair_model(model, data, "center")
    with pytest.raises(InputError, match="language"):
        repaired.encode_query(["one", "two"], language=language)


def test_evaluate_tells_the_languages_and_keeps_embeddings_apart(model, data, tmp_path):
    repaired = ig.repair_model(model, data, "center")
    for _ in range(2):  # the second time from the cache
        result = ig.evaluate(repaired, data, bootstrap=0, keep_embeddings=True, cache=tmp_path)
        queries, documents = result.embeddings
        np.testing.assert_allclose(documents, by_language(repaired, data, "encode_document")[0], atol=1e-6)
        np.testing.assert_allclose(queries, by_language(repaired, data, "encode_query")[0], atol=1e-6)
    assert result.made["repair_method"] == "center"
    plain = ig.evaluate(model, data, bootstrap=0, keep_embeddings=True, cache=tmp_path)
    assert not np.allclose(plain.embeddings[1], documents)
    assert "repair_method" not in plain.made


def test_one_text_in_two_languages_is_two(model):
    """The same words under two tags are moved differently, though each text is encoded once."""
    data = towns()
    name = ig.collection_from_rows(
        [("a", "de", "", "Riga"), ("b", "tr", "", "Riga")], [("q", "de", "Riga")], [("q", "a", 1), ("q", "b", 1)]
    )
    repaired = ig.repair_model(model, data, "center")
    documents = ig.evaluate(repaired, name, bootstrap=0, keep_embeddings=True, geometry=False).embeddings[1]
    assert not np.allclose(documents[0], documents[1])


def test_the_strength_is_the_best_on_development_data(model, data):
    dev = towns(places=PLACES[:6])
    repaired = ig.repair_model(model, data, "center", dev=dev)
    best = ig.repair_of(repaired)
    assert best["strength"] in STRENGTHS
    assert best["dev"] == "towns"
    values = {
        strength: ig.evaluate(ig.repair_model(model, data, "center", strength), dev, bootstrap=0).multilingual["AP"]
        for strength in STRENGTHS
    }
    assert values[best["strength"]] == pytest.approx(max(values.values()), abs=1e-6)


def test_shift_leaves_languages_without_translations_as_they_are_and_says_so(model, caplog):
    some = towns()
    texts = [(row["_id"], row["lang"], "", row["text"]) for row in some.documents.to_pylist()]
    judged = [(f"q{n}", f"{tag}/{n}", 1) for tag in ("de", "en") for n in range(len(PLACES))]
    asked = [(f"q{n}", "en", WORDING["en"][0].format(place)) for n, place in enumerate(PLACES)]
    repaired = ig.repair_model(model, ig.collection_from_rows(texts, asked, judged), "shift")
    assert "no document in tr has a translation into en" in caplog.text
    (after, codes), (before, _) = (by_language(one, some, "encode_document") for one in (repaired, model))
    moved = np.abs(after - before).max(axis=1) > 1e-5
    assert {some.languages[code] for code in codes[moved]} == {"de"}


def test_documents_alone_are_enough(model):
    whole = towns()
    texts = [(str(row["_id"]), row["lang"], "", row["text"]) for row in whole.documents.to_pylist()]
    plain = ig.collection_from_rows(texts, [], [])
    for method in ("center", "whiten", "erase"):
        repaired = ig.repair_model(model, plain, method)
        assert np.isfinite(by_language(repaired, whole, "encode_query")[0]).all()
    samples = embed_samples(model, plain)
    assert samples.borrowed == dict.fromkeys(plain.languages, "queries")
    with pytest.raises(InputError, match="shift needs documents with translations"):
        ig.repair_model(model, plain, "shift")


def test_of_many_texts_the_same_ids_are_taken_in_every_language(model, data):
    samples = embed_samples(model, data, most=4)
    for sample in (samples.query, samples.document):
        groups = [set(sample.group[sample.language == code].tolist()) for code in range(3)]
        assert groups[0] == groups[1] == groups[2]
        assert len(groups[0]) == 4


def test_a_language_with_few_texts_stays_finite(model):
    texts = [(f"d{n}", "de", "", f"die Stadt {place}") for n, place in enumerate(PLACES)]
    few = ig.collection_from_rows([*texts, ("t", "tr", "", "Riga kenti")], [], [])
    for method in ("center", "whiten", "erase"):
        rows = ig.repair_model(model, few, method).encode_document(["Riga kenti", "die Stadt Rom"])
        assert np.isfinite(rows).all()
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_prompts_and_the_head_of_the_card_stay(model, data):
    base = ig.static_encoder(data, dimensions=SIZE, vocabulary=300)
    base.prompts["query"] = "query: "
    base._model_card_text = "---\nlicense: mit\nlanguage: [de]\nwidget: x\n---\n# Towns\n"
    repaired = ig.repair_model(base, data, name="someone/towns")
    assert repaired.prompts["query"] == "query: "
    facts = card_facts(repaired)
    assert (facts["license"], facts["language"], facts["base_model"]) == ("mit", ["de"], "someone/towns")
    assert "widget" not in facts


def test_a_repaired_model_can_be_trained_further(model, data):
    repaired = ig.repair_model(ig.static_encoder(data, dimensions=SIZE, vocabulary=300), data, "center")
    features = repaired.preprocess(["die Stadt Riga"])
    repaired(features)["sentence_embedding"][0, 0].backward()
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in repaired.parameters())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "centre"}, "no repair 'centre'.*center"),
        ({"method": "center", "by": "svd"}, "goes with --method erase"),
        ({"method": "erase", "by": "leach"}, "cannot erase by 'leach'.*leace"),
        ({"strength": -0.1}, "the strength is from 0"),
        ({"strength": float("nan")}, "the strength is from 0"),
        ({"strength": 1.0, "dev": towns()}, "leave one of the two out"),
    ],
    ids=["method", "variant", "by", "negative", "nan", "both"],
)
def test_bad_requests_are_refused(model, data, options, said):
    with pytest.raises(InputError, match=said):
        ig.repair_model(model, data, **options)


def test_one_language_is_refused(model):
    with pytest.raises(InputError, match="in one language"):
        ig.repair_model(model, towns(tags=("de",)))


def test_methods_are_those_of_the_pages():
    assert METHODS == ("shift", "center", "whiten", "erase")


def test_half_precision_keeps_its_type(model, data):
    repaired = ig.repair_model(model, data, "center")
    module = repaired[len(repaired) - 2]
    moved = module({"sentence_embedding": torch.ones(2, SIZE, dtype=torch.bfloat16)}, language="de")
    assert moved["sentence_embedding"].dtype == torch.bfloat16
