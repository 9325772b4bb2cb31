"""The result of triage in plain lines, no wider than a screen of 100 columns."""

from __future__ import annotations

import shutil
import textwrap

from spondyl.clinical.urgency import NOT_ENOUGH
from spondyl.core.citations import cite
from spondyl.values.score import UrgencyResult

WIDEST = 100

HEADS = {
    "immediate": "GET MEDICAL HELP RIGHT NOW",
    "call_physician": "CALL YOUR DOCTOR TODAY",
    "routine": "NO URGENT NEED ON THESE ANSWERS",
    NOT_ENOUGH: "NOT ENOUGH TO SAY",
}
TIERS = {
    "routine": "no urgent need",
    "call_physician": "call your doctor today",
    "immediate": "get help right now",
}
NOT_A_DOCTOR = "This is research software. It is not a doctor and does not diagnose. If in doubt, get help."


def told(result: UrgencyResult) -> str:
    """Everything a result says, patient's words first, then the clinician's."""
    lines = [HEADS[result.tier], "", result.for_patient, "", f"Who to call: {result.call}"]
    lines += [f"How soon: {result.how_soon}", ""]
    lines += _reasons(result)
    lines += _change(result)
    lines += ["When to ask again:", f"  {result.ask_again}", ""]
    lines += ["For a doctor or nurse:", f"  {result.for_clinician}", ""]
    lines += ["Sources:", *(f"  {_source(entry.text, entry.verified)}" for entry in cite(result.citations)), ""]
    return wrapped([*lines, NOT_A_DOCTOR])


def _source(text: str, verified: bool) -> str:
    return text if verified else f"{text} [not read by us]"


def _reasons(result: UrgencyResult) -> list[str]:
    if not result.reasons:
        return ["Why: no answer calls for more so far.", ""]
    return ["Why:", *(f"  - {reason}" for reason in result.reasons), ""]


def _change(result: UrgencyResult) -> list[str]:
    lines = ["What would change it:"]
    if result.tier in ("immediate", "call_physician"):
        one = len(result.reasons) == 1
        cancer = " or if you never had cancer" if result.least == "routine" else ""
        lines.append(
            f"  Less urgent: only if {'the answer above is' if one else 'the answers above are'} wrong{cancer}."
        )
    if result.would_change:
        lines.append("  More urgent: a yes to one of these, not answered yet:")
        lines += [f"  - {question}" for question in result.would_change]
    elif result.most != result.tier:
        lines.append("  More urgent: any new sign. A doctor may also find signs that you do not notice.")
    if result.least != result.most:
        lines.append(f"  As it stands it may be anything from '{TIERS[result.least]}' to '{TIERS[result.most]}'.")
    return [*lines, ""]


def wrapped(lines: list[str]) -> str:
    """Lines broken at the terminal's width, at most 100 columns; what is indented stays so."""
    width = max(40, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
    return "\n".join(_broken(line, width) for line in lines)


def _broken(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()))
    hang = indent + ("  " if line.lstrip().startswith("- ") else "")
    return textwrap.fill(line, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
