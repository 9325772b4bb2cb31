"""Epidural spinal cord compression (ESCC): what a CT of bone can say of it, and what it can't.

The grades 0, 1a, 1b, 1c, 2 and 3 tell how tumour, thecal sac and cord lie to each other on axial T2-weighted MRI
(Bilsky 2010). Grade 0 too is a statement about the epidural space: that there is no tumour in it. A CT with masks
of bone, and even of the cord, shows neither the sac nor epidural tumour, so no grade is given here, not even 0.
"""

from __future__ import annotations

CITATIONS = ("bilsky2010",)


def grade(*, cord_given: bool, encroachment: float | None) -> tuple[str | None, str]:
    """(grade, reason). The grade is always None as long as no mask of sac and epidural tumour can be given."""
    parts = ["No ESCC grade: the grades are read on MRI from thecal sac, cord and epidural tumour, and"]
    if cord_given:
        parts.append("CT with a cord mask shows neither the sac nor tumour around it.")
    else:
        parts.append("CT with masks of bone shows none of them.")
    if encroachment is not None and encroachment > 0:
        parts.append(f"The given lesion mask holds up to {encroachment:.0%} of the bony canal here.")
    parts.append("The width of the bony canal neither proves nor excludes compression: grade 0 is not claimed either;")
    parts.append("only MRI can tell (of the whole spine where metastases are suspected).")
    return None, " ".join(parts)
