"""Every key the code cites is in the bibliography, and every entry in it is cited somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spondyl.core.citations import bibliography, cite
from spondyl.core.errors import RuleError

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "spondyl"


def test_entries_say_what_they_are():
    for reference in bibliography().values():
        assert len(reference.text) > 20, reference.key
        assert isinstance(reference.verified, bool)
        assert reference.verified or reference.note, f"{reference.key}: an unverified entry says what was not checked"


def test_no_entry_is_left_uncited():
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (*PACKAGE.rglob("*"), *(PACKAGE.parents[1] / "tests" / "cases").iterdir())
        if path.suffix in (".py", ".toml") and path.parent.name != "references"
    )
    uncited = [key for key in bibliography() if not re.search(rf"\b{re.escape(key)}\b", sources)]
    assert uncited == []


def test_an_unknown_key_is_refused():
    with pytest.raises(RuleError, match="nobody1900"):
        cite(["nobody1900"])
