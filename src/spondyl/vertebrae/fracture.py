"""Is height lost, how much by Genant's grades, what else may it be, and is it benign or suspicious.

Pure functions over one vertebra's geometry and plain answers of others: this room knows no lesions.
"""

from __future__ import annotations

from collections.abc import Mapping

from spondyl.anatomy.levels import Level, Region, along_spine, are_adjacent
from spondyl.values.fracture import Fracture, FractureFacts, LookAlike, PlaceLoss, Seen, Shape, Sign, Verdict
from spondyl.values.vertebra import Vertebra

GRADES = (0.20, 0.25, 0.40)
"""Height loss from which grade 1, 2 and 3 begin (genant1993: 20-25, 25-40, above 40 %)."""
CRUSH_SHARE = 0.7
"""Own choice: a back that lost this share of the worst place's loss was crushed with it."""
CONVEX_MM = 1.0
"""Own choice: normal walls are hollow or straight; less than this is reading."""
SCHEUERMANN_DEG = 5.0
SCHEUERMANN_COUNT = 3
"""sorensen1964: at least three adjacent vertebrae, each wedged by at least 5 degrees."""
PHYSIOLOGICAL_DEG = 4.0
"""Own choice: a smaller wedge is not worth a word."""
BOW_MM = 1.5
"""Own choice: depth of both hollows beside the midline."""
BOW_LEVELS = (Level.L3, Level.L4, Level.L5, Level.L6)
"""dietz1976 (the lower lumbar vertebrae)."""
FLAT_SHARE = 0.1
"""Own choice: an endplate hollowed by less than this share of the height is not depressed."""
STRONG_ENOUGH = 2
"""Own choice: so many weak signs weigh as one strong."""


def fracture_of(
    vertebra: Vertebra, facts: FractureFacts | None = None, row: Mapping[Level, Vertebra] | None = None
) -> Fracture | None:
    """The finding at one level, grade 0 where no height is lost; None where the loss can't be judged.

    Why not stands in `vertebra.geometry.notes`. `row` holds the vertebrae of the scan, for what shows in several.
    """
    losses = vertebra.form.losses
    if not losses:
        return None
    best = grade_of(max(entry.loss for entry in losses))
    low = grade_of(max(entry.loss_interval[0] for entry in losses))
    high = grade_of(max(entry.loss_interval[1] for entry in losses))
    shape = shape_of(losses) if high else None
    like = look_alikes(vertebra, shape, best, row or {})
    if any(entry.name == "short vertebral height" for entry in like):
        low = 0
    signs = signs_of(vertebra, facts or FractureFacts())
    verdict, reason = verdict_of(signs) if best else (None, "no height is lost that makes a fracture")
    cited = {"genant1993"} | {key for entry in like for key in entry.citations}
    if best:
        cited |= {key for sign in signs for key in sign.citations}
    return Fracture(
        level=vertebra.level,
        shape=shape,
        grade=(low, high),
        best_grade=best,
        losses=losses,
        rests_on=("heights in the mid-sagittal plane of the mask", *vertebra.geometry.notes),
        look_alikes=like,
        verdict=verdict,
        verdict_reason=reason,
        signs=signs,
        citations=tuple(sorted(cited)),
    )


def grade_of(loss: float) -> int:
    """Genant's grade of a share of height lost; a loss of exactly 40 % is still grade 2."""
    return int(loss >= GRADES[0]) + int(loss >= GRADES[1]) + int(loss > GRADES[2])


def shape_of(losses: tuple[PlaceLoss, ...]) -> Shape:
    """Wedge: the front lost most. Biconcave: the middle. Crush: the back lost with them."""
    front, middle, back = (entry.loss for entry in losses)
    if back >= CRUSH_SHARE * max(front, middle):
        return "crush"
    return "wedge" if front >= middle else "biconcave"


def look_alikes(
    vertebra: Vertebra, shape: Shape | None, grade: int, row: Mapping[Level, Vertebra]
) -> tuple[LookAlike, ...]:
    """Deformities with a name of their own that are seen here; `grade` is that of the height loss."""
    found = [_wedge(vertebra, grade, row), _bow(vertebra, grade), _short(vertebra, shape, grade), _pits(vertebra)]
    return tuple(entry for entry in found if entry is not None)


def signs_of(vertebra: Vertebra, facts: FractureFacts) -> tuple[Sign, ...]:
    """Published signs, each seen, not seen or not assessable. Which are strong is an own choice, see `verdict_of`."""
    convexity = vertebra.form.wall_convexity_mm
    bulge = "the wall could not be measured" if convexity is None else f"middle third {convexity:+.1f} mm"
    ct, mr, both = ("laredo1995", "mauch2018"), ("jung2003", "mauch2018"), ("laredo1995", "jung2003", "mauch2018")
    convex = None if convexity is None else convexity >= CONVEX_MM
    given = "from the findings at this level"
    return (
        Sign("convex posterior border", "malignant", False, _state(convex), bulge, mr),
        Sign("pedicle involved", "malignant", True, _state(facts.pedicle_involved), given, both),
        Sign("bone destroyed", "malignant", True, _state(facts.bone_destroyed), given, ct),
        Sign("paravertebral mass", "malignant", True, _state(facts.paravertebral_mass), given, both),
        Sign("epidural mass", "malignant", True, _state(facts.epidural_mass), given, both),
        Sign("other spinal metastases", "malignant", False, _state(facts.other_metastases), "from other levels", mr),
        Sign("fluid or vacuum cleft", "benign", True, _state(facts.cleft), given, ("baur2002", "laredo1995")),
        Sign("retropulsed fragment", "benign", True, _state(facts.retropulsed_fragment), given, both),
    )


def verdict_of(signs: tuple[Sign, ...]) -> tuple[Verdict, str]:
    """An own rule over published signs, on the cautious side.

    Suspicious: a strong malignant sign or two weak ones, and none of the benign. Benign: a benign sign, no malignant
    one, and every strong malignant sign looked for. All else can't be told from this image.
    """
    malignant = [sign for sign in signs if sign.points_to == "malignant"]
    bad = [sign for sign in malignant if sign.state == "seen"]
    good = [sign for sign in signs if sign.points_to == "benign" and sign.state == "seen"]
    unseen = [sign.name for sign in malignant if sign.strong and sign.state == "not assessable"]
    names = " and ".join(sign.name for sign in bad)
    heavy = any(sign.strong for sign in bad) or len(bad) >= STRONG_ENOUGH
    if bad and good:
        return "cannot tell", f"{names} against {' and '.join(sign.name for sign in good)}"
    if heavy:
        return "suspicious", names
    if bad:
        return "cannot tell", f"{names} alone does not tell"
    if good and not unseen:
        return "benign", " and ".join(sign.name for sign in good) + ", no sign of malignancy"
    if unseen:
        return "cannot tell", f"not assessable: {', '.join(unseen)}; MRI can tell more"
    return "cannot tell", "no sign either way; MRI can tell more"


def _state(answer: bool | None) -> Seen:
    return "not assessable" if answer is None else "seen" if answer else "not seen"


def _wedge(vertebra: Vertebra, grade: int, row: Mapping[Level, Vertebra]) -> LookAlike | None:
    own = vertebra.geometry.wedge_deg
    if own is None:
        return None
    run = _wedged_run(vertebra.level, row)
    if len(run) >= SCHEUERMANN_COUNT:
        names = ", ".join(level.name for level in run)
        basis = f"{names} are wedged by {SCHEUERMANN_DEG:.0f} degrees or more each; several fractures look so too"
        return LookAlike("Scheuermann", False, basis, ("sorensen1964",))
    near = vertebra.form.neighbours_wedge_deg
    if grade == 0 and own >= PHYSIOLOGICAL_DEG and near:
        basis = f"wedge of {own:.0f} degrees, but no height is lost against {len(near)} neighbours scaled to this level"
        return LookAlike("physiological wedge", True, basis, ("panjabi1991", "panjabi1992"))
    return None


def _wedged_run(level: Level, row: Mapping[Level, Vertebra]) -> tuple[Level, ...]:
    """The unbroken run of thoracic and lumbar levels around this one that are wedged as in Scheuermann's disease."""
    run: list[Level] = []
    for other in along_spine(row):
        wedge = row[other].geometry.wedge_deg
        wedged = wedge is not None and wedge >= SCHEUERMANN_DEG and other.region in (Region.THORACIC, Region.LUMBAR)
        if run and not (wedged and are_adjacent(run[-1], other)):
            if level in run:
                break
            run = []
        if wedged:
            run.append(other)
    return tuple(run) if level in run else ()


def _bow(vertebra: Vertebra, grade: int) -> LookAlike | None:
    plate = vertebra.form.lower
    if vertebra.level not in BOW_LEVELS or plate is None or plate.beside_midline_mm < BOW_MM:
        return None
    basis = f"lower endplate hollowed on both sides of the midline, by {plate.beside_midline_mm:.1f} mm or more"
    return LookAlike("cupid's bow", grade == 0, basis, ("dietz1976",))


def _short(vertebra: Vertebra, shape: Shape | None, grade: int) -> LookAlike | None:
    """Low in front, in the middle and behind alike, no endplate depressed, no wall bulging: mild cases only."""
    form = vertebra.form
    plates = [plate for plate in (form.upper, form.lower) if plate is not None]
    if shape != "crush" or grade != 1 or len(plates) < 2:
        return None
    height = form.losses[2].expected_mm
    if max(plate.hollow_mm for plate in plates) > FLAT_SHARE * height or (form.wall_convexity_mm or 0.0) >= CONVEX_MM:
        return None
    basis = "as low in front as behind, with no endplate depressed: it may have been low from the first"
    return LookAlike("short vertebral height", False, basis, ("jiang2004",))


def _pits(vertebra: Vertebra) -> LookAlike | None:
    pits = [pit for plate in (vertebra.form.upper, vertebra.form.lower) if plate is not None for pit in plate.pits]
    if not pits:
        return None
    deepest = max(pit.depth_mm for pit in pits)
    basis = f"{len(pits)} narrow dent(s) of an endplate, up to {deepest:.1f} mm deep, left out of the heights"
    return LookAlike("Schmorl's node", True, basis, ("jiang2004",))
