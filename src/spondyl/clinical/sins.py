"""SINS, the Spinal Instability Neoplastic Score (Fisher 2010), with a range where an answer is not known.

Points, bands and thresholds stand in `rules/sins.toml`. The builders below turn measured numbers into the
words of the table. The table gives hardly a number for them, so near a threshold of our own both answers
stay possible.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from spondyl.anatomy.levels import Level
from spondyl.clinical import rules
from spondyl.clinical.history import History
from spondyl.values.findings import Item, LevelFindings
from spondyl.values.score import ScoredItem, ScoreResult

ITEMS = ("pain", "lesion", "alignment", "collapse", "posterolateral")
"""The items besides location, which follows from the level."""


def words(name: str) -> tuple[str, ...]:
    """Allowed answers of an item, most points first."""
    return tuple(rules.load("sins").under(f"points.{name}"))


def score(findings: LevelFindings) -> ScoreResult:
    """SINS of one level: a total where every item is known, else the range of totals that are possible.

    Raises ValueError for an answer that SINS does not know.
    """
    items = {"location": _location(findings.level), **{name: getattr(findings, name) for name in ITEMS}}
    scored = tuple(_scored(name, item) for name, item in items.items())
    low, high = sum(item.points_min for item in scored), sum(item.points_max for item in scored)
    table = rules.load("sins")
    used = [
        *(path for path in table.entries if path.startswith(("points.", "bands.", "limits."))),
        "advice.consult_from",
    ]
    missing = tuple(name for name, item in items.items() if not item.known)
    return ScoreResult(
        rule=table.title,
        version=table.version,
        items=scored,
        total_min=low,
        total_max=high,
        category=_category(low, high),
        advice=_advice(low, high, missing),
        missing=missing,
        citations=table.cited(used),
    )


def _location(level: Level) -> Item:
    """The level's region in the table; of T13, L6 and the coccyx the table says nothing, and the basis says so."""
    for group in ("location", "location_own_choice"):
        for region, entry in rules.load("sins").under(group).items():
            if level.name in entry.value:
                return Item((region,), f"{level.name}. {entry.why}".rstrip(" ."), "image")
    raise ValueError(f"SINS has no location for {level.name}.")


def limits() -> tuple[str, ...]:
    """What the score is known not to do, as sentences; those resting on unverified sources say so."""
    return tuple(
        entry.value if entry.status == "verified" else f"{entry.value} [unverified]"
        for entry in rules.load("sins").under("limits").values()
    )


def _scored(name: str, item: Item) -> ScoredItem:
    allowed = rules.load("sins").under(f"points.{name}")
    if unknown := [word for word in item.possible if word not in allowed]:
        raise ValueError(f"SINS {name} can't be '{unknown[0]}'; it is one of {', '.join(allowed)}.")
    points = [allowed[word].value for word in item.possible]
    answer = item.possible[0] if item.known else f"unknown: one of {', '.join(item.possible)}"
    return ScoredItem(name, answer, min(points), max(points), item.basis, item.source)


def _category(low: int, high: int) -> str:
    bands = rules.load("sins").under("bands").items()
    return " or ".join(band for band, entry in bands if low <= entry.value[1] and high >= entry.value[0])


def _advice(low: int, high: int, missing: tuple[str, ...]) -> str:
    table = rules.load("sins")
    if not table.recommends("advice.consult_from"):
        return f"No advice: the threshold is not verified. {' '.join(limits())}"
    threshold = table.value("advice.consult_from")
    to_learn = f" Not known: {', '.join(missing)}." if missing else ""
    if low >= threshold:
        said = f"Surgical consultation is advised by the authors of the score from {threshold} points on."
    elif high >= threshold:
        said = f"May need surgical consultation: the total may reach {threshold} points, from which on it is advised."
    else:
        said = f"The score by itself does not call for surgical consultation (advised from {threshold} points on)."
    return f"{said}{to_learn} {' '.join(limits())}"


# Items from the history


def pain_item(history: History | None, level: Level) -> Item:
    """Pain of this vertebra. That some back pain exists does not say that this vertebra is what hurts."""
    if history is None:
        return Item(words("pain"), "no history given", "unknown")
    here = history.pain.levels.get(level.name)
    present = here.present if here else "unknown"
    mechanical = here.mechanical if here else "unknown"
    if history.answer("pain.present") == "no" or present == "no":
        return Item(("pain_free",), "history: no pain", "history")
    if mechanical == "yes":
        return Item(("mechanical",), f"history: mechanical pain at {level.name}", "history")
    not_mechanical = mechanical == "no" or history.answer("pain.mechanical") == "no"
    possible = [
        *([] if not_mechanical else ["mechanical"]),
        "occasional_not_mechanical",
        *([] if present == "yes" else ["pain_free"]),
    ]
    return Item(tuple(possible), _pain_basis(history, level, present), "history" if len(possible) < 3 else "unknown")


def _pain_basis(history: History, level: Level, present: str) -> str:
    if present == "yes":
        return f"history: pain at {level.name}"
    if history.answer("pain.present") == "yes":
        return f"history: back pain, but not whether {level.name} hurts (answer pain.levels.{level.name})"
    return "history: pain not answered"


def given_item(history: History | None, level: Level, name: str) -> Item | None:
    """What a person read from a scan for 'lesion', 'alignment', 'collapse' or 'posterolateral'; None if nothing."""
    reading = history.imaging.levels.get(level.name) if history else None
    word = getattr(reading, name) if reading else "unknown"
    return None if word == "unknown" else Item((word,), "reading given with the history", "given")


def earlier_alignment(history: History | None, level: Level) -> str:
    """'normal', 'same_as_now' or 'unknown': how the level stood on an earlier scan, for `alignment_item`."""
    reading = history.imaging.levels.get(level.name) if history else None
    return reading.earlier_alignment if reading else "unknown"


# Items from measurement


def collapse_item(
    height_loss: float | None, interval: tuple[float, float] | None = None, body_share: float | None = None
) -> Item:
    """Collapse from the share of height lost (0.3 is 30 %) and the share of the body that lesions hold.

    `interval` is the uncertainty of the height loss; without one, a margin of 10 percentage points is taken.
    The table has no row for a loss of exactly half: where that is possible, both rows are (own choice).
    """
    height_loss, body_share = _measured(height_loss), _measured(body_share)
    if height_loss is None:
        return Item((*_collapsed(0.0, 1.0), *_involved(body_share)), "height loss not measured", "unknown")
    margin = _number("collapse.margin")
    low, high = interval if interval is not None else (height_loss - margin, height_loss + margin)
    # An interval that misses its own estimate is widened to hold it.
    low, high = min(low, height_loss), max(high, height_loss)
    possible: list[str] = []
    if high >= _number("collapse.collapsed_from"):
        possible += _collapsed(low, high)
    if low < _number("collapse.collapsed_from"):
        possible += _involved(body_share)
    share = "share of the body not known" if body_share is None else f"lesions hold {body_share:.0%} of the body"
    return Item(tuple(possible), f"height loss {height_loss:.0%} ({low:.0%} to {high:.0%}), {share}", "image")


def _collapsed(low: float, high: float) -> list[str]:
    # Exactly half stands in neither row of the table; it counts as possible in both (own choice).
    half = _number("collapse.half")
    return [*(["over_50"] if high >= half else []), *(["under_50"] if low <= half else [])]


def _involved(body_share: float | None) -> list[str]:
    half, margin = _number("collapse.body_half"), _number("collapse.body_margin")
    if body_share is None or abs(body_share - half) <= margin:
        return ["none_over_half_involved", "none"]
    return ["none_over_half_involved"] if body_share > half else ["none"]


def alignment_item(
    translation_ap_mm: float | None,
    translation_lr_mm: float | None,
    kyphosis_deg: float | None,
    side_bend_deg: float | None,
    *,
    kyphosis_sd_deg: float | None = None,
    unseen: Collection[str] = (),
    earlier: str = "unknown",
) -> Item:
    """Alignment from steps and bends over both joints of a level, as in `values.vertebra.Stance`.

    Angles are those beyond the patient's own curve. `earlier` is how the level stood before ('normal', 'same_as_now',
    'unknown'): a deformity that was there already is not *de novo*; while no earlier scan says so, one at a diseased
    level counts as new, as with whoever scores a single scan (own choice). `unseen` names neighbours that the scan
    does not show: what lies there stays possible. Near a limit both answers do.
    """
    steps = (("front-back step", _size(translation_ap_mm)), ("side step", _size(translation_lr_mm)))
    bends = (("kyphosis beyond the own curve", _measured(kyphosis_deg)), ("side bend", _size(side_bend_deg)))
    margin_mm, limit_mm = _number("alignment.translation_margin_mm"), _number("alignment.translation_mm")
    slipped = [_beyond(value, limit_mm, margin_mm) for _, value in steps]
    least = _number("alignment.bend_margin_deg")
    doubt = max(least, _number("alignment.margin_in_sd") * (_measured(kyphosis_sd_deg) or 0.0))
    limit_deg = _number("alignment.bend_deg")
    bent = [_beyond(value, limit_deg, margin) for (_, value), margin in zip(bends, (doubt, least), strict=True)]
    if unseen:
        slipped.append(None)
        bent.append(None)
    if earlier == "same_as_now":
        bent = [False]
    possible: list[str] = []
    if any(slip is not False for slip in slipped):
        possible.append("subluxation_translation")
    if True not in slipped:
        possible += ["de_novo_deformity"] if any(bend is not False for bend in bent) else []
        possible += [] if True in bent else ["normal"]
    said = [f"{name} {_told(value, 'mm')}" for name, value in steps] + [
        f"{name} {_told(value, 'degrees')}" for name, value in bends
    ]
    said += [f"the level {side} is not in the scan" for side in unseen]
    unmeasured = all(value is None for _, value in (*steps, *bends))
    basis = f"{', '.join(said)}; earlier scan: {earlier.replace('_', ' ')}"
    return Item(tuple(possible), basis, "unknown" if unmeasured else "image")


def _beyond(value: float | None, limit: float, margin: float) -> bool | None:
    """None where it may or may not be."""
    if value is None:
        return None
    return None if abs(value - limit) < margin else value > limit


def _told(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:.1f} {unit}"


def _measured(value: float | None) -> float | None:
    """None for nan, which compares as if it were small."""
    return None if value is None or math.isnan(value) else value


def _size(value: float | None) -> float | None:
    return None if (known := _measured(value)) is None else abs(known)


def lesion_item(kinds: Collection[str], basis: str = "") -> Item:
    """Bone lesion from the types of all lesions in the vertebra: 'lytic', 'mixed', 'blastic'.

    Lesions of different types leave two readings possible: that of the weakest, and mixed as a whole.
    Raises ValueError for another word.
    """
    order = words("lesion")
    if unknown := [kind for kind in kinds if kind not in order]:
        raise ValueError(f"a lesion can't be '{unknown[0]}'; it is one of {', '.join(order)}.")
    if not kinds:
        return Item(order, basis or "type of the lesion not known", "unknown")
    found = [kind for kind in order if kind in kinds]
    possible = found if len(found) == 1 else [kind for kind in order if kind in (found[0], "mixed")]
    return Item(tuple(possible), basis or f"lesions found: {', '.join(found)}", "image")


def posterolateral_item(left_touched: bool | None, right_touched: bool | None) -> Item:
    """Posterolateral involvement from each side's pedicle and facet; None is cut off by the scan, or not seen."""
    said = {True: "touched", False: "free", None: "not seen"}
    sides = [(False, True) if side is None else (side,) for side in (left_touched, right_touched)]
    counts = {left + right for left in sides[0] for right in sides[1]}
    possible = tuple(word for count, word in ((2, "bilateral"), (1, "unilateral"), (0, "none")) if count in counts)
    basis = (
        f"pedicle and facet: left {said[left_touched]}, right {said[right_touched]}; costovertebral joint not judged"
    )
    return Item(possible, basis, "unknown" if left_touched is None and right_touched is None else "image")


def _number(path: str) -> float:
    return float(rules.load("sins").value(f"measured.{path}"))
