"""What is measured besides models: embeddings, run files of any system, BM25; and run files out."""

from isoglot.evaluation.sources.embeddings import read_embeddings
from isoglot.evaluation.sources.lexical import evaluate_bm25
from isoglot.evaluation.sources.run_writing import RunWriter
from isoglot.evaluation.sources.runs import evaluate_run

__all__ = ["RunWriter", "evaluate_bm25", "evaluate_run", "read_embeddings"]
