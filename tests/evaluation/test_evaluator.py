"""The evaluator inside sentence-transformers' own trainer."""

from __future__ import annotations

import json

import pytest
from evaluation_helpers import parallel_collection

from isoglot.evaluation import MultilingualEvaluator, evaluate


@pytest.fixture
def tiny():
    """A static model of eight dimensions."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[UNK]", "question", "answer", "de", "en", "fr", *map(str, range(12))]
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")


def test_flat_metrics_equal_the_result(tiny, tmp_path):
    collection = parallel_collection()
    evaluator = MultilingualEvaluator(collection, measures=["R@10"], rank_correlation=True, geometry=True)
    metrics = evaluator(tiny, str(tmp_path), epoch=1, steps=20)
    result = evaluate(tiny, collection, bootstrap=0)
    assert metrics["multilingual_AP"] == pytest.approx(result.multilingual["AP"])
    assert metrics["cross_lingual_R@10"] == pytest.approx(result.cross_lingual["R@10"])
    assert metrics["rank_distance"] == pytest.approx(result.bias["rank_distance"])
    assert metrics["macro_multilingual_R@10"] == pytest.approx(result.macro["multilingual"]["R@10"])
    assert metrics["macro_rank_distance"] == pytest.approx(result.macro["bias"]["rank_distance"])
    assert {"monolingual_AP", "rank_correlation", "alignment"} <= set(metrics)
    assert all(type(value) is float for value in metrics.values())
    assert evaluator.primary_metric == "multilingual_AP"
    saved = json.loads((tmp_path / "multilingual_epoch1_step20.json").read_text())
    assert saved["multilingual"]["AP"] == metrics["multilingual_AP"]


def test_a_name_is_put_before_all_metrics(tiny):
    evaluator = MultilingualEvaluator(parallel_collection(), "dev")
    for _ in range(2):
        metrics = evaluator(tiny)
        assert evaluator.primary_metric == "dev_multilingual_AP"
        assert "dev_multilingual_AP" in metrics


def test_the_trainer_keeps_the_best_checkpoint_by_it(tiny, tmp_path):
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    collection = parallel_collection()
    pairs = {"query": [f"question {at} en" for at in range(12)], "answer": [f"answer {at} en" for at in range(12)]}
    arguments = SentenceTransformerTrainingArguments(
        str(tmp_path),
        max_steps=4,
        per_device_train_batch_size=6,
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=2,
        save_steps=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_multilingual_AP",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = SentenceTransformerTrainer(
        model=tiny,
        args=arguments,
        train_dataset=Dataset.from_dict(pairs),
        loss=MultipleNegativesRankingLoss(tiny),
        evaluator=MultilingualEvaluator(collection),
    )
    trainer.train()
    logged = [
        entry["eval_multilingual_AP"] for entry in trainer.state.log_history if "eval_multilingual_AP" in entry
    ]
    assert len(logged) >= 2
    assert trainer.state.best_metric == pytest.approx(max(logged[:2]))
