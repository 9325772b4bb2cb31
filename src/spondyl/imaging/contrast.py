"""Intravenous contrast medium: seen in the aorta's blood, or said by the header."""

from __future__ import annotations

from collections.abc import Iterable

from spondyl.values.density import ContrastFinding, Tissue, TissueSample

PLAIN_BLOOD_HU = 43.0
"""Middle of unenhanced aortic blood: interquartile range 40 to 50 HU without anaemia, 25 to 37 HU with it (preprint
rs-1420003, abstract and table read; patients with cancer are often anaemic)."""
ENHANCED_HU = 75.0
"""Own choice: 25 HU above the upper quartile of blood without anaemia, and the first HU that no anaemia, noise or low
tube voltage explains."""
FAINT_HU = 60.0
"""Own choice: from here on a late phase can't be told from dense blood."""


def detect_contrast(samples: Iterable[TissueSample], header: bool | None) -> ContrastFinding:
    """What the blood shows, with the header's word where the image does not tell."""
    blood = next((sample for sample in samples if sample.tissue is Tissue.BLOOD and sample.used), None)
    if blood is None:
        known = {True: "the header says that it was given", False: "the header says that none was given"}
        said = known[header] if header is not None else "the header says nothing"
        return ContrastFinding(header, None, None, f"No blood could be measured; {said}.")
    rise = blood.hu - PLAIN_BLOOD_HU
    seen = f"Blood in the aorta has {blood.hu:.0f} HU"
    if blood.hu >= ENHANCED_HU:
        text = f"{seen}, {rise:.0f} HU above blood without contrast medium"
        contrary = ", though the header says that none was given" if header is False else ""
        return ContrastFinding(True, blood.hu, rise, f"{text}{contrary}.")
    if blood.hu >= FAINT_HU:
        return ContrastFinding(header, blood.hu, rise, f"{seen}: a late phase can't be told from dense blood.")
    if header:
        text = f"{seen}, as without contrast medium, though the header says that it was given."
        return ContrastFinding(None, blood.hu, rise, text)
    return ContrastFinding(False, blood.hu, rise, f"{seen}, as without contrast medium.")
