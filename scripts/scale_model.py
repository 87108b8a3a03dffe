"""A cost model of evaluation and training, from rates of units to whole runs; scripts/scale.py has its tables."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BLOCK", "FLOAT", "HOUR", "ROOT", "Encoder", "Model", "encoder_of", "read_model"]

ROOT = Path(__file__).resolve().parents[1]
RATES, MEASURED = ROOT / "scripts" / "scale.yaml", ROOT / "benchmarks" / "results" / "scale.json"
CATALOGUE = ROOT / "src" / "isoglot" / "data" / "catalogue" / "entries" / "miracl.yaml"
FLOAT = 4  # bytes
BLOCK = 512 * 2**20  # bytes of a block of scores, DEFAULT_MEMORY of isoglot.evaluation.ranks
MOST_ROWS = 1024  # of a block, as there
HOUR = 3600


@dataclass(frozen=True)
class Encoder:
    """An encoder: what decides how much it computes.

    Attributes:
        name: what tables call it.
        layers: of a transformer; 0 for a static encoder, which means token vectors.
        width: of its layers.
        inner: width between the two linear maps of a layer.
        vocabulary: tokens.
        positions: rows of its table of positions.
        dimensions: of an embedding.
    """

    name: str
    layers: int = 0
    width: int = 0
    inner: int = 0
    vocabulary: int = 0
    positions: int = 0
    dimensions: int = 0

    @classmethod
    def of(cls, name: str, settings: dict[str, int]) -> Encoder:
        """Return the encoder of a line of scripts/scale.yaml."""
        return cls(name, **{"dimensions": settings.get("width", 0), **settings})

    @property
    def multiplied(self) -> int:
        """Parameters of the layers, each of which every token is multiplied with."""
        attention = 4 * (self.width**2 + self.width)
        between = 2 * self.width * self.inner + self.width + self.inner
        return self.layers * (attention + between + 4 * self.width)

    @property
    def parameters(self) -> int:
        """All parameters, tables of tokens and positions among them."""
        if not self.layers:
            return self.vocabulary * self.dimensions
        tables = (self.vocabulary + self.positions + 2) * self.width + 2 * self.width
        types = 0 if "xlm" not in self.name else -self.width  # an XLM-R has one token type, a BERT two
        return self.multiplied + tables + types

    def forward(self, length: float) -> float:
        """Return the FLOPs of a forward pass a token, in texts of so many tokens.

        2 for each parameter of the layers, and the two products of attention.
        """
        return 2 * self.multiplied + 4 * self.layers * length * self.width


@dataclass(frozen=True)
class Model:
    """The numbers, and what follows from them.

    Attributes:
        given: scripts/scale.yaml.
        measured: benchmarks/results/scale.json.
    """

    given: dict[str, Any]
    measured: dict[str, Any]

    @property
    def encoders(self) -> list[Encoder]:
        """The encoders of the tables."""
        return [Encoder.of(name, settings) for name, settings in self.given["encoders"].items()]

    def last(self, part: str) -> dict[str, Any]:
        """Return what was measured of a part at its largest size."""
        found: dict[str, Any] = self.measured[part]["sizes"][-1]
        return found

    # ------------------------------------------------------------------------------------------- rates of a core

    @property
    def tokenise(self) -> float:
        """Core seconds a token, of an XLM-R: once for its length, and once again to encode it."""
        one = self.last("encode_xlmr")
        return float(one["tokenise_seconds"] / one["tokens"] + self.measured["tokenise"]["seconds_a_token"])

    @property
    def static(self) -> float:
        """Core seconds a character of a static encoder, tokenising included."""
        one = self.last("evaluate_static")
        return float(one["encode_seconds"] / one["characters"])

    def core_flops(self, part: str = "encode_xlmr") -> float:
        """FLOPs a second of one core in the layers of an encoder."""
        one = self.last(part)
        done = sum(encoder_of(part).forward(length) * rows * length for rows, length in one["batches"])
        return float(done / (one["encode_seconds"] - 2 * one["tokenise_seconds"]))

    @property
    def product(self) -> float:
        """FLOPs a second of one core in the matrix product of a block of scores of many rows."""
        one = self.ranking(-2)
        return float(2 * one["rows"] * one["documents"] * one["dimensions"] / one["product_seconds"])

    @property
    def table_rate(self) -> float:
        """Bytes a second of one core in a product of a single row, for which the whole table is read."""
        one = self.ranking(-1)
        return float(FLOAT * one["documents"] * one["dimensions"] / one["single_row_seconds"])

    @property
    def prepare(self) -> float:
        """Core seconds a number of the table, to find documents that have the same embedding."""
        one = self.ranking(-1)
        return float(one["prepare_seconds"] / (one["documents"] * one["dimensions"]))

    @property
    def rank(self) -> float:
        """Core seconds a score, to make keys of it and count those before the relevant ones."""
        one = self.ranking(-2)
        blocks = math.ceil(one["queries"] / one["rows"])
        rest = one["whole_seconds"] - blocks * one["product_seconds"] - one["prepare_seconds"]
        return float(rest / (one["queries"] * one["documents"]))

    def ranking(self, size: int) -> dict[str, Any]:
        """Return what was measured of ranking at a size."""
        found: dict[str, Any] = self.measured["rank"]["sizes"][size]
        return found

    # ---------------------------------------------------------------------------------------------------- MIRACL

    def languages(self) -> list[tuple[str, int, int, float, float]]:
        """Return tag, passages, dev queries, tokens of a passage and of a query, of each language of MIRACL."""
        entry = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
        (sizes,) = (one["by_language"] for one in entry["sizes"] if one["split"] == "dev")
        rates, more = self.measured["tokenise"]["tokens_a_character"], self.given["assumed"]["special_tokens"]
        found = []
        for tag, size in sizes.items():
            rate = rates[self.given["ntrex"][tag]]
            passage, query = (count * rate + more for count in self.given["characters"][tag])
            found.append((tag, size["documents"], size["queries"], passage, query))
        return found

    def totals(self) -> tuple[int, int, float, float]:
        """Return passages, queries, and tokens of all passages and of all queries."""
        rows = self.languages()
        passages, queries = (sum(row[at] for row in rows) for at in (1, 2))
        return passages, queries, sum(row[1] * row[3] for row in rows), sum(row[2] * row[4] for row in rows)

    def text(self) -> float:
        """Return the characters of all passages and queries."""
        count = self.given["characters"]
        return sum(row[1] * count[row[0]][0] + row[2] * count[row[0]][1] for row in self.languages())

    def rows(self, documents: int, memory: float = BLOCK) -> int:
        """Return how many queries are scored together, as `isoglot.evaluation.ranks.block_rows` says."""
        return int(min(max(1, memory // (FLOAT * documents)), MOST_ROWS))

    def on_cores(self, encoder: Encoder, memory: float = BLOCK) -> dict[str, float]:
        """Return the core seconds of evaluating MIRACL, by stage."""
        documents, queries, passage_tokens, query_tokens = self.totals()
        tokens, length = passage_tokens + query_tokens, passage_tokens / documents
        scores, size = queries * documents, encoder.dimensions
        rows = self.rows(documents, memory)
        computed = 2 * scores * size / self.product
        read = FLOAT * documents * size * math.ceil(queries / rows) / self.table_rate
        transformer = bool(encoder.layers)
        return {
            "tokenise": tokens * self.tokenise if transformer else 0.0,
            "encode": tokens * encoder.forward(length) / self.core_flops()
            if transformer
            else self.text() * self.static,
            "product": max(computed, read),
            "rank": scores * self.rank + documents * size * self.prepare,
        }

    def on_gpus(self, encoder: Encoder, gpus: int) -> dict[str, float]:
        """Return the seconds of evaluating MIRACL, by stage, with passages shared among GPUs and their cores."""
        gpu, node, share = self.given["gpu"], self.given["node"], self.given["assumed"]["utilisation"]
        documents, queries, passage_tokens, query_tokens = self.totals()
        length, cores = passage_tokens / documents, gpus * node["cores"] / node["gpus"]
        core, scores = self.on_cores(encoder), queries * documents
        encoding = (passage_tokens + query_tokens) * encoder.forward(length) / (gpus * share * gpu["bf16_flops"])
        rows = min(MOST_ROWS, self.rows(math.ceil(documents / gpus)))
        passes = FLOAT * documents * encoder.dimensions * math.ceil(queries / rows) / gpus
        product = max(
            2 * scores * encoder.dimensions / (gpus * share * gpu["fp32_flops"]),
            passes / (share * gpu["memory_rate"]),
        )
        moved = scores * FLOAT / (gpus * share * gpu["host_rate"])
        return {
            "tokenise": core["tokenise"] / cores,
            "encode": encoding if encoder.layers else core["encode"] / cores,
            "product": product + moved,
            "rank": core["rank"] / cores,
        }

    # -------------------------------------------------------------------------------------------------- training

    def pair(self) -> tuple[float, float]:
        """Return the tokens of a training pair, and those of its longer text, the passage, as in MIRACL."""
        documents, queries, passage_tokens, query_tokens = self.totals()
        return passage_tokens / documents + query_tokens / queries, passage_tokens / documents

    def step(self, encoder: Encoder, gpus: int, batch: int) -> dict[str, float]:
        """Return the seconds of a training step by what takes them, nothing overlapping."""
        gpu, node, assumed = self.given["gpu"], self.given["node"], self.given["assumed"]
        share, size = assumed["utilisation"], encoder.dimensions
        tokens, length = self.pair()
        rate = node["link_rate"] if gpus <= node["gpus"] else node["network_rate"]
        others = (gpus - 1) / gpus
        passes = 3 + assumed["chunks_computed_again"]
        return {
            "encode": passes * batch * tokens * encoder.forward(length) / (gpus * share * gpu["bf16_flops"]),
            "loss": 6 * batch**2 * size / (share * gpu["fp32_flops"]),
            "gather": 2 * batch * size * FLOAT * others / (share * rate),
            "all-reduce": 2 * encoder.parameters * FLOAT * others / (share * rate),
            "compose": batch * self.last("sample")["seconds_a_row"],
        }

    def loss_bytes(self, batch: int) -> float:
        """Return the memory of InfoNCE on a batch, forward and backward, in each process."""
        return float(self.last("loss")["copies"] * FLOAT * batch**2)

    def sampler_bytes(self, pairs: float) -> float:
        """Return the memory of a sampler of so many pairs, in each process."""
        one = self.last("sample")
        return float(one["peak_bytes"] / one["pairs"] * pairs)


def encoder_of(part: str) -> Encoder:
    """Return the encoder that was measured in a part."""
    if part == "encode_xlmr":
        return Encoder("multilingual-e5-small", 12, 384, 1536, 250_037, 512, 384)
    return Encoder("all-MiniLM-L6-v2", 6, 384, 1536, 30_522, 512, 384)


def read_model(rates: Path = RATES) -> Model:
    """Return the model of a file of numbers and of what was measured."""
    return Model(
        yaml.safe_load(rates.read_text(encoding="utf-8")), json.loads(MEASURED.read_text(encoding="utf-8"))
    )
