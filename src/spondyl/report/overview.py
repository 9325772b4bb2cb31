"""The table of all levels: what stands in its cells, and which columns have something to say."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from spondyl.report import canal_words, fracture_words
from spondyl.report.phrases import because, interval, number, percent
from spondyl.report.schema import VertebraAssessment


def columns(vertebrae: Sequence[VertebraAssessment]) -> list[str]:
    """Those of 'fracture', 'escc' and 'load' that say something at one level at least."""
    done = [v for v in vertebrae if v.status == "assessed"]
    said = {
        "fracture": any(v.fracture and fracture_words.present(v.fracture) for v in done),
        "escc": any(v.canal and (v.canal.escc_grade or v.canal.escc_possible) for v in done),
        "load": any(v.strength for v in done),
    }
    return [name for name, shown in said.items() if shown]


def left_out(vertebrae: Sequence[VertebraAssessment]) -> list[str]:
    """A sentence for each column that has nothing to say, or nothing at some levels, with the reason."""
    done = [v for v in vertebrae if v.status == "assessed"]
    shown = columns(vertebrae)
    said = []
    if done and "fracture" not in shown:
        who = "No level that could be judged" if any(v.fracture is None for v in done) else "No level"
        said.append(f"{who} has lost so much height that it counts as a fracture.")
    said += canal_words.why_no_grade([(v.level, v.canal) for v in done if v.canal])
    if "load" not in shown:
        said += [
            f"No failure load: {why}." for why in sorted({v.strength_reason for v in done if v.strength_reason})[:1]
        ]
    return said


def height_loss(v: VertebraAssessment) -> Markup:
    if v.geometry is None:
        return because(())
    loss = v.geometry.height_loss
    if loss is None:
        return because(v.geometry.notes, "height loss", "predict", "neighbour")
    return Markup("{} <span class='soft interval'>({})</span>").format(
        percent(loss), interval(v.geometry.height_loss_interval, "%", 0, 100)
    )


def density(v: VertebraAssessment) -> Markup:
    if v.density is None:
        return because([v.density_reason] if v.density_reason else ())
    if v.density.trabecular_mg_cc is None:
        return because(v.density.notes)
    return Markup("{} <span class='soft interval'>({})</span>").format(
        number(v.density.trabecular_mg_cc, "mg/cc"), interval(v.density.trabecular_mg_cc_interval)
    )


def fracture(v: VertebraAssessment) -> str:
    return fracture_words.short(v.fracture)


def canal(v: VertebraAssessment) -> Markup:
    if v.canal is None:
        return because(())
    if v.canal.min_area_mm2 is None:
        return because(v.canal.notes, "area", "ring", "canal not measured")
    text = number(v.canal.min_area_mm2, "mm²")
    if v.canal.lesion_encroachment:
        text += f", lesion holds {percent(v.canal.lesion_encroachment)}"
    return escape(text)


def escc(v: VertebraAssessment) -> str:
    return canal_words.escc_short(v.canal)


def failure_load(v: VertebraAssessment) -> Markup:
    if v.strength is None:
        return because([v.strength_reason] if v.strength_reason else ())
    if v.strength.failure_load_n is None:
        return because(v.strength.notes)
    return Markup("{} <span class='soft interval'>({})</span>").format(
        number(v.strength.failure_load_n, "N", -1), interval(v.strength.failure_load_interval_n, "", -1)
    )
