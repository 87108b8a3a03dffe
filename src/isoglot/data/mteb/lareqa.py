"""XQuAD-R and MLQA-R as tasks of mteb, which lacks them.

Source: Roy et al., "LAReQA: Language-agnostic answer retrieval from a multilingual pool", arXiv 2004.05484;
https://github.com/google-research-datasets/lareqa.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from mteb.abstasks.task_metadata import TaskMetadata

from isoglot.collections.collection import Collection
from isoglot.collections.folder import collection_folders, read_collection
from isoglot.data.forms.lareqa import Candidates, read_lareqa
from isoglot.data.mteb.collection_task import CollectionRetrieval, subsets_of
from isoglot.errors import InputError

__all__ = ["MLQARRetrieval", "XQuADRRetrieval"]

DATA_VARIABLE = "ISOGLOT_DATA"

CITATION = r"""@inproceedings{roy-etal-2020-lareqa,
  author = {Roy, Uma and Constant, Noah and Al-Rfou, Rami and Barua, Aditya and Phillips, Aaron and Yang, Yinfei},
  booktitle = {Proceedings of EMNLP 2020},
  title = {{LAReQA}: Language-Agnostic Answer Retrieval from a Multilingual Pool},
  year = {2020},
}"""

XQUAD_R_LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
MLQA_R_LANGUAGES = ("ar", "de", "en", "es", "hi", "vi", "zh")


def _metadata(name: str, description: str, folder: str, languages: Sequence[str], licence: str) -> TaskMetadata:
    return TaskMetadata(
        name=name,
        description=description,
        dataset={"path": f"google-research-datasets/lareqa/{folder}", "revision": "local"},
        reference="https://github.com/google-research-datasets/lareqa",
        type="Retrieval",
        category="t2t",
        eval_splits=["test"],
        eval_langs=subsets_of(product(languages, languages)),
        main_score="map_at_1000",
        domains=["Encyclopaedic", "Written"],
        task_subtypes=["Question answering"],
        license=licence,
        annotations_creators="human-annotated",
        dialect=[],
        bibtex_citation=CITATION,
    )


class LAReQARetrieval(CollectionRetrieval):
    """Answer retrieval of LAReQA: every question searches the sentences of one language, or of all.

    Subsets are named query language first (`de-en`); `multilingual` is the pool of all languages, in which every
    language version of the answer is relevant. The main score is `map_at_1000`, mteb's nearest to the paper's
    mAP over the whole pool, which our own evaluation gives exactly.

    Args:
        source: folder with a file `<language>.json` per language, as published; None for the folder named after
            the data set (`xquad-r`, `mlqa-r`) in the folder that the environment variable ISOGLOT_DATA names.
        candidates: what is retrieved, as in `read_lareqa`.
        languages: only these, in the pool too; all if None.
        kwargs: mteb's own arguments.
    """

    folder: str

    def __init__(
        self,
        source: str | Path | None = None,
        *,
        candidates: Candidates = "sentence",
        languages: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(languages=languages, **kwargs)
        self.source = source
        self.candidates: Candidates = candidates

    def read(self) -> Collection:
        """Read the files.

        Raises:
            InputError: they are nowhere, or not as published.
        """
        source = self.source
        if source is None:
            home = os.environ.get(DATA_VARIABLE)
            if not home:
                raise InputError(
                    f"{self.metadata.name} reads the folder {self.folder} of {self.metadata.reference}: download "
                    f"it and set {DATA_VARIABLE} to the folder that holds it"
                )
            source = Path(home) / self.folder
            if self.candidates == "sentence" and collection_folders(source):  # `isoglot data get` has made it one
                return read_collection(source)
        return read_lareqa(source, self.candidates)


class XQuADRRetrieval(LAReQARetrieval):
    """XQuAD-R: 1,190 questions and 13,014 candidate sentences in 11 languages, all parallel."""

    folder = "xquad-r"
    metadata = _metadata(
        "XQuADRRetrieval",
        "XQuAD-R: questions and the sentences that answer them, in 11 languages, all parallel: 121 language pairs "
        "and the multilingual pool.",
        "xquad-r",
        XQUAD_R_LANGUAGES,
        "cc-by-sa-4.0",
    )


class MLQARRetrieval(LAReQARetrieval):
    """MLQA-R: questions and candidate sentences in 7 languages, partly parallel."""

    folder = "mlqa-r"
    metadata = _metadata(
        "MLQARRetrieval",
        "MLQA-R: questions and the sentences that answer them, in 7 languages, partly parallel: 49 language pairs "
        "and the multilingual pool.",
        "mlqa-r",
        MLQA_R_LANGUAGES,
        "cc-by-nc-4.0",
    )
