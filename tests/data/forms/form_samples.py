"""A small valid source of every form, as its publisher lays it out, and what to compare collections by."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from isoglot.collections import Collection
from isoglot.data.convert import Columns

Files = dict[str, bytes]


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def as_lines(*values: Any) -> bytes:
    return b"".join(as_json(value) + b"\n" for value in values)


def lay_out(folder: Path, files: Files) -> Path:
    """Write files into a folder; the folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def documents(collection: Collection) -> dict[str, tuple[str, str, str]]:
    columns = (collection.documents[name].to_pylist() for name in ("_id", "lang", "title", "text"))
    return {row[0]: row[1:] for row in zip(*columns, strict=True)}


def queries(collection: Collection) -> dict[tuple[str, str], str]:
    columns = (collection.queries[name].to_pylist() for name in ("_id", "lang", "text"))
    return {row[:2]: row[2] for row in zip(*columns, strict=True)}


def extras(collection: Collection) -> dict[tuple[str, str], dict[str, Any]]:
    """What queries have beside their text, by id and language."""
    if "extra" not in collection.queries.column_names:
        return {}
    columns = (collection.queries[name].to_pylist() for name in ("_id", "lang", "extra"))
    return {(identifier, tag): json.loads(extra) for identifier, tag, extra in zip(*columns, strict=True) if extra}


def judged(collection: Collection) -> dict[str, set[str]]:
    """The texts that are relevant to each query id."""
    texts = collection.documents["text"].to_pylist()
    found: dict[str, set[str]] = {identifier: set() for identifier in collection.query_ids.to_pylist()}
    for query, document in zip(collection.relevance.queries, collection.relevance.documents, strict=True):
        found[collection.query_ids[int(query)].as_py()].add(texts[document])
    return found


def answered(collection: Collection) -> dict[str, set[str]]:
    """The same of the queries that have relevant documents."""
    return {query: texts for query, texts in judged(collection).items() if texts}


# ------------------------------------------------------------------------------------------------- the forms


def squad_file(*paragraphs: tuple[str, list[dict[str, Any]]]) -> bytes:
    content = [{"context": context, "qas": questions} for context, questions in paragraphs]
    return as_json({"version": "1.1", "data": [{"title": "Rivers", "paragraphs": content}]})


def squad_question(identifier: str, question: str, answer: str | None = None, start: int = 0) -> dict[str, Any]:
    answers = [] if answer is None else [{"text": answer, "answer_start": start}]
    return {"id": identifier, "question": question, "answers": answers}


def mkqa_line(number: int, queries: dict[str, str], answers: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {"query": queries.get("en", ""), "example_id": number, "queries": queries, "answers": answers}


MKQA = as_lines(
    mkqa_line(
        -7,
        {"en": "who made gladiator", "de": "wer drehte gladiator", "zh_cn": "谁导演了角斗士"},
        {
            "en": [{"type": "entity", "entity": "Q1", "text": "Ridley Scott", "aliases": ["Sir Ridley Scott"]}],
            "de": [{"type": "entity", "entity": "Q1", "text": "Ridley Scott", "aliases": []}],
            "zh_cn": [{"type": "entity", "entity": "Q1", "text": "雷德利·斯科特"}],
        },
    ),
    mkqa_line(
        8,
        {"en": "when did it come out", "de": "wann kam es heraus", "zh_cn": "什么时候上映"},
        {
            "en": [
                {"type": "date", "text": "2000", "aliases": ["2000"]},
                {"type": "date", "text": "2000-05-05", "aliases": ["5 May 2000"]},
            ],
            "de": [{"type": "date", "text": "2000", "aliases": []}],
            "zh_cn": [{"type": "date", "text": "2000年"}],
        },
    ),
    mkqa_line(
        9,
        {"en": "why", "de": "warum", "zh_cn": "为什么"},
        {tag: [{"type": "unanswerable", "text": None}] for tag in ("en", "de", "zh_cn")},
    ),
    mkqa_line(
        10,
        {"en": "is it long", "de": "ist er lang", "zh_cn": "长吗"},
        {tag: [{"type": "binary", "text": "yes"}] for tag in ("en", "de", "zh_cn")},
    ),
)

DREAM = [
    [
        ["M: I lost my key.", "W: Look in the car."],
        [
            {
                "question": "Where may the key be?",
                "choice": ["In the car.", "At home.", "Gone."],
                "answer": "In the car.",
            },
            {
                "question": "What does the man mean?",
                "choice": ["He lost a key.", "Nothing.", "No."],
                "answer": "He lost a key.",
            },
        ],
        "5-1",
    ],
    [
        ["W: It rains."],
        [
            {
                "question": "What does the man mean?",
                "choice": ["Rain.", "Sun.", "Snow."],
                "answer": "Rain.",
            }
        ],
        "5-2",
    ],
]

DUREADER = {
    "question_id": 91159,
    "question": "微信怎么打开app",
    "segmented_question": ["微信", "怎么", "打开", "app"],
    "answers": ["点击网页。"],
    "documents": [
        {
            "title": "微信怎么打开app_百度知道",
            "is_selected": True,
            "most_related_para": 1,
            "paragraphs": ["先打开微信。", "点击网页。"],
            "segmented_paragraphs": [["先", "打开", "微信", "。"], ["点击", "网页", "。"]],
            "bs_rank_pos": 0,
        },
        {
            "title": "别的",
            "is_selected": False,
            "most_related_para": 0,
            "paragraphs": ["先打开微信。", "没有用。"],
            "segmented_paragraphs": [["先", "打开", "微信", "。"], ["没有", "用", "。"]],
            "bs_rank_pos": 1,
        },
    ],
}


def afriqa_line(number: str, **changes: Any) -> dict[str, Any]:
    line = {
        "id": number,
        "question_lang": "Yayan Michael Jackson nawa?",
        "question_translated": "How many children did Michael Jackson have?",
        "title": "Michael Jackson",
        "context": "Three children were born.",
        "answer_pivot": {"answer_start": [0], "text": ["Three"]},
        "answer_lang": "uku",
    }
    return line | changes


DPR = [
    {
        "question": "who wrote faust",
        "answers": ["Goethe"],
        "positive_ctxs": [{"title": "Faust", "text": "Goethe wrote it.", "passage_id": "12"}],
        "negative_ctxs": [{"title": "Mann", "text": "Mann wrote Doctor Faustus.", "passage_id": "13"}],
        "hard_negative_ctxs": [
            {"title": "Faust", "text": "An opera by Gounod.", "score": 1.5, "passage_id": "14"},
            {"title": "Faust", "text": "Goethe wrote it.", "passage_id": "12"},
        ],
    },
    {
        "question": "who wrote the opera",
        "answers": ["Gounod"],
        "positive_ctxs": [{"title": "Faust", "text": "An opera by Gounod.", "psg_id": 14}],
        "negative_ctxs": [],
        "hard_negative_ctxs": [{"title": "", "text": "No id."}],
    },
]


def tldr_page(name: str, about: str, *examples: str) -> bytes:
    lines = [f"# {name}", "", f"> {about}", "> More information: <https://example.org>.", ""]
    for example in examples:
        lines += [f"- {example}:", "", f"`{name} {{{{thing}}}}`", ""]
    return "\n".join(lines).encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), target)
    return target.getvalue()


_DOCUMENTS = [{"_id": f"d{n}", "lang": "en", "title": "", "text": f"text {n}"} for n in range(3)]
_QUERIES = [{"_id": f"q{n}", "lang": tag, "text": f"query {n}"} for n in range(2) for tag in ("en", "de")]
_QRELS = [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in range(2)]
_FOLDER = {
    "corpus.jsonl": as_lines(*_DOCUMENTS),
    "queries.jsonl": as_lines(*_QUERIES),
    "qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t1\n",
}

SAMPLES: dict[str, Files] = {
    "aligned": {
        "DOCUMENT_IDS.tsv": b"bbc.1\nbbc.1\nbbc.2\n",
        "NTREX/newstest2019-src.eng.txt": b"It is raining.\nGood!\nRain.\n",
        "NTREX/newstest2019-ref.deu.txt": b"Es regnet.\nGut!\nRegen.\n",
        "NTREX/newstest2019-ref.zho-CN.txt": "下雨。\n好！\n下雨。\n".encode(),
    },
    "afriqa": {
        "hau/gold_span_passages.afriqa.hau.en.test.json": as_lines(
            afriqa_line("0"), afriqa_line("1", context=None)
        ),
        "hau/gold_span_passages.afriqa.hau.en.dev.json": as_lines(
            afriqa_line("0", title=None, answer_lang=float("nan"))
        ),
    },
    "beir": _FOLDER,
    "dpr": {"train.json": as_json(DPR), "dev.jsonl": as_lines(DPR[0])},
    "dream": {"train.json": as_json(DREAM[:1]), "test.json": as_json(DREAM[1:])},
    "dureader": {
        "search.train.json": as_lines(DUREADER),
        "search.test.json": as_lines(
            {"question_id": 5, "question": "谁", "documents": [{"title": "", "paragraphs": ["不知道。"]}]}
        ),
    },
    "dureader-retrieval": {
        "passage-collection/part-00": "\t\t点击网页。\t0\n\t\t没有用。\t0\n".encode(),
        "passage-collection/part-01": "\t\t先打开微信。\t0\n".encode(),
        "passage-collection/passage2id.map.json": as_json({"0": "aa", "1": "bb", "2": "cc"}),
        "dev/dev.json": as_lines(
            {
                "question_id": "q1",
                "question": "微信怎么打开app",
                "answer_paragraphs": [{"paragraph_id": "aa", "paragraph_text": "点击网页。"}],
            }
        ),
        "train/dual.train.tsv": (
            "怎么用\t\t先打开微信。\t\t没有用。\t0\n怎么用\t\t点击网页。\t\t新的。\t0\n"
        ).encode(),
    },
    "jsonl": _FOLDER,
    "lareqa": {
        f"{tag}.json": as_json(
            {
                "data": [
                    {
                        "paragraphs": [
                            {
                                "context": "Yes. No.",
                                "sentence_breaks": [[0, 4], [5, 8]],
                                "qas": [squad_question("q", "What?", "No.", 5)],
                            }
                        ]
                    }
                ]
            }
        )
        for tag in ("en", "de")
    },
    "mkqa": {"mkqa.jsonl.gz": gzip.compress(MKQA, mtime=0)},
    "parquet": {
        "corpus.parquet": _parquet(_DOCUMENTS),
        "queries.parquet": _parquet(_QUERIES),
        "qrels.parquet": _parquet(_QRELS),
    },
    "squad": {
        "dev/dev-context-de-question-en.json": squad_file(
            ("Die Donau ist lang.", [squad_question("a", "Which river is long?", "Donau", 4)])
        ),
        "dev/dev-context-de-question-de.json": squad_file(
            ("Die Donau ist lang.", [squad_question("a", "Welcher Fluss ist lang?", "Donau", 4)])
        ),
        "test/test-context-en-question-en.json": squad_file(
            ("The Rhine is shorter.", [squad_question("b", "Which one is shorter?", "Rhine", 4)])
        ),
    },
    "table": {
        "faq.train.csv": b"n,lang,question,answer\n1,en,How late?,Until eight.\n1,de,Wie lange?,Bis acht.\n",
        "faq.test.jsonl": as_lines(
            {"n": 2, "lang": "de", "question": "Wo?", "answer": "Hier."},
            {"n": 3, "lang": "de", "question": "Wer?", "answer": None},
        ),
    },
    "tatoeba": {
        "tatoeba.deu-eng.deu": b"Es regnet.\nGuten Tag!\n",
        "tatoeba.deu-eng.eng": b"It is raining.\nHello!\n",
        "tatoeba.cmn-eng.cmn": "你好！\n".encode(),
        "tatoeba.cmn-eng.eng": b"Hello!\n",
    },
    "tldr": {
        "pages/common/tar.md": tldr_page("tar", "Archiving utility.", "Create an archive", "Display help"),
        "pages/common/ls.md": tldr_page("ls", "List files.", "List all files", "Display help"),
        "pages.de/common/tar.md": tldr_page("tar", "Archivprogramm.", "Erstelle ein Archiv", "Zeige Hilfe"),
        "pages.pt_BR/common/tar.md": tldr_page("tar", "Arquivador.", "Cria um arquivo"),
    },
}
LANGUAGES = {"dpr": "en", "table": "lang"}
"""What --lang must say of the forms whose files do not."""
COLUMNS = {"table": Columns("question", "answer", id="n")}
"""Which columns must be named."""
