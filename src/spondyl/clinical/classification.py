"""What kind of tumour the findings are consistent with. Never a diagnosis: that takes tissue.

With a known cancer a lesion in a vertebra is consistent with an extradural, malignant metastasis. Without one
the kind can't be told from a CT: benign and malignant, primary and secondary tumours and harmless changes of
bone look alike on it.
"""

from __future__ import annotations

from spondyl.clinical import rules
from spondyl.clinical.history import History
from spondyl.values.score import ClassificationResult

NO_TISSUE = "cannot tell without tissue"


def classify(history: History | None, lesions_present: bool) -> ClassificationResult | None:
    """Origin, compartment, behaviour and entity of what was found; None when no lesion was."""
    if not lesions_present:
        return None
    status = history.answer("cancer.status") if history else "unknown"
    primary = history.cancer.primary if history else None
    table = rules.load("classification")
    compartment = table["compartment.extradural"]
    if status != "known":
        return ClassificationResult(
            origin=NO_TISSUE,
            compartment=compartment.value,
            behaviour=NO_TISSUE,
            entity=NO_TISSUE,
            reasons=("a lesion lies in a vertebra", _WHY_NOT[status]),
            citations=compartment.citations,
        )
    of_the_marrow = primary in table.value("primaries.of_the_marrow")
    return ClassificationResult(
        origin=f"consistent with {'involvement by the known cancer' if of_the_marrow else 'secondary (metastatic)'}",
        compartment=compartment.value,
        behaviour="consistent with malignant",
        entity=f"consistent with {_entity(primary, of_the_marrow)}",
        reasons=(
            "a lesion lies in a vertebra",
            f"cancer is known{f' ({primary})' if primary else ', its primary site not answered'}",
            "not a diagnosis: a second tumour or a benign lesion can look the same, and only tissue tells",
        ),
        citations=compartment.citations,
    )


_WHY_NOT = {
    "suspected": "cancer is suspected but not known; metastasis is one possibility",
    "none": "no cancer is known; a first sign of cancer, a primary tumour of bone and a benign lesion are all possible",
    "unknown": "whether there is cancer is not answered",
}


def _entity(primary: str | None, of_the_marrow: bool) -> str:
    if of_the_marrow:
        return f"{primary} in the vertebra"
    if primary in (None, "other"):
        return "metastasis of the known cancer"
    # These words are a tumour or a state already, not an organ.
    named = primary in ("melanoma", "sarcoma", "unknown primary")
    return f"metastasis of {primary if named else f'{primary} cancer'}"
