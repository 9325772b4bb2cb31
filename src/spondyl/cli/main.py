"""`spondyl`: the command. Heavy rooms are imported inside the commands, so that --help answers at once."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from spondyl.core.errors import SpondylError

NOT_A_DEVICE = "Research software, not a medical device: it does not diagnose."

app = typer.Typer(
    name="spondyl",
    help=f"Metastatic tumours of the spine, from CT to findings. {NOT_A_DEVICE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from spondyl import __version__

        typer.echo(f"spondyl {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = (
        False
    ),
) -> None: ...


@app.command()
def assess(
    ct: Annotated[Path, typer.Argument(help="CT: NIfTI, NRRD, MHA, or a folder or zip of DICOM files.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; new, or an earlier result to replace.")],
    vertebrae: Annotated[
        Path | None,
        typer.Option(
            help="Vertebra labels: VerSe, TotalSegmentator v2 (file or folder), SPINEPS/TPTBox, or DICOM SEG. "
            "Without it, TotalSegmentator is run where it is installed."
        ),
    ] = None,
    subregions: Annotated[Path | None, typer.Option(help="Sub-region labels 41-50 (SPINEPS/TPTBox).")] = None,
    lesions: Annotated[Path | None, typer.Option(help="Mask of lesions; without it they are looked for.")] = None,
    cord: Annotated[Path | None, typer.Option(help="Mask of the spinal cord.")] = None,
    history: Annotated[Path | None, typer.Option(help="TOML file: cancer, pain, neurology.")] = None,
    scheme: Annotated[
        str | None, typer.Option(help="Numbering of the vertebra labels, when it can't be told by itself.")
    ] = None,
    series: Annotated[
        str | None, typer.Option(help="DICOM series to take: its number or its SeriesInstanceUID.")
    ] = None,
    calibration: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="SLOPE INTERCEPT", help="Density line: mg/cc = SLOPE * HU + INTERCEPT."),
    ] = None,
    rod: Annotated[
        list[str] | None,
        typer.Option(metavar="HU=MG_CC", help="A calibration phantom's rod; give three or more."),
    ] = None,
    kvp: Annotated[float | None, typer.Option(help="Tube voltage, when the file does not say.")] = None,
    voxel_mm: Annotated[float, typer.Option(min=0.5, max=3.0, help="Edge of the finite elements.")] = 1.0,
    workers: Annotated[int, typer.Option(min=0, help="Processes to use; 0 is one a core.")] = 0,
) -> None:
    """Assess every vertebra on a CT: tumour, density, canal, strength, stability, urgency."""
    from spondyl.cli.assess import run_assess

    run_assess(
        ct=ct,
        out=out,
        vertebrae=vertebrae,
        subregions=subregions,
        lesions=lesions,
        cord=cord,
        history=history,
        scheme=scheme,
        series=series,
        calibration=calibration,
        rods=tuple(rod or ()),
        kvp=kvp,
        voxel_mm=voxel_mm,
        workers=workers,
    )


@app.command()
def schema(
    what: Annotated[
        str, typer.Argument(help="'assessment' (what assess writes) or 'history' (what --history takes).")
    ] = ("assessment"),
) -> None:
    """Print the JSON schema of a file Spondyl writes or reads."""
    import json

    if what == "assessment":
        from spondyl.report.schema import json_schema

        typer.echo(json.dumps(json_schema(), indent=2))
    elif what == "history":
        from spondyl.clinical.history import schema as history_schema

        typer.echo(json.dumps(history_schema(), indent=2))
    else:
        raise SpondylError(f"there is no schema '{what}'.", "Ask for 'assessment' or 'history'.")


def main() -> None:
    """Entry point: an error on purpose is told in words with exit code 2, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no dash is no reason to lose a result
    try:
        app()
    except SpondylError as error:
        typer.echo(f"spondyl: {error.what}", err=True)
        if error.remedy:
            typer.echo(f"  {error.remedy}", err=True)
        sys.exit(2)
