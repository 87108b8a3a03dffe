"""Static encoders that start from pretrained ones: vectors are model2vec's, and it is not needed later."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from isoglot.collections import collection_from_rows
from isoglot.collections.select import take_part
from isoglot.encoders import distil_static, load_encoder, static_encoder
from isoglot.errors import InputError

pytest.importorskip("model2vec.distill", reason="needs model2vec and skeletoken: pip install 'isoglot[distill]'")

PIECES = [
    *("<s>", "<pad>", "</s>", "<unk>", "▁", "a", "e", "l", "i", "s", "t", "r", "▁list", "▁Dateien", "▁files"),
    *("▁the", "▁of", "▁archive", "▁ls", "▁tar", "chive", "file", "▁a", "en", "ร", "า", "ย", "ก", "แสดง", "ไฟล์"),
]


@pytest.fixture(scope="module")
def unigram(tmp_path_factory):
    """A BERT with random weights and a Unigram tokenizer, as E5 has it."""
    folder = tmp_path_factory.mktemp("models") / "unigram"
    tokenizer = Tokenizer(models.Unigram([(piece, -float(n)) for n, piece in enumerate(PIECES)], unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=16,
        **{"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"},
    )
    fast.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(PIECES), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
        )
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def folders(pretrained_folders, unigram):
    return {**pretrained_folders, "unigram": unigram}


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("kind", ["unigram", "mbert", "xlmr"])  # Unigram, WordPiece and byte-pair tokenizers
def test_vectors_are_those_of_model2vec_but_for_their_common_size(kind, folders):
    from model2vec.distill import distill

    ours = distil_static(folders[kind], dimensions=8)[0]
    theirs = distill(str(folders[kind]), pca_dims=8, quantize_to="float32", device="cpu")
    assert ours.tokenizer.get_vocab() == theirs.tokenizer.get_vocab()
    unknown = ours.tokenizer.token_to_id(load_encoder(folders[kind]).tokenizer.unk_token)
    mine, known = ours.embedding.weight.detach().numpy(), np.arange(len(theirs.embedding)) != unknown
    scale = mine[-1, 0] / theirs.embedding[-1, 0]
    assert mine[known] == pytest.approx(scale * theirs.embedding[known], rel=1e-4, abs=1e-7)
    assert not mine[unknown].any()


@pytest.mark.parametrize("kind", ["mbert", "xlmr"])  # of Unigram model2vec 0.10 mistakes the unknown piece
def test_embeddings_are_those_of_model2vec(kind, folders, toy):
    from model2vec.distill import distill

    ours = distil_static(folders[kind], dimensions=8)
    theirs = distill(str(folders[kind]), pca_dims=8, quantize_to="float32", device="cpu")
    texts = [text for text in toy.query_texts() + toy.document_texts() if theirs.tokenize([text])[0]]
    embedded = ours.encode(texts)
    assert embedded.shape == (len(texts), 8)
    assert np.linalg.norm(embedded, axis=1) == pytest.approx(1, abs=1e-5)
    assert cosines(embedded, theirs.encode(texts)) == pytest.approx(1, abs=1e-5)


def test_vectors_are_of_the_size_of_those_that_start_from_nothing(unigram, toy):
    """So that the same learning rate moves both as far."""
    from_nothing = static_encoder(toy, dimensions=8)[0].embedding.weight
    distilled = distil_static(unigram, dimensions=8)[0].embedding.weight
    assert distilled.square().mean().sqrt().item() == pytest.approx(
        from_nothing.square().mean().sqrt().item(), rel=0.1
    )


def test_frequent_sub_words_weigh_less(unigram):
    """By a / (a + p), p falling as 1 / rank."""
    from model2vec.distill import distill

    plain = distill(str(unigram), pca_dims=8, sif_coefficient=None, quantize_to="float32", device="cpu").embedding
    ours = distil_static(unigram, dimensions=8)[0].embedding.weight.detach().numpy()
    ratio = np.linalg.norm(ours, axis=1) / np.linalg.norm(plain, axis=1)
    ranks = np.arange(len(ratio)) + 2
    shares = (1 / ranks) / (1 / ranks).sum()
    expected = 1e-4 / (1e-4 + shares)
    kept = ratio > 0  # all but the unknown one, which counts for nothing
    assert kept.sum() == len(ratio) - 1
    assert ratio[kept] / ratio[-1] == pytest.approx(expected[kept] / expected[-1], rel=1e-3)


def test_what_is_saved_loads_where_neither_model2vec_nor_isoglot_is(unigram, toy, tmp_path):
    model = distil_static(unigram, toy, dimensions=8, vocabulary=20)
    model.save(str(tmp_path / "model"))
    np.save(tmp_path / "expected.npy", model.encode(toy.document_texts()))
    (tmp_path / "texts.txt").write_text("\n".join(toy.document_texts()), encoding="utf-8")
    script = """
import sys
for name in ("isoglot", "model2vec", "skeletoken"):
    sys.modules[name] = None
import numpy as np
from pathlib import Path
from sentence_transformers import SentenceTransformer
folder = Path(sys.argv[1])
found = SentenceTransformer(str(folder / "model"), device="cpu").encode(
    (folder / "texts.txt").read_text(encoding="utf-8").split("\\n")
)
assert np.array_equal(found, np.load(folder / "expected.npy"))
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


@pytest.mark.parametrize("kind", ["unigram", "mbert", "xlmr"])
def test_a_smaller_vocabulary_still_cuts_the_texts_it_is_for_as_before(kind, folders, toy):
    toy = take_part(toy, toy.document_language == 1, toy.query_language == 1)
    texts = toy.query_texts() + toy.document_texts()
    whole = load_encoder(folders[kind]).tokenizer
    used = {number for ids in whole(texts, add_special_tokens=False)["input_ids"] for number in ids}
    needed = len(used | set(whole.all_special_ids))
    size = needed if kind != "xlmr" else len(whole) // 2  # byte pairs also need the parts of what occurs
    cut = distil_static(folders[kind], toy, dimensions=8, vocabulary=size)[0]
    assert cut.embedding.num_embeddings == cut.tokenizer.get_vocab_size() <= size < len(whole)
    for text in texts:
        encoding = cut.tokenizer.encode(text, add_special_tokens=False)
        assert encoding.tokens == whole.backend_tokenizer.encode(text, add_special_tokens=False).tokens


def test_what_the_texts_do_not_have_is_filled_up_in_the_order_of_the_model(unigram):
    one = collection_from_rows([("d", "en", "", "files")], [("q", "en", "archive")], [("q", "d", 1)])
    kept = distil_static(unigram, one, dimensions=4, vocabulary=9)[0].tokenizer.get_vocab()
    # <s> and </s>, which a static encoder does not add to texts, are taken out in the end
    assert set(kept) == {"<pad>", "<unk>", "▁files", "▁archive", "▁", "a", "e"}


def test_the_same_is_made_again_and_no_random_number_is_drawn(unigram, toy):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again = (distil_static(unigram, toy, dimensions=8, vocabulary=20)[0].embedding.weight for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state())


def test_a_text_is_read_to_its_end_and_unknown_characters_count_for_nothing(unigram):
    model = distil_static(unigram, dimensions=8)
    long = "files " * 100
    assert not np.allclose(model.encode(long + "tar " * 100), model.encode(long))
    assert cosines(model.encode(["filesΩ"]), model.encode(["files"])) == pytest.approx(1, abs=1e-5)


def test_what_cannot_be_is_said(unigram, toy, monkeypatch):
    with pytest.raises(InputError, match="has 32 dimensions, so a static encoder from it cannot have 256"):
        distil_static(unigram)
    with pytest.raises(InputError, match="8 sub-words have no 8 principal components"):
        distil_static(unigram, toy, dimensions=8, vocabulary=8)
    with pytest.raises(InputError, match="the model has no transformer with a fast tokenizer"):
        distil_static(static_encoder(toy, dimensions=8))
    with pytest.raises(InputError, match="does not exist"):
        distil_static("no/such/folder")
    monkeypatch.setitem(sys.modules, "model2vec.distill", None)
    with pytest.raises(InputError, match=r"pip install 'isoglot\[distill\]'"):
        distil_static(unigram)


def test_a_model_that_is_loaded_stays_as_it_was(unigram, toy):
    model = load_encoder(unigram)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    size = len(model.tokenizer)
    distil_static(model, toy, dimensions=8, vocabulary=20)
    assert isinstance(model, SentenceTransformer)
    assert len(model.tokenizer) == size
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.slow
def test_texts_are_alike_as_they_are_to_the_model_it_starts_from(e5, toy):
    encoder = load_encoder(e5, device="cpu")
    model = distil_static(encoder, toy, vocabulary=1500)
    texts = toy.query_texts() + toy.document_texts()
    assert all(model[0].tokenizer.encode(text).tokens == encoder.tokenizer.tokenize(text) for text in texts)
    pairs = np.triu_indices(len(texts), 1)
    ours, theirs = ((vectors @ vectors.T)[pairs] for vectors in (model.encode(texts), encoder.encode(texts)))
    assert spearmanr(ours, theirs).statistic > 0.5
