"""`spondyl simulate`: people with cancer followed in time; compare, calibrate, patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Simulate how metastases come to the spine, grow, weaken and press, and what care does.",
    invoke_without_command=True,
    no_args_is_help=True,
)
_MOST_FOR_TRIALS = 100_000
Seed = Annotated[int, typer.Option(min=0, help="Of every draw.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the results; new, or of the same run with --resume.")]
Patients = Annotated[int, typer.Option(min=1, help="How many people.")]
Workers = Annotated[int, typer.Option(min=0, help="Chunks at a time; 0 is one a core. The results are the same.")]


@app.callback()
def simulate(
    context: typer.Context,
    patients: Patients = 100_000,
    seed: Seed = 1,
    scenario: Annotated[Path | None, typer.Option(help="TOML file; without it, all people and usual care.")] = None,
    parameters: Annotated[
        str | None, typer.Option(help="'article', 'literature', or a TOML file; in place of the scenario's.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for tables, summary.json and report.html.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that lies in the folder.")] = False,
    workers: Workers = 0,
    chunk: Annotated[int, typer.Option(min=1, help="People in a file; memory grows with it.")] = 20_000,
    trials: Annotated[bool, typer.Option(help="Predict the trials that were held out of the fit.")] = True,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, or 'local'; needs spondyl[dask].")
    ] = None,
) -> None:
    """Follow people and write patients/, lesions/, events/ (Parquet), summary.json and report.html."""
    if context.invoked_subcommand is not None:
        return
    from spondyl.cli.progress import terminal_progress
    from spondyl.core.errors import InputError
    from spondyl.natural_history import run as running
    from spondyl.natural_history.scenario import read_scenario

    if out is None:
        raise InputError("no folder is given.", "Name one with --out.")
    chosen = read_scenario(scenario)
    if parameters is not None:
        chosen = chosen.model_copy(update={"parameters": parameters})
    planned = running.Run(chosen, patients, seed, chunk)
    with terminal_progress() as progress:
        running.simulate(planned, out, resume=resume, workers=workers, work=_work(dask), progress=progress)
        told = _told(planned, out, min(patients, _MOST_FOR_TRIALS) if trials else 0, progress)
    from spondyl.report.simulation_page import write_simulation

    write_simulation(told, out)
    for row in told["figures"]:
        typer.echo(f"{row['verdict']:<8} {row['simulated']:>10}  {row['target']:>14}  {row['statement']}")
    typer.echo(f"Report: {out / 'report.html'}")


def _work(dask: str | None) -> Any:
    if dask is None:
        return None
    from spondyl.cohort.dask_chunks import with_dask

    return with_dask(dask)


def _told(planned: Any, out: Path, for_trials: int, progress: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from spondyl.natural_history import run as running
    from spondyl.natural_history.fits import committed_fit
    from spondyl.natural_history.summary import figures_told, summarise
    from spondyl.natural_history.targets import read_targets, verdicts
    from spondyl.natural_history.trials import predictions

    parameters = planned.scenario.parameter_set()
    name = parameters.title if parameters.title in ("article", "literature") else "literature"
    other = "literature" if name == "article" else "article"
    summary, counted = summarise(running.chunks_of(out), planned.scenario.years)
    rows = predictions(planned.scenario.parameters, patients=for_trials, progress=progress) if for_trials else []
    return {
        "run": planned.manifest(),
        "about": parameters.about,
        "summary": summary,
        "figures": figures_told(verdicts(read_targets(name), counted)),
        "other_figures": figures_told(verdicts(read_targets(other), counted)),
        "trials": [asdict(row) for row in rows],
        "parameters": [
            {"path": path, "value": str(entry.value.tolist()), "unit": entry.unit, "status": entry.status,
             "citations": entry.citations, "why": entry.why}
            for path, entry in sorted(parameters.entries.items())
        ],
        "fit": committed_fit(name),
    }  # fmt: skip


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="Scenario A.")],
    b: Annotated[Path, typer.Argument(help="Scenario B.")],
    out: Out,
    patients: Patients = 100_000,
    seed: Seed = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what lies in the folder.")] = False,
    workers: Workers = 0,
) -> None:
    """The same people under two scenarios: paired differences with intervals, and numbers needed to scan."""
    from dataclasses import asdict

    from spondyl.cli.progress import terminal_progress
    from spondyl.core.output import check_replaceable
    from spondyl.natural_history import run as running
    from spondyl.natural_history.compare import compare as compared
    from spondyl.natural_history.scenario import read_scenario
    from spondyl.report.simulation_page import write_comparison

    check_replaceable(out, {"a", "b", "summary.json", "report.html"})
    runs = {name: running.Run(read_scenario(path), patients, seed) for name, path in (("a", a), ("b", b))}
    with terminal_progress() as progress:
        for name, planned in runs.items():
            running.simulate(planned, out / name, resume=resume, workers=workers, progress=progress)
    chunks = zip(running.chunks_of(out / "a"), running.chunks_of(out / "b"), strict=True)
    rows, people = compared(chunks)
    told = {name: planned.manifest() for name, planned in runs.items()}
    write_comparison({**told, "people": people, "differences": [asdict(row) for row in rows]}, out)
    for row in rows:
        typer.echo(f"{row.outcome:<32} A {row.a:10.4f}  B {row.b:10.4f}  B-A {row.difference:+.5f} "
                   f"({row.low:+.5f} to {row.high:+.5f})")  # fmt: skip
    typer.echo(f"Report: {out / 'report.html'}")


@app.command()
def calibrate(
    targets: Annotated[str, typer.Option(help="'article', 'literature', or a TOML file of targets.")],
    out: Annotated[Path, typer.Option("--out", help="Parameter file to write (TOML).")],
    patients: Annotated[int, typer.Option(min=1000, help="People a trial.")] = 40_000,
    seed: Seed = 77,
    rounds: Annotated[int, typer.Option(min=1, help="Most steps of the optimiser.")] = 20,
) -> None:
    """Fit the free parameters of a target file, and say which of them the targets pin down."""
    from spondyl.cli.progress import terminal_progress
    from spondyl.natural_history.calibrate import calibrate as fitted
    from spondyl.natural_history.fits import write_fit
    from spondyl.natural_history.targets import read_targets, verdicts

    wanted = read_targets(targets)
    with terminal_progress() as progress:
        found = fitted(wanted, patients=patients, seed=seed, rounds=rounds, progress=progress)
    write_fit(found, wanted, out, patients=patients, seed=seed)
    for row in verdicts(wanted, found.counted):
        typer.echo(f"{row.verdict:<8} {row.simulated:>10}  {row.target:>14}  {row.statement}")
    for one in found.free:
        pinned = "pinned down" if one.pinned else "not pinned down"
        typer.echo(f"{one.name}: {one.value:.4g}, relative SD {one.relative_sd:.2g}, {pinned}")


@app.command()
def patient(
    out: Out,
    seed: Seed = 1,
    number: Annotated[int | None, typer.Option("--patient", min=0, help="Which of the seed's people.")] = None,
    scenario: Annotated[Path | None, typer.Option(help="TOML file.")] = None,
) -> None:
    """One life: spine and canal over time, as pictures (life.png) and as an animation (life.gif)."""
    from spondyl.core.output import whole_folder
    from spondyl.natural_history.scenario import read_scenario
    from spondyl.natural_history.trajectory import trajectory
    from spondyl.report.life_pictures import OUTPUTS, write_life

    life = trajectory(read_scenario(scenario), seed, number)
    with whole_folder(out, OUTPUTS) as folder:
        write_life(life, folder)
    for day, what, level, _ in life.events:
        typer.echo(f"day {day:>5}  {what} {level}".rstrip())
