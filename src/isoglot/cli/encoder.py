"""Options of every command that loads an encoder, and encodes with it."""

from __future__ import annotations

from typing import Annotated

import typer

Pooling = Annotated[str | None, typer.Option("--pooling", help="Of a plain transformer: mean, cls or max.")]
MaxLength = Annotated[int | None, typer.Option("--max-length", help="Most tokens read of a text.")]
QueryPrompt = Annotated[str | None, typer.Option("--query-prompt", help="Put before every query.")]
DocumentPrompt = Annotated[str | None, typer.Option("--document-prompt", help="Put before every document.")]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, …; the best one found by default.")]
Dtype = Annotated[str | None, typer.Option("--dtype", help="Encode in float32, bfloat16 or float16.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Keep and reuse no embeddings.")]
