"""What is asked and answered over HTTP, so exactly that what `/openapi.json` allows is what is accepted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from isoglot.search.index import MOST
from isoglot.search.serve.limits import Limits

__all__ = ["Answer", "Fair", "Found", "IndexFacts", "LanguageFacts", "Problem", "Status", "query_models"]

SPACES = (
    *(
        r"\u0000-\u0020\u007f-\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f",
        r"\u2028-\u202f\u205f-\u206f\u3000\ufeff",
    ),
)
SEEN = f"[^{''.join(SPACES)}]"
"""A character that is neither space, control nor format: a question has one. Written out, because `\\s` is not the
same in Python, Rust and ECMAScript."""

TAG = "[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}"
Fair = Literal["calibrate", "fuse", "quota"]


class Model(BaseModel):
    """Refuses a field that is not known, a slip in a name for instance."""

    model_config = ConfigDict(extra="forbid")


class Problem(Model):
    """Why a request was refused or failed, in one sentence."""

    error: str
    request_id: str


class Status(Model):
    """The server answers."""

    status: Literal["ok"]
    version: str


class LanguageFacts(Model):
    """One language of an index."""

    tag: str
    name: str = Field(description="English name")
    direction: Literal["ltr", "rtl"] = Field(description="of writing")
    documents: int


class IndexFacts(Model):
    """One index of the server."""

    name: str = Field(description="what `index` takes")
    model: str
    dimension: int
    repair: str | None = Field(description="how the model was repaired")
    documents: int
    languages: list[LanguageFacts] = Field(description="by tag")


class Found(Model):
    """One document of a ranking."""

    rank: int = Field(description="from 1")
    score: float
    id: str
    linked: str = Field(description="the id without its language: the same for translations whose ids differ in it")
    language: str
    title: str
    text: str


class Answer(Model):
    """A ranking, and what was asked for."""

    index: str
    q: str
    k: int
    lang: str | None
    within: list[str] | None
    fair: Fair | None
    hybrid: bool
    seconds: float = Field(description="that the search took, waiting included")
    mix: dict[str, int] = Field(description="language -> documents of it in the ranking, the most frequent first")
    hits: list[Found]


def query_models(limits: Limits, indexes: tuple[str, ...]) -> tuple[Any, Any]:
    """Return the model of a query in a URL and that of one in a body; they differ in how languages are listed.

    Args:
        limits: of question and k.
        indexes: names, the first of which is searched where none is given.
    """
    question = Field(
        min_length=1,
        max_length=limits.question,
        pattern=SEEN,
        description="the question, in any language",
        examples=["Wie entpacke ich ein Archiv?"],
    )
    most = min(limits.k, MOST)
    wanted = Field(ge=1, le=most, description="documents to return")
    tag = Field(
        pattern=f"^{TAG}$", max_length=64, description="language of the question, where the model asks for it"
    )
    several = Field(
        alias="in",
        pattern=f"^{TAG}(,{TAG})*$",
        max_length=limits.question,
        description="languages, with commas between",
    )
    listed = Field(alias="in", min_length=1, max_length=200, description="languages of the documents")
    one = Annotated[str, Field(pattern=f"^{TAG}$", max_length=64)]
    fields: dict[str, Any] = {
        "q": (Annotated[str, question], ...),
        "k": (Annotated[int, wanted], min(10, most)),
        "lang": (Annotated[str, tag] | None, None),
        "fair": (Annotated[Fair, Field(description="how languages get their share")] | None, None),
        "hybrid": (Annotated[bool, Field(description="with full-text search")], False),
        "index": (Annotated[str, Field(description=f"one of: {', '.join(indexes)}")], indexes[0]),
    }
    in_url = create_model("Query", __base__=Model, **fields, within=(Annotated[str | None, several], None))
    in_body = create_model("Body", __base__=Model, **fields, within=(Annotated[list[one] | None, listed], None))
    return in_url, in_body
