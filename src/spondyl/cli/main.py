"""`spondyl`: the command. Heavy rooms are imported inside the commands, so that --help answers at once."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from spondyl.cli.simulate import app as simulate_app
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
            "Without it they are found in the CT."
        ),
    ] = None,
    segmenter: Annotated[
        str, typer.Option(help="Who finds the vertebrae where no labels are given: spondyl or totalsegmentator.")
    ] = "spondyl",
    anchor: Annotated[
        list[str] | None,
        typer.Option(metavar="LEVEL=Z", help="A level and the z of its body in mm (LPS), where names are not sure."),
    ] = None,
    subregions: Annotated[Path | None, typer.Option(help="Sub-region labels 41-50 (SPINEPS/TPTBox).")] = None,
    lesions: Annotated[Path | None, typer.Option(help="Mask of lesions; without it they are looked for.")] = None,
    cord: Annotated[Path | None, typer.Option(help="Mask of the spinal cord.")] = None,
    sac: Annotated[
        Path | None, typer.Option(help="Mask of the thecal sac (CT myelogram, or MRI registered to the CT).")
    ] = None,
    epidural: Annotated[
        Path | None, typer.Option(help="Mask of tumour in the canal, for the ESCC grade; empty: looked for, not found.")
    ] = None,
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
        typer.Option(
            metavar="HU=MG_CC", help="A calibration phantom's rod; give three or more. With --rod-mask: LABEL=MG_CC."
        ),
    ] = None,
    rod_mask: Annotated[Path | None, typer.Option(help="Labels of the rods, whose HU are then measured.")] = None,
    generic: Annotated[
        bool, typer.Option("--generic", help="The general density line, not one from the patient's own tissues.")
    ] = False,
    kvp: Annotated[float | None, typer.Option(help="Tube voltage, when the file does not say.")] = None,
    voxel_mm: Annotated[float, typer.Option(min=0.5, max=3.0, help="Edge of the finite elements.")] = 1.0,
    strength: Annotated[
        bool, typer.Option("--strength/--no-strength", help="Compute strengths, which takes most of the time.")
    ] = True,
    workers: Annotated[int, typer.Option(min=0, help="Processes to use; 0 is one a core.")] = 0,
) -> None:
    """Assess every vertebra on a CT: tumour, density, canal, strength, stability, urgency."""
    from spondyl.cli.assess import run_assess

    run_assess(
        ct=ct,
        out=out,
        vertebrae=vertebrae,
        segmenter=segmenter,
        anchors=tuple(anchor or ()),
        subregions=subregions,
        lesions=lesions,
        cord=cord,
        sac=sac,
        epidural=epidural,
        history=history,
        scheme=scheme,
        series=series,
        calibration=calibration,
        rods=tuple(rod or ()),
        rod_mask=rod_mask,
        generic=generic,
        kvp=kvp,
        voxel_mm=voxel_mm,
        strength=strength,
        workers=workers,
    )


@app.command()
def segment(
    ct: Annotated[Path, typer.Argument(help="CT: NIfTI, NRRD, MHA, or a folder or zip of DICOM files.")],
    out: Annotated[Path, typer.Option("--out", help="File for the labels, VerSe's numbers: vertebrae.nii.gz.")],
    anchor: Annotated[
        list[str] | None,
        typer.Option(metavar="LEVEL=Z", help="A level and the z of its body's middle in mm (LPS): T12=-214.5."),
    ] = None,
    levels: Annotated[str | None, typer.Option(help="Levels to write, L1-L5 or T12,L2; all without it.")] = None,
    preview: Annotated[Path | None, typer.Option(help="A picture of the labels on the CT (PNG).")] = None,
    series: Annotated[str | None, typer.Option(help="DICOM series to take, as for assess.")] = None,
) -> None:
    """Find the vertebrae in a raw CT and name them, offline and without a trained network."""
    from spondyl.cli.segment import run_segment
    from spondyl.cli.strength import parse_levels

    chosen = None if levels is None else parse_levels(levels)
    run_segment(ct, out, anchors=tuple(anchor or ()), levels=chosen, preview=preview, series=series)


@app.command()
def strength(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; new, or an earlier result to replace.")],
    ct: Annotated[Path | None, typer.Argument(help="CT: NIfTI, NRRD, MHA, or a folder or zip of DICOM files.")] = None,
    vertebrae: Annotated[Path | None, typer.Option(help="Vertebra labels, as for assess.")] = None,
    levels: Annotated[str | None, typer.Option(help="Levels, L1-L5 or T12,L2; all without it.")] = None,
    load: Annotated[
        list[str] | None, typer.Option(help="axial (default), flexion, side or torsion; may be given more than once.")
    ] = None,
    law: Annotated[
        str, typer.Option(help="From density to modulus and yield stress; an unknown name lists those known.")
    ] = "kopperdahl2002",
    voxel_mm: Annotated[
        float, typer.Option("--voxel-mm", "--voxel", min=0.5, max=3.0, help="Edge of the finite elements.")
    ] = 1.0,
    lesions: Annotated[Path | None, typer.Option(help="Mask of lesions; without it they are looked for.")] = None,
    subregions: Annotated[Path | None, typer.Option(help="Sub-region labels 41-50 (SPINEPS/TPTBox).")] = None,
    history: Annotated[Path | None, typer.Option(help="TOML file; body weight gives the loads by task.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Numbering of the vertebra labels, as for assess.")] = None,
    series: Annotated[str | None, typer.Option(help="DICOM series to take, as for assess.")] = None,
    calibration: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="SLOPE INTERCEPT", help="Density line: mg/cc = SLOPE * HU + INTERCEPT."),
    ] = None,
    rod: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HU=MG_CC", help="A calibration phantom's rod; give three or more. With --rod-mask: LABEL=MG_CC."
        ),
    ] = None,
    rod_mask: Annotated[Path | None, typer.Option(help="Labels of the rods, as for assess.")] = None,
    generic: Annotated[
        bool, typer.Option("--generic", help="The general density line, not one from the patient's own tissues.")
    ] = False,
    kvp: Annotated[float | None, typer.Option(help="Tube voltage, when the file does not say.")] = None,
    density: Annotated[
        Path | None, typer.Option(help="In place of a CT: a block's density in mg/cc K2HPO4, z along the load.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="With --density: labels of bone and caps on its grid.")] = None,
    bone_labels: Annotated[str, typer.Option(help="With --labels: which are bone.")] = "1,2,3,4",
    cap_labels: Annotated[str, typer.Option(help="With --labels: which are caps; none there: they are cast.")] = "5,6",
    density_sd: Annotated[
        float,
        typer.Option(min=0.0, max=0.5, help="With --density: relative standard deviation of its scale, 0.1 is 10 %."),
    ] = 0.0,
    workers: Annotated[int, typer.Option(min=0, help="Threads to use; 0 is one a core.")] = 0,
) -> None:
    """How much load vertebrae, or a calibrated block of bone, can bear, and what a tumour costs them."""
    from spondyl.cli.strength import block_request, check_options, ct_request, run_strength

    typed = {name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")}
    numbers = bone_labels, cap_labels
    block = block_request(density, labels, numbers, density_sd=density_sd, law=law, workers=workers, no_ct=ct is None)
    check_options(typed, block=block is not None)
    request = None
    if block is None:
        request = ct_request(
            ct=ct,
            vertebrae=vertebrae,
            subregions=subregions,
            lesions=lesions,
            history=history,
            scheme=scheme,
            series=series,
            calibration=calibration,
            rods=tuple(rod or ()),
            rod_mask=rod_mask,
            generic=generic,
            kvp=kvp,
            voxel_mm=voxel_mm,
            law=law,
            workers=workers,
        )
    run_strength(out, request=request, block=block, levels=levels, loads=tuple(load or ["axial"]))


@app.command()
def implant(
    context: typer.Context,
    ct: Annotated[Path, typer.Argument(help="CT: NIfTI, NRRD, MHA, or a folder or zip of DICOM files.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; new, or an earlier result to replace.")],
    vertebrae: Annotated[Path, typer.Option(help="Vertebra labels, as for assess.")],
    level: Annotated[str | None, typer.Option(help="Vertebra that gets the lesion: T8.")] = None,
    kind: Annotated[str, typer.Option("--type", help="lytic, blastic or mixed.")] = "lytic",
    diameter_mm: Annotated[float, typer.Option(help="Longest diameter, without growth out of the bone.")] = 14.0,
    place: Annotated[
        str,
        typer.Option(
            "--where",
            help="centre, anterior, posterior, left, right, superior, inferior; with _left or _right: pedicle, lamina, "
            "facet, costovertebral.",
        ),
    ] = "centre",
    irregularity: Annotated[float, typer.Option(help="Relative standard deviation of its radius, 0 to 0.3.")] = 0.1,
    breach: Annotated[
        bool | None, typer.Option("--breach/--no-breach", help="Eat the cortex; without it only where it must.")
    ] = None,
    canal_growth_mm: Annotated[float, typer.Option(help="Growth beyond the bone, into the canal.")] = 0.0,
    paravertebral_growth_mm: Annotated[float, typer.Option(help="Growth beyond the bone, outward.")] = 0.0,
    spec: Annotated[Path | None, typer.Option(help="TOML file of several lesions, in place of --level.")] = None,
    random: Annotated[
        int | None, typer.Option("--random", min=1, help="So many random lesions, in place of --level.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bits.")] = 0,
    scheme: Annotated[str | None, typer.Option(help="Numbering of the vertebra labels, as for assess.")] = None,
    series: Annotated[str | None, typer.Option(help="DICOM series to take, as for assess.")] = None,
) -> None:
    """Put known lesions into a real CT, with their truth beside it."""
    from spondyl.cli.implant import run_implant, typed_specs

    of_lesion = {
        "level": level,
        "kind": kind,
        "diameter_mm": diameter_mm,
        "place": place,
        "irregularity": irregularity,
        "breach": breach,
        "canal_growth_mm": canal_growth_mm,
        "paravertebral_growth_mm": paravertebral_growth_mm,
    }
    typed = {
        name: value
        for name, value in of_lesion.items()
        if str(context.get_parameter_source(name)).endswith("COMMANDLINE")
    }
    specs = typed_specs(spec, typed, seed, random)
    run_implant(ct, vertebrae, out, specs=specs, random=random or 0, seed=seed, scheme=scheme, series=series)


benchmark = typer.Typer(help="Measure Spondyl on this machine.", no_args_is_help=True)
app.add_typer(benchmark, name="benchmark")
app.add_typer(simulate_app, name="simulate")


@benchmark.command("mechanics")
def benchmark_mechanics(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the results; what a cut-off run left is gone on with.")
    ],
    peers: Annotated[bool, typer.Option("--peers", help="Other programs too, where they are installed.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Smaller models and fewer repetitions.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Measure anew what an earlier run left in the folder.")
    ] = False,
) -> None:
    """Time, memory and accuracy of the voxel solver, beside other programs on the same mesh."""
    from spondyl.cli.progress import terminal_progress
    from spondyl.core.output import check_replaceable
    from spondyl.mechanics.benchmark.run import run

    check_replaceable(out, {"parts", "mechanics.json", "mechanics.png", "mechanics.md"})
    with terminal_progress() as progress:
        table = run(out, peers=peers, fast=fast, again=again, progress=progress)
    typer.echo(table.read_text(encoding="utf-8"))


@app.command()
def phantom(
    out: Annotated[Path, typer.Option("--out", help="Folder for the phantom, or for the folders of a set.")],
    spec: Annotated[Path | None, typer.Option(help="TOML file of one phantom.")] = None,
    random: Annotated[int | None, typer.Option(min=1, help="In place of --spec: so many random phantoms.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="With --random: of the set.")] = 0,
    start: Annotated[int, typer.Option(min=0, help="With --random: number of the first one.")] = 0,
) -> None:
    """Make CT scans of spines whose truth is known exactly, with all masks and truth.json."""
    from spondyl.cli.phantom import run_phantom

    run_phantom(spec=spec, random=random, seed=seed, start=start, out=out)


def _benchmark_of(topic: str, about: str) -> None:
    """Register `spondyl benchmark TOPIC`: all of them take the same options and share their phantoms."""

    @benchmark.command(topic, help=about)
    def command(
        out: Annotated[
            Path, typer.Option("--out", help="Folder for the results; what a cut-off run left is gone on with.")
        ],
        phantoms: Annotated[int, typer.Option(min=1, help="How many random phantoms.")] = 200,
        seed: Annotated[int, typer.Option(min=0, help="Of the phantoms and implants.")] = 1000,
        scan: Annotated[
            list[str] | None,
            typer.Option(
                metavar="CT=MASK", help="A real scan and its vertebra labels, for lesions put in; may be repeated."
            ),
        ] = None,
        implant_runs: Annotated[int, typer.Option(min=0, help="Copies of each scan with lesions put in.")] = 8,
        workers: Annotated[int, typer.Option(min=0, help="Cases at a time; 0 is one a core.")] = 0,
    ) -> None:
        from spondyl.cli.benchmark import run_benchmark

        run_benchmark(topic, out, phantoms, seed, tuple(scan or ()), implant_runs, workers)


_benchmark_of("lesions", "Lesions found in phantoms, and in real scans with lesions put in, beside the truth.")
_benchmark_of("canal", "Canal areas and ESCC grades of phantoms, beside the truth.")
_benchmark_of("sins", "Image items and bands of SINS, and heights, of phantoms, beside the truth.")
_benchmark_of("density", "Trabecular density of phantoms, beside the truth.")


@app.command()
def score(
    name: Annotated[
        str,
        typer.Argument(
            help="sins, escc, noms, tokuhashi, tomita, katagiri, bauer, nesms, van-der-linden, rades, or all of them."
        ),
    ] = "all",
    file: Annotated[Path | None, typer.Argument(help="Answers: TOML, JSON or a FHIR QuestionnaireResponse.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of the file of answers.")] = False,
) -> None:
    """Stability, cord compression and prognosis scores from answers, each with its working and its sources."""
    from spondyl.cli.score import run_score

    run_score(name, file, as_json=as_json, schema_only=schema)


@app.command()
def classify(
    file: Annotated[Path | None, typer.Argument(help="Answers: TOML, JSON or a FHIR QuestionnaireResponse.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of the file of answers.")] = False,
) -> None:
    """What kind of spinal tumour this is: origin, compartment, behaviour, zones, layers and surgical type."""
    from spondyl.cli.classify import run_classify

    run_classify(file, as_json=as_json, schema_only=schema)


@app.command()
def evidence(
    term: Annotated[str, typer.Argument(help="Words to look for; without any, everything is listed.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Every fact, point and threshold of the clinical rules, with its source and whether that was read."""
    from spondyl.cli.evidence import run_evidence

    run_evidence(term, as_json=as_json)


@app.command()
def triage(
    file: Annotated[
        Path | None, typer.Argument(help="History file, TOML or JSON; without it the questions are asked.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of the file, and stop.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="On a terminal: one key answers, without Enter.")] = False,
    save: Annotated[Path | None, typer.Option(help="Keep the answers in this .json file.")] = None,
) -> None:
    """Who to call about a back pain or weak limbs, how soon, and why."""
    from spondyl.cli.triage import run_triage

    run_triage(file, as_json=as_json, schema=schema, keys=keys, save=save)


@app.command()
def localise(
    file: Annotated[Path | None, typer.Argument(help="History file with symptoms and examination.")] = None,
    assessment: Annotated[Path | None, typer.Option(help="assessment.json whose lesions are compared.")] = None,
    lesions: Annotated[str | None, typer.Option(help="Levels of lesions in place of it, T8,L1.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of the file, and stop.")] = False,
) -> None:
    """Which vertebrae could explain the symptoms, and whether the lesions found lie there."""
    from spondyl.cli.localise import run_localise

    run_localise(file, assessment=assessment, lesions=lesions, as_json=as_json, schema=schema)


@app.command()
def explain(
    out: Annotated[Path, typer.Option("--out", help="HTML file to write.")],
    assessment: Annotated[
        Path | None, typer.Argument(help="assessment.json; with it the page says what was found.")
    ] = None,
) -> None:
    """A page for patients and families: what a tumour of the spine is, and when to call whom."""
    from spondyl.cli.explain import run_explain

    run_explain(assessment, out)


@app.command()
def schema(
    what: Annotated[
        str, typer.Argument(help="'assessment' (what assess writes), 'strength', or 'history' (what --history takes).")
    ] = ("assessment"),
) -> None:
    """Print the JSON schema of a file Spondyl writes or reads."""
    import json

    if what == "assessment":
        from spondyl.report.schema import json_schema

        typer.echo(json.dumps(json_schema(), indent=2))
    elif what == "strength":
        from spondyl.report.strength_page import json_schema as strength_schema

        typer.echo(json.dumps(strength_schema(), indent=2))
    elif what == "history":
        from spondyl.clinical.history import schema as history_schema

        typer.echo(json.dumps(history_schema(), indent=2))
    else:
        raise SpondylError(f"there is no schema '{what}'.", "Ask for 'assessment', 'strength' or 'history'.")


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
