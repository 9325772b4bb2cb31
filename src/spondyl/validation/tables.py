"""What many records say: shares with their intervals, errors, and whether each bound asked for is met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.validation.compare import Record

DIAMETER_MM = 10.0
"""Lesions from this longest diameter on are those the bounds speak of."""
SENSITIVITY, FALSE_A_SCAN, TYPE_RIGHT, VOLUME_ERROR = 0.90, 1.0, 0.95, 0.15
ITEM_RIGHT, BAND_RIGHT, ESCC_RIGHT = 0.95, 0.95, 0.95
HEIGHT_MM, LOSS_POINTS, AREA_ERROR = 1.0, 5.0, 0.05
WITHIN = 0.95
"""Share of single heights, losses and areas that must lie within their bound. Own choice."""
SIZES_MM = (0.0, 8.0, 10.0, 12.0, 15.0, 20.0, 100.0)
NOISES_HU = (0.0, 12.0, 20.0, 30.0, 400.0)
BANDS = ((6, "stable"), (12, "indeterminate"), (18, "unstable"))
"""Highest total of each band of SINS (fisher2010)."""
Z = 1.96


@dataclass(frozen=True)
class Line:
    name: str
    value: float | None
    count: int
    bound: float | None
    at_least: bool
    unit: str = ""
    """'' for a share."""

    @property
    def met(self) -> bool | None:
        if self.bound is None or self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def cells(self) -> tuple[str, str, str, str]:
        if self.value is None:
            shown = "–"
        elif self.unit:
            shown = f"{self.value:.2f} {self.unit}"
        else:
            low, high = wilson(self.value, self.count)
            shown = f"{self.value:.3f} ({low:.3f}–{high:.3f})"
        sign = "≥" if self.at_least else "≤"
        bound = "" if self.bound is None else f"{sign} {self.bound:g}{' ' + self.unit if self.unit else ''}"
        verdict = {True: "met", False: "**missed**", None: ""}[self.met]
        return shown, str(self.count), bound, verdict


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    middle = share + Z**2 / (2 * count)
    half = Z * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    scale = 1 + Z**2 / count
    return max(0.0, float((middle - half) / scale)), min(1.0, float((middle + half) / scale))


def share(name: str, answers: Iterable[bool], bound: float | None = None) -> Line:
    known = list(answers)
    return Line(name, float(np.mean(known)) if known else None, len(known), bound, True)


def median(name: str, errors: Iterable[float], bound: float | None, unit: str) -> Line:
    known = list(errors)
    return Line(name, float(np.median(known)) if known else None, len(known), bound, False, unit)


def usable(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if "failed" not in record]


def lesion_lines(records: Sequence[Record]) -> list[Line]:
    """The bounds on lesions, over these cases."""
    taken = usable(records)
    large = [one for one in _lesions(taken) if one["diameter_mm"] >= DIAMETER_MM]
    found = [one for one in large if one["found"]]
    false = sum(len(record["false"]) for record in taken)
    return [
        share(f"found, of {DIAMETER_MM:g} mm and more", (bool(one["found"]) for one in large), SENSITIVITY),
        Line("false findings a scan", false / len(taken) if taken else None, len(taken), FALSE_A_SCAN, False, "a scan"),
        share("type right, of those found", (one["found"]["type"] == one["type"] for one in found), TYPE_RIGHT),
        median("volume error, median", (volume_error(one) for one in found), VOLUME_ERROR, "of the volume"),
    ]


def volume_error(lesion: Record) -> float:
    return float(abs(lesion["found"]["volume_mm3"] / lesion["volume_mm3"] - 1))


def lesions_by(records: Sequence[Record], key: Callable[[Record], str | None]) -> list[Line]:
    """Sensitivity within each group."""
    groups: dict[str, list[bool]] = {}
    for one in _lesions(usable(records)):
        if (name := key(one)) is not None:
            groups.setdefault(name, []).append(bool(one["found"]))
    return [share(name, groups[name]) for name in sorted(groups, key=_natural)]


def size_group(lesion: Record) -> str | None:
    return _binned(lesion["diameter_mm"], SIZES_MM, "mm")


def noise_group(lesion: Record) -> str | None:
    large = lesion["diameter_mm"] >= DIAMETER_MM
    return _binned(lesion["noise_hu"], NOISES_HU, "HU") if large and lesion["noise_hu"] is not None else None


def kind_group(lesion: Record) -> str | None:
    return lesion["type"] if lesion["diameter_mm"] >= DIAMETER_MM else None


def place_group(lesion: Record) -> str | None:
    return lesion["place"] if lesion["diameter_mm"] >= DIAMETER_MM else None


def _binned(value: float, edges: Sequence[float], unit: str) -> str:
    n = int(np.clip(np.searchsorted(edges, value, side="right"), 1, len(edges) - 1))
    last = n == len(edges) - 1
    return f"{edges[n - 1]:g} {unit} and more" if last else f"{edges[n - 1]:g} to {edges[n]:g} {unit}"


def _natural(name: str) -> tuple[float, str]:
    head = name.split(" ")[0]
    return (float(head) if head.replace(".", "").isdigit() else float("inf")), name


def _lesions(records: Sequence[Record]) -> list[Record]:
    """True lesions of levels that were assessed: what a cut level holds is not claimed to be seen."""
    return [one for record in records for one in record["lesions"] if one["assessed"]]


def _levels(records: Sequence[Record], how: str) -> list[tuple[Record, Record]]:
    """(level, its result) of the phantoms' levels that were assessed; how: 'alone' or 'labelled'."""
    return [
        (level, level[how])
        for record in usable(records)
        if record["kind"] != "scan"
        for level in record["levels"].values()
        if how in level
    ]


def sins_lines(records: Sequence[Record], how: str) -> list[Line]:
    """Each image item, and the total's band, at levels that hold a lesion; and of what is not right how it is not."""
    scored = [(level["truth"]["sins"], level["pain"], found["sins"]) for level, found in _levels(records, how)]
    scored = [entry for entry in scored if entry[0] is not None and entry[2] is not None]
    lines = [share("no lesion found, so not scored", (not found["applies"] for _, _, found in scored))]
    for name in ("location", "lesion", "alignment", "collapse", "posterolateral"):
        lines += _told(name, [_item(found, name, truth["items"][name]) for truth, _, found in scored], ITEM_RIGHT)
    lines += _told("band of the total", [_band_told(truth, pain, found) for truth, pain, found in scored], BAND_RIGHT)
    covered = [_covers(truth, pain, found) for truth, pain, found in scored]
    lines.append(share("total within the range told", covered))
    return lines


def _told(name: str, answers: Sequence[str], bound: float) -> list[Line]:
    """Right, left open, wrong; what no lesion was found for is none of them."""
    return [
        share(f"{name} right", (answer == "right" for answer in answers), bound),
        share(f"{name} left open, the truth being possible", (answer == "open" for answer in answers)),
        share(f"{name} wrong", (answer == "wrong" for answer in answers)),
    ]


OPEN = "unknown: one of "
"""What an answer with several possible ones begins with."""


PAIN_POINTS = {"mechanical": 3, "other": 1, "none": 0}
"""fisher2010."""


def _item(found: Record, name: str, answer: str) -> str:
    if not found["applies"]:
        return "not scored"
    told = found["items"][name]["answer"]
    if told.startswith(OPEN):
        return "open" if answer in told.removeprefix(OPEN).split(", ") else "wrong"
    return "right" if told == answer else "wrong"


def _total(truth: Record, pain: str) -> int:
    return int(truth["total_without_pain"] + PAIN_POINTS[pain])


def _band_told(truth: Record, pain: str, found: Record) -> str:
    """Right when the whole range told lies in the true band; open when the range holds the true total beside others."""
    if not found["applies"]:
        return "not scored"
    true = _band(_total(truth, pain))
    if _band(found["total_min"]) == true == _band(found["total_max"]):
        return "right"
    return "open" if _covers(truth, pain, found) else "wrong"


def _covers(truth: Record, pain: str, found: Record) -> bool:
    return bool(found["applies"] and found["total_min"] <= _total(truth, pain) <= found["total_max"])


def _band(total: int) -> str:
    return next(name for highest, name in BANDS if total <= highest)


def canal_lines(records: Sequence[Record]) -> list[Line]:
    """Areas from the masks of bone alone; the ESCC grade with cord, sac and tumour labelled."""
    alone = [(level["truth"]["canal"], found["canal"]) for level, found in _levels(records, "alone")]
    alone = [(truth, found) for truth, found in alone if truth and found]
    errors = [found["pedicle_area_mm2"] / truth["area_mm2"] - 1 for truth, found in alone if found["pedicle_area_mm2"]]
    labelled = [(level["truth"]["canal"], found["canal"]) for level, found in _levels(records, "labelled")]
    graded = [(truth, found) for truth, found in labelled if truth and found and truth["escc"] is not None]
    right = [found["escc"] == truth["escc"] for truth, found in graded]
    narrowed = [found["escc"] == truth["escc"] for truth, found in graded if truth["escc"] != "0"]
    possible = [truth["escc"] in found["escc_possible"] for truth, found in graded]
    return [
        share("canal's area measured", (found["pedicle_area_mm2"] is not None for _, found in alone)),
        share("area within 5 %", (abs(error) <= AREA_ERROR for error in errors), WITHIN),
        median("area error, median", map(abs, errors), None, "of the area"),
        median("area error, signed median", errors, None, "of the area"),
        share("ESCC grade right", right, ESCC_RIGHT),
        share("ESCC grade right, where not 0", narrowed, ESCC_RIGHT),
        share("true ESCC grade among those possible", possible),
    ]


def shape_lines(records: Sequence[Record]) -> list[Line]:
    shapes = [(level["truth"]["body"], found["shape"]) for level, found in _levels(records, "alone")]
    shapes = [(truth, found) for truth, found in shapes if truth and found]
    lines = []
    for place in ("anterior", "middle", "posterior"):
        errors = [
            abs(found["heights_mm"][place] - truth["heights_mm"][place])
            for truth, found in shapes
            if found["heights_mm"][place] is not None
        ]
        lines.append(share(f"{place} height within 1 mm", (error <= HEIGHT_MM for error in errors), WITHIN))
        lines.append(median(f"{place} height error, median", errors, None, "mm"))
    both = [(truth["height_loss"], found["height_loss"]) for truth, found in shapes]
    losses = [100 * abs(found - truth) for truth, found in both if found is not None]
    lines.append(share("height loss within 5 points", (loss <= LOSS_POINTS for loss in losses), WITHIN))
    lines.append(median("height loss error, median", losses, None, "points"))
    return lines


def density_lines(records: Sequence[Record]) -> list[Line]:
    found = [(level["truth"]["trabecular"], result["density"]) for level, result in _levels(records, "alone")]
    found = [(truth, result) for truth, result in found if result]
    errors = [result["mg_cc"] - truth["mg_cc_k2hpo4"] for truth, result in found]
    inside = [
        result["interval_mg_cc"][0] <= truth["mg_cc_k2hpo4"] <= result["interval_mg_cc"][1] for truth, result in found
    ]
    return [
        median("density error, median", map(abs, errors), None, "mg/cc"),
        median("density error, signed median", errors, None, "mg/cc"),
        share("truth within the 95 % interval", inside, 0.95),
    ]


def markdown(title: str, groups: Sequence[tuple[str, Sequence[Line]]], notes: Sequence[str]) -> str:
    parts = [f"# {title}", "", *[f"{note}" for note in notes], ""]
    for name, lines in groups:
        parts += [f"## {name}", "", "| | value (95 % interval) | n | asked for | |", "|---|---|---|---|---|"]
        parts += [f"| {line.name} | {' | '.join(line.cells())} |" for line in lines] + [""]
    return "\n".join(parts)


def as_json(groups: Sequence[tuple[str, Sequence[Line]]]) -> dict[str, Any]:
    return {
        name: [
            {"name": line.name, "value": line.value, "count": line.count, "bound": line.bound, "met": line.met}
            for line in lines
        ]
        for name, lines in groups
    }
