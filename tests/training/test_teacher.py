"""Training with a teacher: whose embeddings each text of a batch gets, and runs that learn from them."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from transformers import TrainerCallback

from isoglot.batching import BatchSampler, CodeSwitcher, Hybrid, JointSampler, Multiway
from isoglot.batching.collate import StepCollator
from isoglot.cli import main
from isoglot.collections import collection_from_rows, join_collections, write_collection
from isoglot.collections.negatives import with_hard_negatives
from isoglot.data.lexicons.lexicon import lexicon_from_pairs
from isoglot.data.sampling import sample_collection
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.evaluation.cache import EmbeddingCache
from isoglot.objectives import (
    BatchLabels,
    EmbeddingDistillation,
    InfoNCE,
    MultiwayInfoNCE,
    Role,
    SimilarityDistillation,
)
from isoglot.training import HybridTrainer
from isoglot.training.execution import Objective
from isoglot.training.teacher import read_teacher, teacher_embeddings

WORDS = ("sun", "moon", "star", "sea", "tree", "stone", "bird", "fish", "bread", "salt", "rain", "snow")
GERMAN = ("Sonne", "Mond", "Stern", "Meer", "Baum", "Stein", "Vogel", "Fisch", "Brot", "Salz", "Regen", "Schnee")


@pytest.fixture(scope="module")
def words():
    """A page and a question on each of twelve things, in English and German."""
    spoken = {"en": [(word, f"the page of {word}", f"{word} ?") for word in WORDS]}
    spoken["de"] = [(word, f"die Seite über {own}", f"{own} ?") for word, own in zip(WORDS, GERMAN, strict=True)]
    return collection_from_rows(
        [(f"{tag}/{word}", tag, "", page) for tag, rows in spoken.items() for word, page, _ in rows],
        [(word, tag, asked) for tag, rows in spoken.items() for word, _, asked in rows],
        [(word, f"{tag}/{word}", 1) for tag, rows in spoken.items() for word, *_ in rows],
        name="words",
    )


@pytest.fixture(scope="module")
def teacher(words) -> SentenceTransformer:
    """A model with prompts of its own and another size than the students'."""
    model = static_encoder(words, dimensions=24, vocabulary=200, seed=5)
    model.prompts |= {"query": "ask: ", "document": "page: "}
    return model


def student(words) -> SentenceTransformer:
    return static_encoder(words, dimensions=16, vocabulary=150)


def make(words, folder, objective, teacher, steps=20, callbacks=(), settings=None, **options) -> HybridTrainer:
    args = Arguments(
        str(folder),
        max_steps=steps,
        per_device_train_batch_size=8,
        report_to="none",
        disable_tqdm=True,
        **({"learning_rate": 0.05, "save_strategy": "no", "logging_steps": 5} | (settings or {})),
    )
    return HybridTrainer(
        student(words), words, objective=objective, teacher=teacher, args=args, callbacks=list(callbacks), **options
    )


def own_embeddings(teacher, collection) -> np.ndarray:
    """What the library makes of all texts, queries first."""
    queries = teacher.encode_query(collection.query_texts(), normalize_embeddings=True)
    documents = teacher.encode_document(collection.document_texts(), normalize_embeddings=True)
    return np.concatenate([queries, documents])


def rows_of(labels: BatchLabels, texts: list[str], collection) -> None:
    """Check that each row is that of the text beside it."""
    queries = collection.queries.num_rows
    for row, text, role in zip(labels.rows.tolist(), texts, labels.roles.tolist(), strict=True):
        of_query = role in (Role.QUERY, Role.OTHER_QUERY)
        assert (row < queries) == of_query
        read = collection.query_texts if of_query else collection.document_texts
        assert read(np.array([row if of_query else row - queries])) == [text]


# -- embeddings --


def test_texts_are_embedded_by_the_teachers_own_prompts_and_once_for_all(words, teacher, tmp_path, monkeypatch):
    found = teacher_embeddings(teacher, words, cache=tmp_path)
    expected = own_embeddings(teacher, words)
    assert np.allclose(found.embeddings, expected, atol=1e-6)
    assert isinstance(found.embeddings, np.memmap)
    assert found.dimensions == 24
    rows = torch.arange(len(expected))
    vectors, known = found.look_up(rows, "own")
    assert known.all()
    assert np.allclose(vectors, expected, atol=1e-6)
    english = found.look_up(rows, "english")[0]
    tags = np.array(words.queries["lang"].to_pylist() + words.documents["lang"].to_pylist())
    names = words.queries["_id"].to_pylist() + [name[3:] for name in words.documents["_id"].to_pylist()]
    sides = [0] * words.queries.num_rows + [1] * words.documents.num_rows
    texts = list(zip(names, sides, strict=True))
    place = {one: row for row, one in enumerate(texts) if tags[row] == "en"}
    leads = [place[one] for one in texts]
    assert np.allclose(english, expected[leads], atol=1e-6)

    def refuse(*_, **__):
        raise AssertionError("encoded again")

    monkeypatch.setattr(EmbeddingCache, "_write", refuse)
    again = teacher_embeddings(teacher, words, cache=tmp_path)
    assert np.array_equal(again.embeddings, found.embeddings)
    assert again.fingerprint == found.fingerprint


def test_what_batches_never_show_is_not_embedded(words, teacher):
    extended = collection_from_rows(
        [("x", "en", "", "nobody asks"), ("y", "en", "", "nor this"), ("z", "en", "", "the answer")],
        [("q", "en", "who asks"), ("idle", "en", "no answer")],
        [("q", "z", 1)],
    )
    extended = with_hard_negatives(extended, np.array([0, 1, 1]), np.array([1]))
    _, known = teacher_embeddings(teacher, extended).look_up(torch.arange(5), "own")
    assert known.tolist() == [True, False, False, True, True]  # q, idle, x, y, z


@pytest.mark.parametrize("with_ids", [False, True])
def test_files_of_embeddings_teach_as_the_model_does(words, teacher, tmp_path, with_ids):
    expected = own_embeddings(teacher, words)
    queries, documents = expected[: words.queries.num_rows], expected[words.queries.num_rows :]
    names = [f"{row['_id']}\t{row['lang']}" for row in words.queries.select(["_id", "lang"]).to_pylist()]
    ids = words.documents["_id"].to_pylist()
    order = np.random.default_rng(0).permutation(len(ids)) if with_ids else np.arange(len(ids))
    for name, table, lines in (("q", queries, names), ("d", documents, ids)):
        np.save(tmp_path / f"{name}.npy", 3 * table[order])  # of any length
        if with_ids:
            (tmp_path / f"{name}.ids").write_text("".join(f"{lines[row]}\n" for row in order))
    source = f"embeddings:{tmp_path / 'q.npy'},{tmp_path / 'd.npy'}"
    found = teacher_embeddings(source, words)
    assert np.allclose(found.embeddings, expected, atol=1e-6)
    if with_ids:
        sample = sample_collection(words, {"de": 3, "en": 5})
        part = teacher_embeddings(source, sample)
        vectors, known = part.look_up(torch.arange(sample.queries.num_rows), "own")
        assert known.all()
        own = own_embeddings(teacher, sample)[: sample.queries.num_rows]
        assert np.allclose(vectors, own, atol=1e-6)
    joined = join_collections([words, words])
    both = teacher_embeddings([source, source], joined)
    rows = np.concatenate([np.arange(24), np.arange(24), np.arange(24, 48), np.arange(24, 48)])
    assert np.allclose(both.embeddings, expected[rows], atol=1e-6)
    assert np.allclose(teacher_embeddings(teacher, joined).embeddings, both.embeddings, atol=1e-6)
    assert read_teacher(source).fingerprint != read_teacher([source, source]).fingerprint
    np.save(tmp_path / "d.npy", documents[::-1])
    assert read_teacher(source).fingerprint != found.fingerprint


def test_a_term_that_asks_for_english_versions_has_these_embedded_alone(words, teacher, tmp_path):
    for of, count in (("english", 24), ("own", 48)):
        trainer = make(words, tmp_path, InfoNCE() + EmbeddingDistillation(of), teacher)
        _, known = trainer.loss.teacher.look_up(torch.arange(48), "own")
        assert known.sum() == count
        assert trainer.loss.teacher.look_up(torch.arange(48), of)[1].all()
    both = EmbeddingDistillation("english") + SimilarityDistillation("own")
    assert make(words, tmp_path, both, teacher).loss.teacher.look_up(torch.arange(48), "own")[1].all()


# -- batches --


def shown(words, sampler, **options) -> tuple[BatchLabels, list[str]]:
    """The labels of the batch of step 2, and the texts that an encoder would have read."""
    read: list[str] = []

    def collate(rows):
        read.extend(text for row in rows for text in row.values())
        return {}

    labels = StepCollator(sampler, collate, **options)([2])["label"]
    return BatchLabels.unpack(labels), read


def test_every_text_of_a_batch_says_which_of_the_collection_it_is(words):
    mined = with_hard_negatives(words, np.arange(25), (np.arange(24) + 5) % 12 + np.arange(24) // 12 * 12)
    for sampler, options in (
        (BatchSampler(words, Hybrid(), 6), {}),
        (BatchSampler(words, Hybrid(), 6), {"versions": True}),
        (BatchSampler(mined, Hybrid(), 4), {"negatives": 1, "versions": True}),
        (BatchSampler(words, Multiway(), 6), {}),
        (JointSampler([mined, mined], Hybrid(), 4), {"negatives": 1}),
    ):
        labels, texts = shown(words, sampler, **options)
        rows_of(labels, texts, sampler.collection)
        assert (options.get("negatives") is None) or Role.NEGATIVE in labels.roles.tolist()


def test_code_switched_texts_keep_the_rows_of_what_they_were(words):
    lexicon = lexicon_from_pairs("en", "de", [(word, own) for word, own in zip(WORDS, GERMAN, strict=True)])
    sampler = BatchSampler(words, Hybrid(), 12)
    plain, texts = shown(words, sampler)
    switched, others = shown(words, sampler, switcher=CodeSwitcher([lexicon], 1.0, "both"))
    assert texts != others
    assert torch.equal(plain.rows, switched.rows)


def test_crops_have_no_row(words):
    sampler = BatchSampler(words, Hybrid(gamma=0.5), 6, target=words)
    step = next(step for step in range(50) if sampler[step].kind == "domain")
    labels = BatchLabels.unpack(StepCollator(sampler, lambda rows: {})([step])["label"])
    assert set(labels.rows.tolist()) == {-1}


# -- runs --


def distance(model, teacher, words) -> float:
    """Mean distance of all texts from the teacher's embedding of their English versions."""
    term = EmbeddingDistillation()
    found = teacher_embeddings(teacher, words)
    term.teacher_dimensions = found.dimensions
    vectors = own_embeddings(model, words)
    target = found.look_up(torch.arange(len(vectors)), "english")[0].numpy()
    return float(1 - (vectors * target).sum(axis=1).mean())


@pytest.mark.parametrize("strategy", [Hybrid(), Multiway()], ids=["hybrid", "multiway"])
def test_the_student_comes_nearer_to_the_teacher(words, tmp_path, strategy):
    teacher = static_encoder(words, dimensions=16, vocabulary=200, seed=5)
    trainer = make(words, tmp_path, EmbeddingDistillation(), teacher, steps=60, strategy=strategy)
    assert trainer.loss.terms[0].projection is None
    before = distance(trainer.model, teacher, words)
    trainer.train()
    after = distance(trainer.model, teacher, words)
    assert after < 0.3 * before
    logs = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert logs[-1] < 0.5 * logs[0]


def test_terms_learn_beside_others_in_batches_of_all_kinds(words, teacher, tmp_path):
    mined = with_hard_negatives(words, np.arange(25), (np.arange(24) + 5) % 12 + np.arange(24) // 12 * 12)
    lexicon = lexicon_from_pairs("en", "de", [("sun", "Sonne")])
    objective = MultiwayInfoNCE() + 2 * EmbeddingDistillation() + SimilarityDistillation("own")
    for options in (
        {"strategy": Multiway(), "negatives": 1},
        {"strategy": Hybrid(), "negatives": 1, "switcher": CodeSwitcher([lexicon], 0.5)},
        {"strategy": Hybrid(gamma=0.5), "target": words},
    ):
        trainer = make(mined, tmp_path, objective, teacher, steps=6, settings={"logging_steps": 1}, **options)
        trainer.train()
        logs = [entry for entry in trainer.state.log_history if "loss" in entry]
        for step, entry in enumerate(logs):
            shares = [entry.get(name, 0) for name in trainer.loss.names]
            if trainer.sampler[step].kind == "domain":
                continue
            assert all(share > 0 for share in shares)
            assert sum(shares) == pytest.approx(entry["loss"], rel=1e-3, abs=1e-3)


class Interrupt(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 7:
            raise KeyboardInterrupt


def test_a_resumed_run_ends_with_the_weights_and_the_projection_of_one_that_was_not_cut(words, teacher, tmp_path):
    settings = {"save_strategy": "steps", "save_steps": 5}
    objective = lambda: InfoNCE() + EmbeddingDistillation(learning_rate=0.1) + SimilarityDistillation()  # noqa: E731
    build = partial(make, words, teacher=teacher, steps=10, settings=settings, embedding_cache=tmp_path / "cache")
    whole = build(tmp_path / "whole", objective())
    at_first = whole.loss.terms[1].projection.weight.detach().clone()
    whole.train()
    cut = build(tmp_path / "cut", objective(), callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        cut.train()
    resumed = build(tmp_path / "cut", objective())
    assert torch.equal(resumed.loss.terms[1].projection.weight, at_first)
    resumed.train(resume_from_checkpoint=True)
    states = whole.loss.state_dict(), resumed.loss.state_dict()
    assert set(states[0]) == set(states[1])
    assert all(torch.equal(one, states[1][name]) for name, one in states[0].items() if name != "_extra_state")
    assert not torch.equal(states[0]["terms.1.projection.weight"], at_first)


def test_gradients_through_a_ready_objective_are_those_of_the_term(words, teacher):
    found = teacher_embeddings(teacher, words)
    model = student(words)
    sampler = BatchSampler(words, Multiway(), 8)
    inputs = StepCollator(sampler, model)([0])
    objective = Objective(model, EmbeddingDistillation(), teacher=found)
    sides = "query", "document"
    features = [{key: inputs[f"{one}_{key}"] for key in ("input_ids", "offsets")} for one in sides]
    objective(features, inputs["label"]).backward()
    labels = BatchLabels.unpack(inputs["label"])
    embeddings = torch.cat([model(part)["sentence_embedding"] for part in features])
    mapped = torch.nn.functional.normalize(embeddings @ objective.terms[0].projection.weight.T, dim=1)
    target = found.look_up(labels.rows, "english")[0]
    expected = (1 - (mapped * target).sum(dim=1)).mean()
    (gradient,) = torch.autograd.grad(expected, model[0].embedding.weight)
    assert torch.allclose(model[0].embedding.weight.grad, gradient, atol=1e-7)


# -- the command --


@pytest.fixture
def files(words, teacher, tmp_path):
    write_collection(words, tmp_path / "words")
    other = static_encoder(words, dimensions=24, vocabulary=200, seed=6)
    for name, model in (("teacher", teacher), ("other", other)):
        model.save(str(tmp_path / name), create_model_card=False)
    return tmp_path


def flags(files, out="out", **more) -> list[str]:
    given = {"data": files / "words", "out": files / out, "dimensions": 16, "vocabulary": 150, "batch-size": 8}
    given |= {"steps": 12, "save-steps": 4, "teacher": files / "teacher"}
    given |= {"objective": "EmbeddingDistillation"} | more
    kept = {key: value for key, value in given.items() if value is not None}
    return ["train", *(str(one) for key, value in kept.items() for one in (f"--{key}", value))]


def test_the_command_trains_with_a_teacher_and_says_whose(files, teacher):
    assert main(flags(files)) == 0
    record = json.loads((files / "out" / "isoglot-training.json").read_text())
    assert record["teacher"] == {
        "name": str(files / "teacher"),
        "fingerprint": read_teacher(files / "teacher").fingerprint,
        "dimensions": 24,
    }
    assert f"teacher: {files / 'teacher'}" in (files / "out" / "isoglot-training.yaml").read_text()
    losses = [entry["loss"] for entry in record["loss"]]
    assert losses[-1] < losses[0]


def test_a_run_is_not_resumed_with_another_teacher_and_is_with_one_that_has_moved(files, monkeypatch, capsys):
    from isoglot.training import run

    class Stopped(HybridTrainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, callbacks=[Interrupt()], **kwargs)

    assert main(flags(files, "whole")) == 0
    with monkeypatch.context() as patched:
        patched.setattr(run, "HybridTrainer", Stopped)
        assert main(flags(files)) == 130
    capsys.readouterr()
    (files / "teacher").rename(files / "moved")
    assert main([*flags(files, teacher=files / "other"), "--resume"]) == 2
    said = capsys.readouterr().err
    assert f"was started with another teacher than {files / 'other'}: resume it with the one it had" in said
    assert main([*flags(files, teacher=files / "moved"), "--resume"]) == 0
    weights = [next((files / out).rglob("*.safetensors")).read_bytes() for out in ("whole", "out")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"teacher": None}, "EmbeddingDistillation learns from a teacher, and there is none: give teacher"),
        (
            {"objective": "InfoNCE"},
            "a teacher is given, and no term of the objective learns from it: add EmbeddingDistillation or",
        ),
        ({"teacher": "TMP/nowhere"}, "the model folder TMP/nowhere does not exist"),
        ({"teacher": "embeddings:TMP/q.npy"}, "the teacher 'embeddings:TMP/q.npy': name two files without commas"),
        ({"teacher": "embeddings:TMP/a.npy,TMP/b.npy"}, "TMP/a.npy, the embeddings of the queries, does not exist"),
        ({"teacher": "embeddings:TMP/q.npy,TMP/few.npy"}, "TMP/few.npy has 5 rows, words has 24 documents"),
        ({"teacher": "embeddings:TMP/q.npy,TMP/named.npy"}, "TMP/named.npy lacks the embeddings of 19 of 24 docu"),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(words, files, capsys, more, message):
    np.save(files / "q.npy", np.eye(24, dtype=np.float32))
    for name in ("few", "named"):
        np.save(files / f"{name}.npy", np.eye(5, 24, dtype=np.float32))
    (files / "named.ids").write_text("".join(f"{name}\n" for name in words.documents["_id"].to_pylist()[:5]))
    more = {key: value.replace("TMP", str(files)) if value else value for key, value in more.items()}
    assert main(flags(files, **more)) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message.replace("TMP", str(files)) in line
    assert not (files / "out").exists()


def test_a_trainer_refuses_what_does_not_fit(words, teacher, tmp_path):
    build = partial(make, words, tmp_path)
    with pytest.raises(InputError, match="SimilarityDistillation learns from a teacher, and there is none"):
        build(InfoNCE() + SimilarityDistillation(), None)
    with pytest.raises(InputError, match="no term of the objective learns from it"):
        build(InfoNCE(), teacher)
    with pytest.raises(InputError, match="EmbeddingDistillation learns from a teacher, and there is none"):
        Objective(student(words), EmbeddingDistillation())
    with pytest.raises(InputError, match="2 models are given as the teacher"):
        read_teacher(["a", "b"])
    np.save(tmp_path / "e.npy", np.eye(24, dtype=np.float32))
    with pytest.raises(InputError, match="files of 2 data sets, and there are 1"):
        teacher_embeddings([f"embeddings:{tmp_path / 'e.npy'},{tmp_path / 'e.npy'}"] * 2, words)
