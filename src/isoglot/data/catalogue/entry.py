"""What the catalogue says about a named data set: one YAML file each, found by name, checked when it is read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag
from isoglot.names import did_you_mean

__all__ = [
    "Built",
    "Count",
    "Entry",
    "File",
    "FormReader",
    "IrDatasetsReader",
    "MtebReader",
    "Size",
    "Wordnets",
    "all_entries",
    "entry_names",
    "find_entry",
]

FOLDER = Path(__file__).parent / "entries"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # many times faster, where libyaml is there
CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")


def _canonical(tag: str) -> str:
    if canonical_tag(tag) != tag:
        raise ValueError(f"{tag!r} is written {canonical_tag(tag)!r}")
    return tag


def _checksum(text: str) -> str:
    if not CHECKSUM.fullmatch(text):
        raise ValueError(f"{text!r} is not sha256: or md5: and its hexadecimal digits")
    return text


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not path:
        raise ValueError(f"{path!r} does not lie within its folder")
    return path


Tag = Annotated[str, AfterValidator(_canonical)]
Checksum = Annotated[str, AfterValidator(_checksum)]
RelativePath = Annotated[str, AfterValidator(_inside)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Count(_Checked):
    """How many there are, as the publisher states; None where nothing is stated.

    Attributes:
        documents: documents, or other candidates.
        queries: query versions: a question in eleven languages counts eleven times.
    """

    documents: int | None = None
    queries: int | None = None


class Size(Count):
    """The size of a split.

    Attributes:
        split: its name; None where there are no splits.
        by_language: the same by language.
    """

    split: str | None = None
    by_language: dict[Tag, Count] = Field(default_factory=dict)


class File(_Checked):
    """A file as its publisher has it.

    Attributes:
        path: where it lies in the publisher's layout, and below the download folder.
        url: its address; that of the entry and the path if None.
        checksum: `sha256:` or `md5:` and hexadecimal digits; None where none is known.
        languages: it is needed only for these; empty if always.
        optional: whether the set can do without it, should it not be there.
    """

    path: RelativePath
    url: str | None = None
    checksum: Checksum | None = None
    languages: tuple[Tag, ...] = ()
    optional: bool = False

    @property
    def is_archive(self) -> bool:
        """Whether it is unpacked before it is read."""
        return self.path.endswith((".zip", ".tar.gz", ".tgz"))


class FormReader(_Checked):
    """Files of a published form, read by `isoglot.data.forms.read.read_form`.

    Attributes:
        form: one of its forms.
        source: the file or folder to read, below the publisher's layout.
        parts: part -> folder, where the set is several collections with documents of their own.
        options: fields of `Reading`.
    """

    kind: Literal["form"]
    form: str
    source: RelativePath = "."
    parts: dict[str, RelativePath] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)

    def __str__(self) -> str:
        return f"its files, of the form {self.form}"


class Triples(_Checked):
    """Training triples of ir_datasets (`docpairs`: query, relevant document, another), for given hard negatives.

    Attributes:
        split: whose queries they are of.
        name: the data set there that has them; their ids are those of every language.
        most: how many different negatives of a query are kept, the first ones.
    """

    split: str
    name: str
    most: int


class IrDatasetsReader(_Checked):
    """A data set of the library ir_datasets.

    Attributes:
        splits: split -> its name there, with `{language}` where there is one for each language. The empty split
            is the only one.
        elsewhere: tag -> the same for a language that is in another data set.
        triples: where hard negatives are from, if they are given.
        codes: tag -> what ir_datasets calls the language, where it is not the tag.
        shared_queries: whether a query id names the same query in every language.
        query_field: the field that holds a query's text.
        query_language: its language, where it is not the documents'.
        translated_field: the field that holds the query in the documents' language, if there is one.
    """

    kind: Literal["ir_datasets"]
    splits: dict[str, str]
    elsewhere: dict[Tag, dict[str, str]] = Field(default_factory=dict)
    triples: Triples | None = None
    codes: dict[Tag, str] = Field(default_factory=dict)
    shared_queries: bool = False
    query_field: str = "text"
    query_language: Tag | None = None
    translated_field: str | None = None

    def __str__(self) -> str:
        return f"ir_datasets ({', '.join(self.splits.values())})"


class MtebReader(_Checked):
    """A retrieval task of mteb, read by `isoglot.data.mteb.collection_from_mteb`."""

    kind: Literal["mteb"]
    task: str
    split: str | None = None

    def __str__(self) -> str:
        return f"mteb's task {self.task}"


class Built(_Checked):
    """worldfacts, which is built and not downloaded."""

    kind: Literal["built"]

    def __str__(self) -> str:
        return "built by isoglot, no download"


class Wordnets(_Checked):
    """Tab files of wordnets, of which bilingual lexicons are made instead of a collection."""

    kind: Literal["wordnets"]

    def __str__(self) -> str:
        return "its files, as lexicons: `data get` writes one for each pair of languages"


Reader = Annotated[FormReader | IrDatasetsReader | MtebReader | Built | Wordnets, Field(discriminator="kind")]
"""How a data set is read; as text, what a user is told of it."""


class Entry(_Checked):
    """A named data set.

    Attributes:
        name: what it is called on the command line.
        title: its publisher's name for it.
        about: one sentence.
        languages: canonical tags of documents and queries.
        sizes: as the publisher states them.
        licence: SPDX identifier where there is one, else what the publisher says.
        citation: authors, title, place and year, with the arXiv id or DOI.
        homepage: where it is explained, and can be had by hand.
        address: what precedes the path of files that give no address of their own.
        files: what is downloaded; empty where a library does that.
        checksums: whether the publisher states the checksums of the files, or they were computed here from the
            publisher's files. A file without one gets one recorded when it is first downloaded.
        reader: how it becomes a collection.
        lenient: whether rows that are not as they should be (an empty text, say) are left out, and counted.
        large: whether it is too large to be downloaded just because its name was given.
        tried: on what reading it has been tried: the publisher's own `files`, some of them (`sample`), or small
            files written in their `form`.
        notes: what else a user should know.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    about: str
    languages: tuple[Tag, ...]
    sizes: tuple[Size, ...] = ()
    licence: str
    citation: str
    homepage: str
    address: str | None = None
    files: tuple[File, ...] = ()
    checksums: Literal["stated", "computed"] | None = None
    reader: Reader
    lenient: bool = False
    large: bool = False
    tried: Literal["files", "sample", "form"] = "form"
    notes: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Entry:
        if any(file.url is None for file in self.files) and self.address is None:
            raise ValueError("a file without an address needs that of the entry")
        if any(file.checksum for file in self.files) and self.checksums is None:
            raise ValueError("checksums: say whether they are stated or computed")
        unknown = {tag for file in self.files for tag in file.languages} - set(self.languages)
        unknown |= {tag for size in self.sizes for tag in size.by_language} - set(self.languages)
        if unknown:
            raise ValueError(f"languages lacks {', '.join(sorted(unknown))}")
        return self

    def address_of(self, file: File) -> str:
        """Return the address of one of its files."""
        return file.url or f"{self.address}{file.path}"

    def files_for(self, languages: tuple[str, ...] | None) -> tuple[File, ...]:
        """Return the files needed for some languages; all if None."""
        if languages is None:
            return self.files
        return tuple(file for file in self.files if not file.languages or set(file.languages) & set(languages))


@cache
def entry_names() -> tuple[str, ...]:
    """Return the names of all data sets of the catalogue, sorted; reads no entry."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def find_entry(name: str) -> Entry:
    """Return the entry of a data set.

    Args:
        name: its name, in any case.

    Raises:
        InputError: there is none of this name, or it is that of a part.
    """
    if name.lower() in entry_names():
        name = name.lower()
    else:
        whole, _, part = name.lower().partition("/")
        if part and whole in entry_names():
            raise InputError(
                f"{name} is a part of {whole}, and comes with it: `isoglot data get {whole}` gets all parts, and "
                f"then {whole}/{part} names this one wherever a collection is asked for"
            )
        meant = did_you_mean(name, entry_names())
        raise InputError(f"the catalogue has no data set {name!r}{meant}; `isoglot data list` shows all")
    return Entry.model_validate(yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=_Loader))


def all_entries() -> tuple[Entry, ...]:
    """Return all entries, sorted by name."""
    return tuple(find_entry(name) for name in entry_names())
