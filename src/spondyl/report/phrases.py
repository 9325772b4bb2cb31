"""Numbers with their units, intervals, unknowns with their reasons: what every part of the page says the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape


def number(value: float | None, unit: str = "", digits: int = 0) -> str:
    """'1 230 N' (digits=-1): a thin space groups thousands, a no-break space stands before the unit."""
    if value is None:
        return "not measured"
    text = f"{round(value, digits) + 0.0:,.{max(0, digits)}f}".replace(",", "\u2009").replace("-", "\u2212")
    return f"{text}\u00a0{unit}".strip() if unit else text


def percent(share: float | None) -> str:
    return number(None if share is None else 100 * share, "%")


def interval(pair: Sequence[float | None] | None, unit: str = "", digits: int = 0, factor: float = 1.0) -> str:
    if pair is None or pair[0] is None or pair[1] is None:
        return "interval not known"
    low, high = (number(factor * end, "", digits) for end in pair if end is not None)
    return f"{low} to {high}" + (f"\u00a0{unit}" if unit else "")


def because(notes: Iterable[str], *about: str, verb: str = "not measured") -> Markup:
    """'not measured: reason', with the notes that speak of one of the words in `about`; with no words, all of them."""
    said = list(notes)
    fitting = [note for note in said if any(word in note.lower() for word in about)] if about else said
    reason = "; ".join(_bare(note) for note in fitting)
    reason = reason or ("see the notes" if said else "no reason was recorded")
    return Markup('<span class="unknown">{}: {}</span>').format(verb, reason)


def unsaid(notes: Iterable[str], rows: Iterable[Sequence[str]], *others: str) -> list[str]:
    """Notes that are not yet told as the reason of one of the rows, or by one of the other texts."""
    said = [str(escape(text)) for row in rows for text in row] + [str(escape(text)) for text in others]
    return [note for note in notes if not any(str(escape(_bare(note))) in text for text in said)]


def _bare(note: str) -> str:
    """A note inside a sentence: what follows 'Height loss not measured: ' or 'No height loss: ', else all of it."""
    head, _, tail = note.partition(": ")
    told = (
        tail if tail and (head.endswith(("not measured", "not judged")) or head.lower().startswith("no ")) else note
    ).rstrip(".")
    word = told.partition(" ")[0]
    return told[:1].lower() + told[1:] if word == "A" or word[1:].islower() else told


def told(value: float | None, unit: str, digits: int, notes: Iterable[str], *about: str, factor: float = 1.0) -> Markup:
    """A number with its unit, or why there is none."""
    return because(notes, *about) if value is None else escape(number(factor * value, unit, digits))


def points(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def either(low: float, high: float) -> str:
    """'2' or '2 or 3', '1 to 3'."""
    if low == high:
        return f"{low:g}"
    return f"{low:g} {'or' if high - low == 1 else 'to'} {high:g}"


def listed(names: Iterable[str]) -> str:
    """'T8, L1 and L2'."""
    known = list(names)
    return " and ".join([", ".join(known[:-1]), known[-1]]) if len(known) > 1 else "".join(known)


def capitalize_first(text: str) -> str:
    """The first letter large and all others as they are, so that L1 and MRI stay what they are."""
    return text[:1].upper() + text[1:]
