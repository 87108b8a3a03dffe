"""What a card says of a run, in words: what the model is, its use, data, training, limits."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from isoglot.batching import Strategy
from isoglot.batching.strategies import strategy_class
from isoglot.collections.pseudo import pseudo_sentence
from isoglot.files import yaml_text
from isoglot.languages.tags import language_name
from isoglot.measures import count, plural
from isoglot.publishing.markdown import plain, without_place

__all__ = ["run_text", "title_of"]

EMBEDDED = {
    "static": "a static encoder: the mean of sub-word vectors, which knows no order of words",
    "scratch": "a transformer that was trained from random weights",
}


def _strategy_name(settings: Mapping[str, Any]) -> str:
    given = settings["strategy"]
    return str(given["strategy"] if isinstance(given, Mapping) else given)


def title_of(settings: Mapping[str, Any]) -> str:
    """Return what a model is called that has no name: `Hybrid retriever (static)`."""
    name = _strategy_name(settings).rpartition(":")[2].replace("_", "-")
    encoder = without_place(str(settings["encoder"]))
    return f"{name[:1].upper()}{name[1:]} retriever ({encoder})"


def run_text(
    settings: Mapping[str, Any], record: Mapping[str, Any], prompts: Mapping[str, str], model: str, measured: str
) -> str:
    """Return a card without its head.

    Args:
        settings: the effective configuration.
        record: how the run went.
        prompts: of the model.
        model: what its user calls it by.
        measured: the part that holds what was measured.
    """
    parts = [
        f"# {plain(title_of(settings))}",
        _what(settings, record),
        "## Use",
        _use(settings, prompts, model),
        "## Measured",
        measured,
        "## Training",
        _training(settings, record),
        "### Data",
        _data(record),
        "### Reproduce",
        _reproduce(record),
        "## Limits",
        _limits(settings, record),
    ]
    return "\n\n".join(parts) + "\n"


def _what(settings: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    encoder = str(settings["encoder"])
    of = EMBEDDED.get(encoder, f"started from {plain(without_place(encoder))}")
    if (start := settings.get("from")) is not None:
        of += f", started from {plain(without_place(str(start)))}"
    languages = ", ".join(f"{language_name(tag)} ({tag})" for tag in record["languages"])
    return (
        f"A [sentence-transformers](https://www.sbert.net) model for retrieval, {of}. Trained with isoglot on "
        f"questions and documents in {plural(len(record['languages']), 'language')}: {plain(languages)}."
    )


def _use(settings: Mapping[str, Any], prompts: Mapping[str, str], model: str) -> str:
    trusted = ", trust_remote_code=True" if settings.get("trust_remote_code") else ""
    said = [f"`{json.dumps(text, ensure_ascii=False)}` before a {side}" for side, text in prompts.items() if text]
    told = (
        f"These put {' and '.join(said)}, as in training; plain `encode` does not."
        if said
        else "The model was trained without prompts: nothing is put before a text."
    )
    return f"""```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer({json.dumps(model)}{trusted})
queries = model.encode_query(["a question in any of the languages"])
documents = model.encode_document(["a text in any of the languages", "another one"])
print(model.similarity(queries, documents))
```

{told}"""


def _training(settings: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    name = _strategy_name(settings)
    kind = strategy_class(name)
    rule = (kind.__doc__ or "").strip().partition("\n")[0] if kind.__module__ == Strategy.__module__ else ""
    told = [f"Batches: `{name}`. {plain(rule)}".strip()]
    told.append(
        f"{record['steps']:,} steps of {settings['batch_size']:,} rows, seed {settings['seed']}."
        + (f" {plain(record['stop_reason'])}." if record.get("stop_reason") else "")
    )
    if record.get("best"):
        best = record["best"]
        value = f"`{best['measure']}` ({best['value']:.4f})"
        told.append(f"These are the weights of step {best['step']:,}, the best by {value}.")
    return " ".join(told) + " All settings:\n\n```yaml\n" + yaml_text(_shown(dict(settings))) + "```"


def _shown(value: Any, key: str = "") -> Any:
    """Return settings without the folders of the machine, and without the one that the model was saved to."""
    if isinstance(value, Mapping):
        return {name: _shown(one, name) for name, one in value.items() if name != "out"}
    if isinstance(value, list):
        return [_shown(one, key) for one in value]
    return without_place(value) if isinstance(value, str) and not key.endswith("_prompt") else value


def _data(record: Mapping[str, Any]) -> str:
    return "\n".join(_data_set(one) for one in record["data"])


def _data_set(one: Mapping[str, Any]) -> str:
    title = plain(one.get("title") or one["name"])
    source = str(one.get("source") or "")
    if source.startswith(("https://", "http://")) and not set(source) & set(" <>()"):
        title = f"[{title}]({source})"
    told = [f"- {title}: {count(one['queries'])} queries, {count(one['documents'])} documents"]
    told[0] += f", {plural(len(one['languages']), 'language')}."
    told.append(f"Licence: {plain(one['licence'])}." if one.get("licence") else "Its licence is not stated.")
    if one.get("citation"):
        told.append(f"{plain(one['citation']).rstrip('.')}.")
    return " ".join(told)


def _reproduce(record: Mapping[str, Any]) -> str:
    versions = record["versions"]
    command = record.get("command")
    started = ""
    if command:
        words = ["isoglot", *(without_place(str(word)) for word in command[1:])]
        started = f"\n\nThe run was started by `{shlex.join(words)}`."
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"""The folder holds the effective configuration, `isoglot-training.yaml`, and how the run went,
`isoglot-training.json`. With the data above at hand, where `data` says in the former:

    pip install isoglot=={versions.get("isoglot", "")}
    isoglot train isoglot-training.yaml --out my-model{started}

Versions: {plain(listed)}."""


def _limits(settings: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    told = [
        "- Figures hold for the collections they were measured on. Other languages than those above, and other "
        "kinds of text, are not measured.",
        "- Languages with little training data are served worse than the average says: look at the tables by "
        "language.",
    ]
    if settings["encoder"] == "static":
        told.append("- The mean of sub-word vectors knows no order of words, and no context.")
    if settings.get("max_length"):
        told.append(f"- A text is read up to {settings['max_length']:,} tokens.")
    told += [
        f"- {plain(one['name'])}: {plain(sentence)}."
        for one in record["data"]
        if (sentence := pseudo_sentence(one.get("pseudo_queries")))
    ]
    told.append("- The licences of the data, and of the model that training started from, bind who uses this one.")
    return "\n".join(told)
