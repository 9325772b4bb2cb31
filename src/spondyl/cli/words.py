"""Tables and wrapped text of the commands that answer with words; one width for all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from spondyl.core.citations import cite

WIDTH = 100
"""Columns of the text, where the terminal has as many or there is none."""


def console() -> Console:
    """Output without colour codes where no terminal is at the other end."""
    here = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not here.is_terminal or here.width > WIDTH:
        here.width = WIDTH
    return here


def table(*columns: str) -> Table:
    """A plain table; long cells wrap inside their column."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def heading(out: Console, words: str) -> None:
    out.print()
    out.print(Text(words, style="bold"))


def paragraph(out: Console, words: str) -> None:
    out.print(Text(words))


def listed(out: Console, lines: Iterable[str]) -> None:
    """Lines with a dash each; what wraps is set in below its own first word."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row("-", Text(line))
    out.print(grid)


def sources(out: Console, keys: Iterable[str]) -> None:
    """The references behind the keys; marked where the figures could not be verified in a source text."""
    heading(out, "Sources")
    listed(out, [f"{ref.text}{'' if ref.verified else ' [unverified]'}" for ref in cite(keys)])


def closing(out: Console, words: str) -> None:
    out.print()
    paragraph(out, words)
    sys.stdout.flush()
