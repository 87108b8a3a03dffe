"""A folder given with --from is the data set that it is taken for, or refused: none gets another's licence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from isoglot.collections import collection_from_rows, write_collection
from isoglot.data.catalogue import find_entry
from isoglot.data.catalogue.entry import Count, Size
from isoglot.data.catalogue.files import Wanted
from isoglot.data.catalogue.getting import get_data, read_data
from isoglot.errors import InputError


def sentences(documents: int, queries: int, tags: tuple[str, ...] = ("de", "en")):
    return collection_from_rows(
        [(f"{tag}/{n}", tag, "", f"text {n}") for tag in tags for n in range(documents)],
        [(f"q{n}", tag, f"query {n}") for tag in tags for n in range(queries)],
        [(f"q{n}", f"{tag}/{n}", 1) for tag in tags for n in range(queries)],
    )


@pytest.fixture
def entry():
    """XQuAD-R, were it of two languages with a hundred sentences and forty questions each."""
    counts = {tag: Count(documents=100, queries=40) for tag in ("de", "en")}
    size = Size(documents=200, queries=80, by_language=counts)
    return find_entry("xquad-r").model_copy(update={"languages": ("de", "en"), "sizes": (size,)})


def put(folder, collection, **metadata):
    """Write a folder as anyone might have it, with only what is given in its collection.yaml."""
    write_collection(collection, folder)
    (folder / "collection.yaml").write_text(yaml.safe_dump(metadata))
    return Wanted(source=folder)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": "XQuAD-R", "licence": "CC BY-SA 4.0"},
        {"name": "my/xquad_r", "source": "google-research-datasets/lareqa"},
        {"source": "https://github.com/google-research-datasets/lareqa/tree/master/xquad-r"},
    ],
)
def test_what_fits_is_taken(entry, tmp_path, said):
    splits, _ = read_data(entry, put(tmp_path / "it", sentences(100, 40), **said))
    assert splits[None].metadata["licence"] == "CC-BY-SA-4.0"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"name": "tldr/train"}, "its collection.yaml names it 'tldr/train'"),
        ({"name": "xquad"}, "names it 'xquad'"),
        ({"name": "toy"}, "names it 'toy'"),
        ({"licence": "MIT"}, "gives the licence 'MIT', which is CC-BY-SA-4.0"),
        ({"source": "https://github.com/apple/ml-mkqa"}, "gives the source 'https://github.com/apple/ml-mkqa'"),
    ],
)
def test_what_says_otherwise_is_refused(entry, tmp_path, said, reason):
    with pytest.raises(InputError, match=rf"it is not xquad-r: .*{reason}"):
        read_data(entry, put(tmp_path / "it", sentences(100, 40), **said))


@pytest.mark.parametrize(
    ("collection", "reason"),
    [
        (sentences(100, 40, ("de", "en", "sw")), "it has sw, which xquad-r does not have"),
        (sentences(120, 40), "it has 240 documents, where xquad-r has 200"),
        (sentences(90, 40), "it has 180 documents, where"),
        (sentences(100, 50), "it has 100 queries, where xquad-r has 80"),
        (sentences(100, 19), "it has 38 queries, where"),
        (sentences(200, 80, ("de",)), "it has 200 documents in de, where xquad-r has 100"),
    ],
)
def test_what_does_not_fit_is_refused(entry, tmp_path, collection, reason):
    with pytest.raises(InputError, match=reason):
        read_data(entry, put(tmp_path / "it", collection))


def test_part_of_the_languages_fits(entry, tmp_path):
    read_data(entry, put(tmp_path / "one", sentences(100, 40, ("de",))))
    wanted = put(tmp_path / "three", sentences(100, 40, ("de", "en", "sw")))
    read_data(entry, replace(wanted, languages=("de",)))
    with pytest.raises(InputError, match="it has 90 documents in de"):
        read_data(entry, replace(put(tmp_path / "less", sentences(90, 40)), languages=("de",)))


def test_what_was_got_is_taken_whatever_the_publisher_states(entry, toy, tmp_path):
    stated = entry.model_copy(update={"sizes": (), "languages": ("de", "en", "th")})
    get_data(stated, tmp_path / "got", put(tmp_path / "it", toy))
    splits, _ = read_data(entry, Wanted(source=tmp_path / "got"))
    assert splits[None].documents.num_rows == 6


def test_files_of_the_same_names_are_of_another_set(shared_data, tmp_path):
    """XQuAD-R and MLQA-R have files of the same names and form, and different licences."""
    with pytest.raises(InputError, match="is not mlqa-r: it has el, ru, th, tr, which mlqa-r does not have"):
        get_data(find_entry("mlqa-r"), tmp_path / "out", Wanted(source=shared_data / "xquad-r"))
    with pytest.raises(InputError, match=r"is not mlqa-r: it has 2,380 queries, where mlqa-r has 1,016"):
        get_data(find_entry("mlqa-r"), tmp_path / "out", Wanted(("de", "zh"), shared_data / "xquad-r"))
    with pytest.raises(InputError, match="is not xquad-r: it has 365 documents in de"):
        get_data(find_entry("xquad-r"), tmp_path / "out", Wanted(("de",), shared_data / "tldr"))
    assert not (tmp_path / "out").exists()
