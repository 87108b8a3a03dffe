"""`isoglot study`: research questions as recipes, from `run` to an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from isoglot.cli.completion import complete_study
from isoglot.cli.data import listed
from isoglot.cli.progress import demo_progress
from isoglot.cli.state import console, state

if TYPE_CHECKING:
    from isoglot.reporting.study import StudyResult
    from isoglot.studies import Outline, Study

app = typer.Typer(no_args_is_help=True, help="Answer a research question: list, show and run studies.")

Name = Annotated[
    str,
    typer.Argument(
        help="Name of a study, or the path of a recipe.", show_default=False, autocompletion=complete_study
    ),
]


@app.command("list")
def list_studies() -> None:
    """List the studies that come with isoglot."""
    from isoglot.studies.recipe_files import read_recipe, recipe_names

    table = Table(title="studies")
    for column in ("name", "about", "profiles"):
        table.add_column(column)
    for name in recipe_names():
        recipe = read_recipe(name)
        profiles = [
            f"{profile} ({content.minutes:g} min on 2 cores)" if content.minutes else profile
            for profile, content in recipe.profiles.items()
        ]
        table.add_row(name, recipe.title, ", ".join(profiles))
    console().print(table)


@app.command()
def show(name: Name) -> None:
    """Show the recipe of a study: YAML, to be read, or kept and changed."""
    from isoglot.studies.recipe_files import read_recipe, recipe_text

    read_recipe(name)
    typer.echo(recipe_text(name), nl=False)


def _seeds(text: str | None) -> list[int] | None:
    from isoglot.errors import InputError

    if text is None:
        return None
    try:
        return [int(seed) for seed in listed(text) or ()]
    except ValueError:
        raise InputError(f"--seeds {text!r} must be numbers separated by commas, such as 0,1,2") from None


def _announce(outline: Outline) -> None:
    """Say what will be run, and what it takes."""
    from isoglot.measures import plural

    plan = outline.plan
    measured = ", ".join(one.name for one in plan.evaluations)
    open_ones = sum(not run.finished for run in outline.runs)
    finished = f", {len(outline.runs) - open_ones} of them finished" if open_ones < len(outline.runs) else ""
    typer.echo(
        f"{plan.recipe.name}, {plan.profile_name}: {plural(len(plan.arms), 'arm')}, "
        f"{'seed' if len(plan.seeds) == 1 else 'seeds'} {', '.join(map(str, plan.seeds))}, "
        f"{plural(len(outline.runs), 'run')}{finished}, measured on {measured}"
    )
    if outline.minutes is not None:
        unit = "minute" if outline.minutes == 1 else "minutes"
        typer.echo(f"All of it takes about {outline.minutes:g} {unit} on two cores.")
    if outline.cost is not None:
        assumed = (
            f" ({', '.join(outline.cost.assumed)}: size taken to be XLM-R base's)" if outline.cost.assumed else ""
        )
        typer.echo(
            f"Estimate for all runs: {outline.cost.gpu_hours:,.1f} GPU hours; {outline.cost.memory_gb:.1f} GB for "
            f"weights, gradients and optimiser, and activations on top{assumed}."
        )
    for left_out in plan.left_out:
        typer.echo(f"Left out: the {left_out['what']} {left_out['name']}: {left_out['reason']}")
    for note in outline.notes:
        typer.echo(f"Note: {note}")


def _runs_table(outline: Outline) -> Table:
    table = Table(title="runs")
    for column in ("arm", "seed", "run", ""):
        table.add_column(column, overflow="fold")
    for run in outline.runs:
        seed = str(run.seed) if run.trial is None else f"{run.seed}, trial {run.trial + 1}"
        name = run.name or "named when data and settings are known"
        table.add_row(run.arm, seed, name, "finished" if run.finished else "")
    return table


def _verdicts_table(result: StudyResult) -> Table:
    from isoglot.measures import SETTINGS, digits_of

    table = Table(title=f"decisive comparisons of {result.study}, {result.profile}")
    for column in ("first", "second", "on", "measure", "difference [95 %]", "p, Holm", "verdict", "as expected"):
        table.add_column(column, overflow="fold")
    for one in result.decisive:
        digits = digits_of(one.measure)
        interval = "" if one.low is None else f" [{one.low:+.{digits}f}, {one.high:+.{digits}f}]"
        measure = f"{one.setting} {one.measure}" if one.setting in SETTINGS else one.measure
        table.add_row(
            one.first,
            one.second,
            one.evaluation + (f", {one.language}" if one.language else ""),
            measure.replace("_", "-"),
            "–" if one.difference is None else f"{one.difference:+.{digits}f}{interval}",
            "–" if one.p_holm is None else f"{one.p_holm:.4f}",
            one.verdict,
            {True: "yes", False: "no", None: "–"}[one.as_expected],
        )
    return table


def _tell(study: Study) -> int:
    """Say what failed and what came out; return the exit status."""
    from isoglot.reporting.study import cautions_of

    for label, sentence in study.failures:
        typer.echo(f"failed: {label}: {sentence}", err=True)
    console().print(_verdicts_table(study.result))
    for sentence in study.result.answer:
        typer.echo(sentence)
    for claim in study.result.zero_shot:
        typer.echo(claim.sentence)
    if study.result.comparable is not None:
        typer.echo(study.result.comparable.sentence)
    for sentence in cautions_of(study.result):
        typer.echo(f"note: {sentence}")
    return 1 if study.failures else 0


@app.command()
def run(
    name: Name,
    out: Annotated[Path, typer.Option(help="Folder of the study; an interrupted one goes on.", show_default=False)],
    profile: Annotated[
        str,
        typer.Option(
            help="embedded: minutes on two cores; pretrained: hours, or minutes on a GPU, with the --encoder "
            "given; benchmark: a GPU server."
        ),
    ] = "embedded",
    encoder: Annotated[
        str | None, typer.Option(help="For all arms: static, scratch, or a model's name or folder.")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Model that arms with `teacher: given` learn from; they are left out without."),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="In place of the recipe's, such as 0,1,2.")] = None,
    arms: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Runs at once; by default one a core, or one a GPU (not in embedded).", min=1)
    ] = None,
    keep_models: Annotated[bool, typer.Option("--keep-models", help="Keep the trained models.")] = False,
    figures: Annotated[
        Path | None, typer.Option(help="Also save the page's figures here, as SVG and PNG.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and run nothing.")] = False,
) -> int:
    """Run a study, or what is left of it, and write its result to study.json and study.html."""
    import logging

    from isoglot.reporting.study import write_study_figures, write_study_page
    from isoglot.stores import refuse_address
    from isoglot.studies import StudyRequest, outline_study, run_study

    refuse_address(figures, "what is written")  # which is after all runs
    request = StudyRequest(
        name,
        out,
        profile=profile,
        encoder=encoder,
        teacher=teacher,
        seeds=_seeds(seeds),
        arms=listed(arms),
        keep_models=keep_models,
    )
    if dry_run:
        outline = outline_study(request)
        _announce(outline)
        console().print(_runs_table(outline))
        return 0
    logging.getLogger("isoglot").setLevel(logging.WARNING)
    with demo_progress(state.progress) as notify:
        study = run_study(request, jobs=jobs, announce=None if state.quiet else _announce, notify=notify)
    status = _tell(study)
    page = study.path.with_suffix(".html")
    write_study_page(study.result, page)
    if figures is not None:
        write_study_figures(study.result, figures)
    typer.echo(f"Result: {study.path}  Page: {page}")
    return status


DEMO_FIGURES = (
    *("monolingual.AP", "cross_lingual.AP", "multilingual.AP", "bias.rank_distance", "bias.max_rank"),
    *("bias.complete@10", "bias.complete@100", "bias.own_language_share@10"),
)


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the report, the results and a trained model.")] = Path(
        "demo"
    ),
    seeds: Annotated[int, typer.Option(help="Runs of each strategy.", min=1)] = 3,
    steps: Annotated[int, typer.Option(help="Optimiser steps of each run.", min=1)] = 450,
    languages: Annotated[str | None, typer.Option(help="Languages of worldfacts; twelve by default.")] = None,
) -> int:
    """The whole story on the embedded default: build, train four strategies, compare, write a report."""
    import logging
    import sys

    from isoglot.cli.tables import estimates_table
    from isoglot.reporting.study import write_study_page
    from isoglot.studies import StudyRequest, run_study
    from isoglot.studies.recipe_files import demo_recipe

    logging.getLogger("isoglot").setLevel(logging.WARNING)
    recipe = demo_recipe(steps, listed(languages))
    with demo_progress(state.progress) as notify:
        study = run_study(StudyRequest(recipe, out / "study", seeds=range(seeds), keep_models=True), notify=notify)
    console().print(estimates_table(study.result, "test", DEMO_FIGURES))
    status = _tell(study)
    study.copy_results(out / "results", "test")
    study.copy_model("hybrid", 0, out / "model")
    command = "isoglot " + " ".join(sys.argv[1:]) if Path(sys.argv[0]).stem == "isoglot" else None
    report = write_study_page(study.result, out / "report.html", command=command)
    typer.echo(f"Report: {report}  Model (hybrid batches): {out / 'model'}")
    return status
