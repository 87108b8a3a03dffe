"""The explorer before real data: what a model trained on hybrid batches finds."""

from __future__ import annotations

import pytest
from browsing import chromium, listened_page, until
from serving import served

import isoglot as ig
from isoglot.collections.select import keep_languages

LANGUAGES = ("de", "en", "es", "fr", "it", "ru")
QUESTION = "Einen Docker-Container entfernen"
ANSWER = "docker-container-rm"


@pytest.fixture(scope="module")
def hybrid_index(shared_data, tmp_path_factory):
    """An index of tldr's test pages by a static encoder trained on its training pages, in hybrid batches."""
    from sentence_transformers import SentenceTransformerTrainingArguments

    folder = tmp_path_factory.mktemp("tldr")
    train, test = (
        keep_languages(ig.load_collection(str(shared_data / "tldr" / part)), LANGUAGES)
        for part in ("train", "test")
    )
    model = ig.static_encoder(train, dimensions=128)
    arguments = SentenceTransformerTrainingArguments(
        str(folder / "run"),
        max_steps=250,
        per_device_train_batch_size=64,
        learning_rate=0.1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    ig.HybridTrainer(model, train, strategy=ig.Hybrid(), args=arguments).train()
    return ig.build_index(model, test, folder / "index")


@pytest.fixture(scope="module")
def browser():
    yield from chromium()


@pytest.mark.slow
def test_a_german_question_finds_the_command_in_three_languages(hybrid_index, browser):
    with served(hybrid_index) as address:
        page = listened_page(browser)
        page.goto(address)
        until(page, "document.querySelector('#indexes').textContent")
        page.keyboard.type(QUESTION)
        page.keyboard.press("Enter")
        until(page, "document.querySelectorAll('.hit').length === 10")
        ids = page.evaluate("[...document.querySelectorAll('.hit .id code')].map(e => e.textContent)")
        right = {one.partition("/")[0] for one in ids if one.endswith(f"/{ANSWER}")}
        assert len(right) >= 3, ids
        assert right - {"de"}
        assert page.logged == []
        page.context.close()
