"""`LanguageMap`: the module of a repaired model that moves each embedding by its language."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import torch
from sentence_transformers.base.modules import Module
from torch import Tensor

from isoglot.errors import InputError
from isoglot.languages.matching import match_tag
from isoglot.languages.tags import read_tag

__all__ = ["LanguageMap"]

logger = logging.getLogger(__name__)

QUERY, DOCUMENT = 0, 1


class LanguageMap(Module):
    """Moves embeddings of unit length by their language: z becomes W (z - m), W and m being the language's.

    The language is given to all texts of a call, `model.encode(texts, language="de")`; without it each embedding's
    is found by a linear discriminant. Texts of `encode_query` have maps of their own, those of `encode_document`
    and plain `encode` others. A language that was not seen in fitting gets the map of all languages together.

    Args:
        languages: canonical tags of those seen, L of them.
        dimensions: d, of the embeddings.
        whitens: whether there is a W; without one it is the identity.

    Attributes:
        offset: (2, L + 1, d) m: of queries, of documents; the last row is for other languages.
        scale: (2, L + 1, d, d) W, if it whitens.
        detector_weight: (2, L, d) of the discriminant.
        detector_bias: (2, L).
    """

    forward_kwargs: ClassVar[set[str]] = {"language", "task"}
    config_keys: ClassVar[list[str]] = ["languages", "dimensions", "whitens"]
    offset: Tensor
    scale: Tensor
    detector_weight: Tensor
    detector_bias: Tensor

    def __init__(self, languages: list[str], dimensions: int, whitens: bool = False) -> None:
        super().__init__()
        self.languages, self.dimensions, self.whitens = list(languages), dimensions, whitens
        size = len(languages)
        self.register_buffer("offset", torch.zeros(2, size + 1, dimensions))
        self.register_buffer("detector_weight", torch.zeros(2, size, dimensions))
        self.register_buffer("detector_bias", torch.zeros(2, size))
        if whitens:
            self.register_buffer("scale", torch.eye(dimensions).repeat(2, size + 1, 1, 1))
        self._told: set[str] = set()

    def forward(
        self, features: dict[str, Any], language: str | None = None, task: str | None = None
    ) -> dict[str, Any]:
        """Move `sentence_embedding` (n, d).

        Args:
            features: with `sentence_embedding`.
            language: tag of the language of all n; None to find that of each.
            task: `query` or `document`, as `encode_query` and `encode_document` say.

        Raises:
            InputError: the language is no tag.
        """
        given = features["sentence_embedding"]
        embeddings = given.float()
        role = QUERY if task == "query" else DOCUMENT
        if language is None:
            scores = embeddings @ self.detector_weight[role].float().T + self.detector_bias[role].float()
            code = scores.argmax(dim=1)
        else:
            code = torch.full((len(embeddings),), self.code_of(language), device=embeddings.device)
        moved = embeddings - self.offset[role].float()[code]
        if self.whitens:
            for one in code.unique().tolist():
                rows = code == one
                moved[rows] = moved[rows] @ self.scale[role, one].float()
        features["sentence_embedding"] = moved.to(given.dtype)
        return features

    def code_of(self, language: str) -> int:
        """Return the number of a language's map; L for one that was not seen, which is said once.

        Raises:
            InputError: it is no language tag.
        """
        if not isinstance(language, str):
            raise InputError(
                f"language is one tag, such as 'de', for all texts of a call, not {language!r}: encode the texts "
                "of each language by themselves"
            )
        known = language in self.languages
        found = language if known else match_tag(read_tag(language, "language"), self.languages)
        if found is not None:
            return self.languages.index(found)
        if language not in self._told:
            self._told.add(language)
            logger.warning(
                "the repair was fitted without texts in %s (but %s): they get the map of all languages together",
                language,
                ", ".join(self.languages),
            )
        return len(self.languages)

    def get_embedding_dimension(self) -> int:
        """Return d."""
        return self.dimensions

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Save languages and maps to a folder."""
        self.save_config(output_path)
        self.save_torch_weights(output_path, safe_serialization=safe_serialization)

    @classmethod
    def load(  # noqa: D102
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        **kwargs: Any,
    ) -> LanguageMap:
        where = {
            "subfolder": subfolder,
            "token": token,
            "cache_folder": cache_folder,
            "revision": revision,
            "local_files_only": local_files_only,
        }
        found = cls(**cls.load_config(model_name_or_path, **where))
        loaded: LanguageMap = cls.load_torch_weights(model_name_or_path, model=found, **where)
        return loaded
