"""Whatever is wrong with a source, the answer is a collection or one clear error, and no half-written folder.

Valid sources of every form are damaged: bytes changed, cut out, put in or cut off, and parts of JSON replaced by
other values.
"""

from __future__ import annotations

import copy
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from form_samples import COLUMNS, LANGUAGES, SAMPLES, Files, answered, documents, lay_out, queries
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import read_collection
from isoglot.data.convert import Splits, convert
from isoglot.errors import InputError

FORMS = sorted(set(SAMPLES) - {"jsonl"})  # which reads as beir does


def outcome(form: str, files: Files, lenient: bool) -> Splits | str:
    """Convert files: what is written, checked by reading it back, or the error's sentence."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        root = Path(folder)
        source = lay_out(root / "source", files)
        sentence = None
        try:
            splits = convert(
                source,
                form,
                root / "out",
                language=LANGUAGES.get(form),
                lenient=lenient,
                columns=COLUMNS.get(form),
            )
        except InputError as error:
            sentence = str(error)
        if sentence is not None:
            assert [path.name for path in root.iterdir()] == ["source"]
            assert "\n" not in sentence
            return sentence
        assert sorted(path.name for path in root.iterdir()) == ["out", "source"]
        for split, collection in splits.items():
            read = read_collection(root / "out", split=split)
            assert documents(read) == documents(collection)
            assert queries(read).items() <= queries(collection).items()
            assert answered(read) == answered(collection)
        return splits


@st.composite
def damaged_files(draw: st.DrawFn, form: str) -> Files:
    """The sample of a form with one file damaged."""
    files = dict(SAMPLES[form])
    name = draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["change", "cut", "insert", "end", "repeat"])):
            case "change" if place < len(content):
                content[place] ^= draw(st.integers(1, 255))
            case "cut":
                del content[place : place + draw(st.integers(1, 20))]
            case "insert":
                content[place:place] = draw(
                    st.binary(min_size=1, max_size=6) | st.sampled_from([b"\n", b"\t", b'"'])
                )
            case "end":
                del content[place:]
            case "repeat":
                content[place:place] = content[place : place + draw(st.integers(1, 200))]
    files[name] = bytes(content)
    return files


ODD_TEXT = st.sampled_from(["", " ", "\t", "a\tb", "\n", "\ud800", "\u2028", "\0", "en", "x" * 300, "train"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([10**30, -1, 2**31, 1.5, float("nan"), float("inf")])
    | ODD_TEXT
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | ODD_TEXT, inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all parts of a JSON value."""
    keys = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any, how: str) -> Any:
    """A JSON value with one part replaced, removed or, for a key of an object, renamed."""
    if not path:
        return new
    value = copy.deepcopy(value)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    if how == "remove":
        del holder[path[-1]]
    elif how == "rename" and isinstance(holder, dict):
        holder[str(new)] = holder.pop(path[-1])
    else:
        holder[path[-1]] = new
    return value


@st.composite
def other_json(draw: st.DrawFn, form: str) -> Files:
    """The sample of a form with one part of one of its JSON values replaced."""
    files = dict(SAMPLES[form])
    name = draw(st.sampled_from(sorted(name for name in files if ".json" in name)))
    packed = name.endswith(".gz")
    content = gzip.decompress(files[name]) if packed else files[name]
    lines = [json.loads(line) for line in content.splitlines()]
    line = draw(st.integers(0, len(lines) - 1))
    path = draw(st.sampled_from(places(lines[line])))
    how = draw(st.sampled_from(["replace", "replace", "remove", "rename"]))
    lines[line] = replaced(lines[line], path, draw(VALUES), how)
    content = "".join(json.dumps(value) + "\n" for value in lines).encode()
    files[name] = gzip.compress(content, mtime=0) if packed else content
    return files


@pytest.mark.parametrize("form", FORMS)
def test_the_samples_are_sound(form: str):
    assert not isinstance(outcome(form, SAMPLES[form], lenient=False), str)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), lenient=st.booleans())
def test_damaged_files(form: str, data: st.DataObject, lenient: bool):
    outcome(form, data.draw(damaged_files(form)), lenient)


@pytest.mark.parametrize("form", sorted(form for form in FORMS if any(".json" in name for name in SAMPLES[form])))
@settings(max_examples=60, deadline=None)
@given(data=st.data(), lenient=st.booleans())
def test_other_values_in_json(form: str, data: st.DataObject, lenient: bool):
    outcome(form, data.draw(other_json(form)), lenient)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lenient", [False, True])
def test_files_that_are_empty_huge_deep_or_cut(form: str, lenient: bool):
    for name, content in SAMPLES[form].items():
        for broken in (
            b"",
            b"\n",
            b"x" * 1_000_000,
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"9" * 10_000,
            b"\x1f\x8b",
            gzip.compress(content)[:-9],
            b"\xef\xbb\xbf",
            content[: len(content) // 2],
        ):
            outcome(form, SAMPLES[form] | {name: broken}, lenient)


def test_a_column_whose_quote_is_not_closed_is_named_in_one_line():
    said = outcome(
        "table", SAMPLES["table"] | {"faq.train.csv": b'"n,lang\n1",question,answer\n1,Wie?,So.\n'}, False
    )
    assert isinstance(said, str)
    assert "its columns are 'n,lang\\n1', question, answer" in said
