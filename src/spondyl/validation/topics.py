"""The four studies that `spondyl benchmark` knows: which cases, which tables, which pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spondyl.core.errors import SpondylError
from spondyl.core.progress import Progress, silent
from spondyl.core.provenance import versions
from spondyl.validation import tables
from spondyl.validation.cases import PhantomCase
from spondyl.validation.compare import MATCH_SHARE, Record
from spondyl.validation.run import IMPLANT_RUNS, PHANTOMS, SEED, cases_of, run_all
from spondyl.validation.tables import Line

Groups = list[tuple[str, Sequence[Line]]]


@dataclass(frozen=True)
class Topic:
    title: str
    groups: Callable[[Sequence[Record]], Groups]
    from_scans: bool = False
    """Whether lesions put into real scans belong to it; else phantoms alone."""
    compressed: bool = False
    """Whether, for each three phantoms, one with tumour in the canal at most levels belongs to it."""


def _lesions(records: Sequence[Record]) -> Groups:
    phantoms, scans = _of(records, "phantom"), _of(records, "scan")
    healthy = [record for record in scans if record.get("healthy")]
    implanted = [record for record in scans if not record.get("healthy")]
    groups: Groups = [("Phantoms", tables.lesion_lines(phantoms))]
    if implanted:
        groups.append(("Lesions put into real scans", tables.lesion_lines(implanted)))
    if healthy:
        count = sum(len(record["false"]) for record in tables.usable(healthy))
        line = Line("findings in real scans as they are, a scan", count / len(healthy), len(healthy), 1.0, False, "")
        groups.append(("Real scans presumed healthy", [line]))
    both = [*phantoms, *implanted]
    groups.append(("Found, by longest diameter", tables.lesions_by(both, tables.size_group)))
    groups.append(("Found from 10 mm on, by type", tables.lesions_by(both, tables.kind_group)))
    groups.append(("Found from 10 mm on, by place", tables.lesions_by(both, tables.place_group)))
    groups.append(("Found from 10 mm on, by noise of the scan", tables.lesions_by(both, tables.noise_group)))
    return groups


def _canal(records: Sequence[Record]) -> Groups:
    groups: Groups = [("Canal and epidural compression", tables.canal_lines(_of(records, "phantom")))]
    if compressed := _of(records, "compressed"):
        groups.append(("Phantoms with tumour in the canal at most levels", tables.canal_lines(compressed)))
    return groups


def _sins(records: Sequence[Record]) -> Groups:
    return [
        ("From CT and vertebra masks alone", tables.sins_lines(records, "alone")),
        ("With the lesions labelled", tables.sins_lines(records, "labelled")),
        ("Heights", tables.shape_lines(records)),
    ]


def _density(records: Sequence[Record]) -> Groups:
    return [("Density without a phantom on the table", tables.density_lines(records))]


TOPICS = {
    "lesions": Topic("Lesions found, beside the truth", _lesions, from_scans=True),
    "canal": Topic("Canal and cord, beside the truth", _canal, compressed=True),
    "sins": Topic("SINS and heights, beside the truth", _sins),
    "density": Topic("Trabecular density, beside the truth", _density),
}


def run_topic(
    name: str,
    out: Path,
    *,
    phantoms: int = PHANTOMS,
    seed: int = SEED,
    scans: Sequence[tuple[Path, Path]] = (),
    implant_runs: int = IMPLANT_RUNS,
    workers: int = 0,
    progress: Progress = silent,
) -> Path:
    """Measure what is not measured yet, and write NAME.json, NAME.md and (lesions) NAME.png; returns the .md file.

    All topics share the records of the phantoms in `out`/parts. Raises SpondylError when no case could be assessed.
    """
    from spondyl.validation.figures import draw_lesions

    topic = TOPICS[name]
    cases = cases_of(phantoms=phantoms, seed=seed, scans=scans if topic.from_scans else (), implant_runs=implant_runs)
    if topic.compressed:
        cases += [PhantomCase(seed, number, compressed=True) for number in range(-(-phantoms // 3))]
    records = run_all(cases, out, workers=workers, progress=progress)
    if not (usable := tables.usable(records)):
        raise SpondylError("no case could be assessed.", f"See the messages in {out.name}/parts.")
    groups = topic.groups(usable)
    notes = _notes(records, seed)
    (out / f"{name}.md").write_text(tables.markdown(topic.title, groups, notes), encoding="utf-8")
    told = {"seed": seed, "versions": versions(), "notes": notes, "tables": tables.as_json(groups)}
    (out / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if name == "lesions":
        draw_lesions(usable, out / "lesions.png")
    return out / f"{name}.md"


def _notes(records: Sequence[Record], seed: int) -> list[str]:
    phantoms = [*_of(records, "phantom"), *_of(records, "compressed")]
    scans = _of(records, "scan")
    failed = [record for record in records if "failed" in record]
    seconds = sorted(record["assess_s"] for record in (*phantoms, *scans))
    notes = [f"{len(phantoms)} random phantoms of seed {seed}"]
    if scans:
        notes[0] += f", {len(scans)} real scans as they are or with lesions put in"
    notes[0] += "."
    if failed:
        notes.append(
            f"{len(failed)} cases ended in an error and count nowhere: {failed[0]['case']}: {failed[0]['failed']}"
        )
    peak_gb = max(record["peak_mb"] for record in records) / 1024
    notes.append(
        f"An assessment without strengths took {seconds[len(seconds) // 2]:.0f} s (median; one process a case, "
        f"several at a time); the largest process held {peak_gb:.1f} GB, making the phantom included."
    )
    notes.append(
        "Levels that the scan cuts, or that the gate does not pass, count nowhere: nothing is claimed of them. "
        f"A lesion is found where a finding and it share {MATCH_SHARE:.0%} of the smaller."
    )
    return notes


def _of(records: Sequence[Record], kind: str) -> list[Record]:
    return [record for record in records if record.get("kind") == kind]
