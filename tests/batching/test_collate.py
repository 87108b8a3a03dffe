"""Collation: what a step's inputs hold, from the token cache or from the tokenizer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isoglot.batching import BatchSampler, CrossLingual, Hybrid, JointSampler, Monolingual, Multiway
from isoglot.batching.collate import StepCollator
from isoglot.batching.domain import DomainDraws, crop
from isoglot.batching.tokens import FlatTokenizer, TokenCache, flat_features
from isoglot.collections import collection_from_rows, join_collections
from isoglot.collections.negatives import with_hard_negatives
from isoglot.data import load_worldfacts
from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.objectives import Role

ROLE, LANGUAGE, TEXT, QUERY, DOMAIN = range(5)


@pytest.fixture(scope="module")
def facts():
    return load_worldfacts(("en", "de", "th"))["train"]


@pytest.fixture(scope="module")
def static(facts):
    return static_encoder(facts, dimensions=8, vocabulary=500)


def caches(model, collection, folder=None, prompts=(None, None)):
    return (
        TokenCache(
            FlatTokenizer.of(model, prompts[0]), collection.query_texts, collection.queries.num_rows, folder
        ),
        TokenCache(
            FlatTokenizer.of(model, prompts[1]), collection.document_texts, collection.documents.num_rows, folder
        ),
    )


@pytest.mark.parametrize("prompt", [None, "passage: "])
@pytest.mark.parametrize("build", [static_encoder, scratch_encoder])
def test_cached_tokens_are_what_the_encoder_would_have_read(facts, prompt, build):
    model = build(facts, dimensions=64, vocabulary=500)
    if build is scratch_encoder:
        model.max_seq_length = 12
    cache = caches(model, facts, prompts=(prompt, prompt))[1]
    rows = np.array([5, 0, 17, 5])
    ids, lengths = cache.flat(rows)
    texts = facts.document_texts(rows)
    for text, own in zip(texts, np.split(ids, np.cumsum(lengths)[:-1]), strict=True):
        expected = model.preprocess([text], prompt=prompt)["input_ids"].flatten().tolist()
        assert own.tolist() == expected


def test_a_tokenizer_that_does_not_do_all_is_not_taken_for_the_encoders_own(facts, static, monkeypatch):
    assert FlatTokenizer.of(static).alone is not None
    whole = type(static[0]).preprocess
    monkeypatch.setattr(
        type(static[0]), "preprocess", lambda self, texts, prompt=None: whole(self, [text[::-1] for text in texts])
    )
    careful = FlatTokenizer.of(static)
    assert careful.alone is None
    backwards = static[0].tokenizer.encode("sdrow owt", add_special_tokens=False)
    assert careful(["two words"])[0].tolist() == backwards.ids


def test_a_cache_on_disk_is_read_again_and_another_tokenizer_has_its_own(facts, static, tmp_path, monkeypatch):
    first = caches(static, facts, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    calls = []
    monkeypatch.setattr("isoglot.batching.tokens._fill", lambda *given: calls.append(given))
    second = caches(static, facts, tmp_path)
    assert not calls
    rows = np.arange(facts.documents.num_rows)
    assert np.array_equal(first[1].flat(rows)[0], second[1].flat(rows)[0])
    monkeypatch.undo()
    caches(static_encoder(facts, dimensions=8, vocabulary=400), facts, tmp_path)
    caches(static, facts, tmp_path, prompts=("query: ", None))
    assert len(list(tmp_path.iterdir())) == 5


def test_a_broken_off_tokenisation_leaves_nothing(facts, static, tmp_path):
    def read(rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TokenCache(FlatTokenizer.of(static), read, 10, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_cache_and_texts_without_tokens_are_no_trouble(static):
    texts = ["", "one page", ""]
    cache = TokenCache(FlatTokenizer.of(static), lambda rows: [texts[row] for row in rows], 3)
    ids, lengths = cache.flat(np.array([2, 1, 0]))
    assert lengths.tolist() == [0, len(ids), 0]
    assert TokenCache(FlatTokenizer.of(static), lambda rows: [], 0).flat(np.empty(0, int))[0].tolist() == []
    found = flat_features(ids, lengths)
    assert found["offsets"].tolist() == [0, 0, len(ids)]


def test_models_that_take_more_than_a_text_are_left_to_their_own_collator(static):
    class Router:
        def __getitem__(self, position):
            return object()

    assert FlatTokenizer.of(static) is not None
    assert FlatTokenizer.of(Router()) is None


def labels_of(collator, step=0):
    return collator([step])["label"].numpy()


def test_labels_say_who_is_who(facts, static):
    sampler = BatchSampler(facts, CrossLingual(), 8)
    batch = sampler[3]
    label = labels_of(StepCollator(sampler, lambda rows: {}, caches(static, facts)), 3)
    queries, documents = label[label[:, ROLE] == Role.QUERY], label[label[:, ROLE] == Role.DOCUMENT]
    assert np.array_equal(queries[:, QUERY], facts.query_index[batch.queries])
    assert np.array_equal(documents[:, QUERY], queries[:, QUERY])
    assert np.array_equal(documents[:, TEXT], batch.documents)
    assert np.array_equal(documents[:, LANGUAGE], facts.document_language[batch.documents])
    assert not label[:, DOMAIN].any()


def test_versions_are_in_another_language_english_first(facts, static):
    collator_of = {
        name: StepCollator(BatchSampler(facts, one, 12), lambda rows: {}, caches(static, facts), versions=True)
        for name, one in (("mono", Monolingual()), ("cross", CrossLingual()), ("multiway", Multiway()))
    }
    english = facts.languages.index("en")
    for name in ("mono", "cross"):
        for step in range(5):
            label = labels_of(collator_of[name], step)
            for own, other in ((Role.QUERY, Role.OTHER_QUERY), (Role.DOCUMENT, Role.OTHER_DOCUMENT)):
                texts = {row[QUERY]: row[LANGUAGE] for row in label[label[:, ROLE] == own]}
                versions = {row[QUERY]: row[LANGUAGE] for row in label[label[:, ROLE] == other]}
                assert versions.keys() == texts.keys()  # worldfacts is parallel throughout
                for query, language in versions.items():
                    assert language != texts[query]
                    assert language == english or texts[query] == english
    assert set(labels_of(collator_of["multiway"])[:, ROLE]) == {Role.QUERY, Role.UNPAIRED_DOCUMENT}


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize(
    ("tags", "most"), [(("de", "en"), 0), (("de", "en", "sw"), 1), (("de", "en", "sw", "th"), 2)]
)
def test_no_sentence_is_beside_itself_as_its_own_translation(tags, most, joined):
    """A query of translations and the document in its language are one text, so each language comes once."""
    texts = [(f"{n}", tag, f"{tag} sentence {n}") for n in range(8) for tag in tags]
    collection = collection_from_rows(
        [(f"{tag}/{n}", tag, "", text) for n, tag, text in texts],
        texts,
        [(n, f"{tag}/{n}", 1) for n, tag, _ in texts],
        metadata={"translations": True},
    )
    if joined:
        collection = join_collections([load_worldfacts(("en", "de"))["test"], collection])
    model = static_encoder(collection, dimensions=8, vocabulary=200)
    sampler = (JointSampler if joined else BatchSampler)(collection, CrossLingual(), 6, seed=1)
    collator = StepCollator(sampler, lambda rows: {}, caches(model, collection), versions=True)
    first = len(collection.query_ids) - 8  # query id index
    checked = 0
    for step in range(40):
        label = labels_of(collator, step)
        for query in set(label[:, QUERY]):
            own = label[label[:, QUERY] == query]
            if query < first:  # questions: both sides have their versions
                assert len(own) == 4
                continue
            assert len(own) == len(set(own[:, LANGUAGE])) == len(tags)
            checked += 1
    assert checked


def test_hard_negatives_come_along_once_and_never_as_what_they_are_relevant_to():
    collection = collection_from_rows(
        [(f"d{n}", "en", "", f"page {n}") for n in range(8)] + [("e0", "de", "", "Seite 0")],
        [(f"q{n}", "en", f"question {n}") for n in range(4)],
        [(f"q{n}", f"d{n}", 1) for n in range(4)] + [("q0", "e0", 1)],
    )
    # q0: d4 d5; q1: d4 and e0, which answers q0; q2: d3, the document of q3; q3: none
    hard = with_hard_negatives(collection, np.array([0, 2, 4, 5, 5]), np.array([4, 5, 4, 8, 3]))
    model = static_encoder(collection, dimensions=8, vocabulary=100)
    label = labels_of(
        StepCollator(BatchSampler(hard, Monolingual(), 4), lambda rows: {}, caches(model, hard), negatives=2)
    )
    negatives = {row[TEXT]: row[QUERY] for row in label[label[:, ROLE] == Role.NEGATIVE]}
    assert negatives == {4: -1, 5: -1, 8: 0}


def test_negatives_of_a_querys_versions_serve_all_language_pairs():
    """Each version lists those in its own language: a batch from English to German gets the German ones."""
    tags = ("de", "en")
    collection = collection_from_rows(
        [(f"{tag}{n}", tag, "", f"{tag} page {n}") for tag in tags for n in range(8)],
        [(f"q{n}", tag, f"{tag} question {n}") for tag in tags for n in range(2)],
        [(f"q{n}", f"{tag}{n}", 1) for tag in tags for n in range(2)],
    )
    # q0 has pages 4 and 5, q1 has 6 and 7; German pages are rows 0 to 7
    hard = with_hard_negatives(collection, np.array([0, 2, 4, 6, 8]), np.array([4, 5, 6, 7, 12, 13, 14, 15]))
    model = static_encoder(collection, dimensions=8, vocabulary=100)
    for pair, expected in ((("en", "de"), {4, 5, 6, 7}), (("de", "en"), {12, 13, 14, 15})):
        sampler = BatchSampler(hard, CrossLingual(pairs=(pair,)), 2)
        label = labels_of(StepCollator(sampler, lambda rows: {}, caches(model, hard), negatives=2))
        assert set(label[label[:, ROLE] == Role.NEGATIVE][:, TEXT].tolist()) == expected


@pytest.mark.parametrize("strategy", [CrossLingual(pairs=(("en", "de"), ("de", "en"))), Multiway(ways=2)])
def test_hard_negative_queries_are_those_that_hard_negatives_answer_in_a_querys_language(strategy):
    tags = ("de", "en", "fr")
    collection = collection_from_rows(
        [(f"{tag}{n}", tag, "", f"{tag} page {n}") for tag in tags for n in range(6)],
        [(f"q{n}", tag, f"{tag} question {n}") for tag in tags for n in range(6)],
        [(f"q{n}", f"{tag}{n}", 1) for tag in tags for n in range(6)] + [("q4", "de0", 1)],
    )
    # q0 has the pages of q2, q3 and q4 as hard negatives, but q4 is answered by a page of q0's; q1 that of q5
    pages = {0: [2, 3, 4], 1: [5]}
    rows = [[6 * (number // 6) + page for page in pages.get(number % 6, ())] for number in range(18)]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in rows])])
    hard = with_hard_negatives(collection, offsets, np.array([page for one in rows for page in one]))
    model = static_encoder(collection, dimensions=8, vocabulary=100)
    sampler = BatchSampler(hard, strategy, 2)
    seen = set()
    for most in (1, 5):
        collate = StepCollator(sampler, lambda rows: {}, caches(model, hard), versions=True, negative_queries=most)
        for step in range(40):
            label = collate([step])["label"].numpy()
            assert np.array_equal(collate([step])["label"].numpy(), label)  # the same when asked again
            queries = label[np.isin(label[:, ROLE], [Role.QUERY, Role.OTHER_QUERY])]
            asked = set(queries[queries[:, ROLE] == Role.QUERY][:, TEXT].tolist())
            added = [tuple(row) for row in queries[:, [TEXT, LANGUAGE]].tolist() if row[0] not in asked]
            assert len(added) == len(set(added))
            assert all(collection.languages[language] != "en" for _, language in added)
            possible = {page for number in asked for page in pages.get(number, ()) if page != 4} - asked
            numbers = {number for number, _ in added}
            assert numbers <= possible
            if isinstance(strategy, CrossLingual):
                asking = [number for number in asked if possible & set(pages.get(number, ()))]
                assert numbers == possible if most == 5 else len(numbers) == len(asking)
                language = queries[np.isin(queries[:, TEXT], [*asked])][:, LANGUAGE]
                assert {language for _, language in added} <= set(language.tolist())
            seen |= numbers
    assert seen == {2, 3, 5}


def test_code_switched_texts_are_tokenised_anew(facts, static):
    class Shouting:
        def switch(self, texts, languages, step, side):
            return [f"{side} {language}" for language in languages]

    sampler = BatchSampler(facts, Hybrid(), 4)
    inputs = StepCollator(sampler, lambda rows: {}, caches(static, facts), switcher=Shouting())([0])
    language = facts.languages[facts.query_language[sampler[0].queries[0]]]
    expected = static.preprocess([f"query {language}"])["input_ids"]
    assert torch.equal(inputs["query_input_ids"][: len(expected)], expected)


# -- domain batches --


@pytest.fixture
def target():
    texts = [f"common words and then number {n} of the many that there are in this text here" for n in range(20)]
    return collection_from_rows(
        [(f"t{n}", "fr" if n % 2 else "de", "", text) for n, text in enumerate([*texts, texts[0]])], [], []
    )


def test_gamma_is_the_share_of_domain_batches_and_the_others_stay_what_they_were(facts, target):
    plain = BatchSampler(facts, Hybrid(), 8, seed=3)
    mixed = BatchSampler(facts, Hybrid(gamma=0.25), 8, seed=3, target=target)
    steps = [mixed[step] for step in range(256)]
    assert sum(batch.kind == "domain" for batch in steps) == pytest.approx(64, abs=1)
    others = [batch for batch in steps if batch.kind != "domain"]
    for number, batch in enumerate(others):
        assert np.array_equal(batch.queries, plain[number].queries)
    seen = np.concatenate([batch.documents for batch in steps if batch.kind == "domain"][:2])
    assert len(set(seen.tolist())) == 16  # each text once before any twice


def test_domain_inputs_are_two_crops_of_each_text(facts, target, static):
    sampler = BatchSampler(facts, Hybrid(gamma=0.5), 21, target=target)
    step = next(step for step in range(9) if sampler[step].kind == "domain")
    inputs = StepCollator(sampler, lambda rows: {}, caches(static, facts))([step])
    label = inputs["label"]
    assert len(inputs["query_offsets"]) == len(inputs["document_offsets"]) == 21
    assert label[:, DOMAIN].all()
    own = {int(row[TEXT]) for row in label}
    assert len(own) == 20  # the repeated text has the id of the first one, so that neither is a negative
    assert sampler.languages == len(facts.languages) + 1  # French is new
    first, second = sampler.domain.crops(sampler[step].documents, step)
    texts = target.document_texts(sampler[step].documents)
    assert all(a in text and b in text for a, b, text in zip(first, second, texts, strict=True))
    assert first == sampler.domain.crops(sampler[step].documents, step)[0]
    assert first != second


@pytest.mark.parametrize("text", ["one two", "word " * 40, "一二三四五六七八九十" * 5, "x"])
def test_a_crop_is_a_span_of_the_text(text):
    rng = np.random.default_rng(0)
    for _ in range(50):
        found = crop(text, rng)
        assert found
        assert found in text
        assert len(found) <= max(len(text) * 0.55, 4 * 5)


def test_gamma_and_target_need_each_other(facts, target):
    with pytest.raises(InputError, match="target"):
        BatchSampler(facts, Hybrid(gamma=0.5), 8)
    with pytest.raises(InputError, match="gamma"):
        BatchSampler(facts, Hybrid(), 8, target=target)
    with pytest.raises(InputError, match="no documents"):
        DomainDraws(collection_from_rows([], [], []), ("en",), 4, 0)
