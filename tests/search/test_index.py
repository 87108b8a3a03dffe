"""An index finds what brute force finds, holds texts as they were, and knows its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import isoglot as ig
from isoglot.collections import Collection, collection_from_rows
from isoglot.evaluation.fair import FAIR, fair_ranking
from isoglot.search.index import MOST

pytest.importorskip("lancedb", reason="an index needs lancedb: pip install 'isoglot[search]'")

TAGS = ("de", "en", "th", "zh")


class Letters:
    """A model whose vectors are counts of letters; no torch module, so that only dimensions tell it apart."""

    def __init__(self, dimensions: int = 26) -> None:
        self.dimensions = dimensions
        self.encoded = 0

    def encode_document(self, texts: list[str], **_: Any) -> np.ndarray:
        self.encoded += len(texts)
        return self.encode_query(texts)

    def encode_query(self, texts: list[str], **_: Any) -> np.ndarray:
        found = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for letter in text:
                found[row, hash_of(letter) % self.dimensions] += 1
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def hash_of(letter: str) -> int:
    return ord(letter) * 2654435761 >> 7


def documents(texts: list[tuple[str, str]]) -> Collection:
    rows = [(f"d{at}", tag, "", text) for at, (tag, text) in enumerate(texts)]
    return collection_from_rows(rows, [], [], name="letters")


@pytest.fixture(scope="module")
def static(toy: Collection) -> Any:
    return ig.static_encoder(toy, dimensions=32)


@pytest.fixture(scope="module")
def index(toy: Collection, static: Any, tmp_path_factory: pytest.TempPathFactory) -> ig.Index:
    return ig.build_index(static, toy, tmp_path_factory.mktemp("index") / "toy")


texts = st.text("abcdefg ", min_size=1, max_size=12).filter(str.strip)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(TAGS), texts), min_size=1, max_size=25),
    texts,
    st.integers(1, 30),
    st.sets(st.sampled_from(TAGS), min_size=1),
)
def test_search_is_brute_force(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], query: str, k: int, within: set[str]
) -> None:
    collection, model = documents(rows), Letters()
    found = ig.build_index(model, collection, tmp_path_factory.mktemp("letters") / "index")
    assert len(found) == len(rows)
    assert found.languages == {tag: sum(tag == one for one, _ in rows) for tag in sorted({one for one, _ in rows})}
    vectors, asked = model.encode_document(collection.document_texts()), model.encode_query([query])[0]
    scores = vectors @ asked
    for languages in (None, sorted(within & found.languages.keys())):
        kept = [at for at, (tag, _) in enumerate(rows) if languages is None or tag in languages]
        best = sorted(scores[kept], reverse=True)[:k]
        hits = found.search(query, k=k, within=languages)
        assert [hit.rank for hit in hits] == list(range(1, len(best) + 1))
        np.testing.assert_allclose([hit.score for hit in hits], best, atol=1e-5)
        np.testing.assert_allclose([scores[int(hit.id[1:])] for hit in hits], best, atol=1e-5)
        assert len({hit.id for hit in hits}) == len(hits)
        assert all((hit.language, hit.text) == rows[int(hit.id[1:])] for hit in hits)


def test_it_says_what_it_holds(index: ig.Index, toy: Collection) -> None:
    assert (index.name, index.dimension, len(index), index.repair) == ("toy", 32, 6, None)
    assert index.languages == {"de": 2, "en": 2, "th": 2}
    best = index.search("tar unpacks archives", k=1)[0]
    assert best == ig.Hit("en/tar", "en", "tar", "tar unpacks archives", best.score, 1)


def test_words_find_what_vectors_do_not(tmp_path: Path) -> None:
    rows = [(tag, text) for tag in ("en", "zh") for text in ("aaa", "bbb", "zq 東京都庁", "ccc")]
    found = ig.build_index(Letters(1), documents(rows), tmp_path / "index")  # one dimension: all are alike
    assert [hit.id for hit in found.search("京都", k=2, hybrid=True)] == ["d2", "d6"]
    assert [hit.id for hit in found.search("ZQ", k=1, hybrid=True, within=["zh"])] == ["d6"]
    assert len(found.search("?!", k=8, hybrid=True)) == 8  # no words: by vectors alone
    assert len(found.search('" AND (x:', k=8, hybrid=True)) == 8


HOSTILE = [
    "<script>alert(1)</script>",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "a\x00b\x1b[31m\r\n\t",
    "'); DROP TABLE documents; --",
    "ﷺ" * 500,
    "\ufeff\U0010ffff e\u0301",
    "x" * 200_000,
]


def test_hostile_texts_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [(f"{text[:50]}/{at}", "en", text[:100], text) for at, text in enumerate(HOSTILE)]
    found = ig.build_index(Letters(), collection_from_rows(rows, [], [], name="hostile"), tmp_path / "index")
    for hybrid in (False, True):
        for text in HOSTILE:
            held = {(hit.id, hit.language, hit.title, hit.text) for hit in found.search(text, hybrid=hybrid)}
            assert held == set(rows)
    assert found.delete([row[0] for row in rows[1:]]) == len(rows) - 1
    assert [hit.text for hit in found.search("x")] == [HOSTILE[0]]


def test_an_index_is_of_its_model(index: ig.Index, toy: Collection, static: Any) -> None:
    assert ig.open_index(index.path, static).search("tar") == index.search("tar")
    with pytest.raises(ig.InputError, match="its vectors have 32 dimensions, this model's 16"):
        ig.open_index(index.path, ig.static_encoder(toy, dimensions=16))
    with pytest.raises(ig.InputError, match="an index of another model"):
        ig.open_index(index.path, ig.static_encoder(toy, dimensions=32, seed=7))
    with pytest.raises(ig.InputError, match="given in Python, without a name"):
        ig.open_index(index.path).search("tar")


def test_the_model_is_loaded_from_where_it_was(toy: Collection, static: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    static.save_pretrained(str(folder))
    made = ig.build_index(folder, toy, tmp_path / "index")
    assert made.model_name == str(folder)
    assert ig.open_index(tmp_path / "index").search("Archiv") == made.search("Archiv")
    ig.static_encoder(toy, dimensions=32, seed=5).save_pretrained(str(folder))
    with pytest.raises(ig.InputError, match="an index of another model"):
        ig.open_index(tmp_path / "index").search("Archiv")
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(ig.InputError, match=r"cannot be searched, for the model folder .* does not exist"):
        ig.open_index(tmp_path / "index").search("Archiv")


def test_bad_questions_are_refused(index: ig.Index) -> None:
    for query in ("", " \n", "\u2003"):
        with pytest.raises(ig.InputError, match="the question is empty"):
            index.search(query)
    with pytest.raises(ig.InputError, match="no Unicode text at character 2"):
        index.search("a\ud800")
    for k in (0, -1, MOST + 1):
        with pytest.raises(ig.InputError, match=f"k must be from 1 to {MOST}, not {k}"):
            index.search("x", k=k)
    with pytest.raises(ig.InputError, match="no document in 'fr'"):
        index.search("x", within=["fr"])
    with pytest.raises(ig.InputError, match="within: 'Klingonisch' is not a language tag"):
        index.search("x", within=["Klingonisch"])
    assert {hit.language for hit in index.search("x", within=["deu", "TH"])} == {"de", "th"}  # as people write them


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ig.InputError, match="there is no index"):
        ig.open_index(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(ig.InputError, match="is not an index"):
        ig.open_index(tmp_path)


def test_updates_are_seen_by_all(tmp_path: Path) -> None:
    made = ig.build_index(Letters(), documents([("de", "abc"), ("en", "xyz")]), tmp_path / "index")
    other = ig.open_index(tmp_path / "index", Letters())  # type: ignore[arg-type]
    assert len(other.search("abc")) == 2
    assert made.upsert([("d1", "zh", "t", "abcabc"), ("d9", "en", "", "q")]) == 2
    assert other.languages == {"de": 1, "en": 1, "zh": 1}
    found = {hit.id: (hit.language, hit.title, hit.text) for hit in other.search("abc")}
    assert found == {"d0": ("de", "", "abc"), "d1": ("zh", "t", "abcabc"), "d9": ("en", "", "q")}
    assert [hit.id for hit in other.search("abcabc", k=1, hybrid=True)] == ["d1"]
    assert (other.delete(["d1", "d1", "nothing"]), len(made)) == (1, 2)
    assert made.delete(["d0", "d9"]) == 2
    assert (made.search("abc"), made.languages, other.upsert([])) == ([], {}, 0)
    assert other.upsert({"_id": "n", "lang": "eng", "text": "new"} for _ in range(1)) == 1
    assert [hit.language for hit in made.search("new", hybrid=True)] == ["en"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"_id": "a", "text": "x"}, "document 1 lacks 'lang'"),
        ({"_id": 3, "text": "x", "lang": "en"}, "document 1 has no text as '_id'"),
        (("a", "en", "", " "), "document 1 has an empty 'text'"),
        (("a", "en", "", "\udc80"), "no Unicode text at character 1"),
        (("a", "Klingonisch", "", "x"), "not a language tag"),
    ],
)
def test_bad_rows_are_refused_before_anything_is_written(index: ig.Index, row: Any, said: str) -> None:
    with pytest.raises(ig.InputError, match=said):
        index.upsert([row])
    with pytest.raises(ig.InputError, match="duplicate document id"):
        index.upsert([("a", "en", "", "x"), ("a", "de", "", "y")])
    assert len(index) == 6


def test_of_large_languages_calibration_alone_differs_from_that_of_the_whole_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranks and sizes are those of the pool; means and deviations those of candidates, as docs/fair.md says."""
    monkeypatch.setattr("isoglot.search.index.CANDIDATES", 5)
    rng = np.random.default_rng(5)
    codes = rng.choice(4, 120, p=[0.6, 0.2, 0.1, 0.1])
    vectors = rng.normal(size=(120, 26)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [(TAGS[code], f"x{at}") for at, code in enumerate(codes.tolist())]
    made = ig.build_index(Letters(), documents(texts), tmp_path / "index", embeddings=vectors)
    same = dict.fromkeys(FAIR, True)
    for query in ("abba cage", "hide", "a face", "bad idea", "chief", "jade"):
        scores = vectors @ Letters().encode_query([query])[0]
        for method in FAIR:
            order, _ = fair_ranking(scores, codes, method, sizes=np.bincount(codes))
            found = [hit.id for hit in made.search(query, k=5, fair=method)]
            same[method] &= found == [f"d{at}" for at in order[:5]]
    assert same == {"calibrate": False, "fuse": True, "quota": True}


@pytest.mark.parametrize("method", FAIR)
@pytest.mark.parametrize("hybrid", [False, True])
def test_fair_rankings_are_those_of_the_whole_index(tmp_path: Path, method: str, hybrid: bool) -> None:
    rng = np.random.default_rng(3)
    tags_of_rows = rng.choice(4, 60, p=[0.6, 0.2, 0.1, 0.1]).tolist()
    rows = [(TAGS[at], "x" + "".join(rng.choice(list("abcdefghij"), 20))) for at in tags_of_rows]
    model = Letters()
    made = ig.build_index(model, documents(rows), tmp_path / "index")
    for query, within in (("abba cage", None), ("hide", ["en", "zh"])):
        tags = within or list(made.languages)
        hits = made.search(query, k=10, fair=method, within=within, hybrid=hybrid)
        assert len({hit.id for hit in hits}) == 10
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        if not hybrid:
            kept = [at for at, (tag, _) in enumerate(rows) if tag in tags]
            scores = model.encode_document([rows[at][1] for at in kept]) @ model.encode_query([query])[0]
            codes = np.array([tags.index(rows[at][0]) for at in kept])
            order, fair = fair_ranking(scores, codes, method, sizes=np.bincount(codes))
            np.testing.assert_allclose([hit.score for hit in hits], fair[order[:10]], rtol=1e-4, atol=1e-4)
        if method == "fuse":  # the best of every language, then the second of every language
            assert {hit.language for hit in hits[: len(tags)]} == set(tags)
    with pytest.raises(ig.InputError, match="did you mean fuse"):
        made.search("x", fair="fused")


def test_a_repaired_model_is_told_the_languages(toy: Collection, static: Any, tmp_path: Path) -> None:
    model = ig.repair_model(static, toy, method="center", strength=1.0)
    made = ig.build_index(model, toy, tmp_path / "index")
    assert made.repair == "center"
    held = {hit.id: hit.score for hit in made.search("Archive", language="de", k=6)}
    asked = model.encode_query(["Archive"], language="de", normalize_embeddings=True)[0]
    for row, (tag, key) in enumerate(
        zip(*(toy.documents[name].to_pylist() for name in ("lang", "_id")), strict=True)
    ):
        text = toy.document_texts(np.array([row]))
        vector = model.encode_document(text, language=tag, normalize_embeddings=True)[0]
        assert held[key] == pytest.approx(float(vector @ asked), abs=1e-5)
    with pytest.raises(ig.InputError, match="an index of another model"):
        ig.open_index(made.path, static)
