"""Every command and every piece of code that the README shows is run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data import ROOT, UTF8, demo_case, tptbox_case

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.S | re.M)


FILES = ("MASK.nii.gz", "LOOK.png", "page.html")
"""Files that commands write, as the README names them."""
COMMANDS = [line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]


def test_the_first_screen_says_what_it_is_and_is_not():
    first_screen = README[:1500]
    assert "Research software, not a medical device" in first_screen
    assert "make demo" in README[:3000]


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, tmp_path: Path):
    words = command.split()
    if words == ["make", "test"]:
        # It is what runs this very test; here only that make knows how.
        words = ["make", "--dry-run", "test"]
    elif words == ["make", "demo"]:
        demo_case()
        words += [f"OUT={tmp_path / 'out'}", f"STRENGTH_OUT={tmp_path / 'strength'}"]
    if words[0] == "make" and shutil.which("make") is None:
        pytest.skip("make is not installed")
    if words[0] == "spondyl":
        ct, mask, _ = tptbox_case()
        places = {"CT": str(ct), "MASK": str(mask), "DIR": str(tmp_path / "out")}
        places |= {name: str(tmp_path / name) for name in FILES}
        words = [str(Path(sys.executable).with_name("spondyl")), *(places.get(word, word) for word in words[1:])]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", env=UTF8, timeout=900, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    named = [name for name in FILES if str(tmp_path / name) in words]
    assert all((tmp_path / name).stat().st_size > 1000 for name in named)
    if str(tmp_path / "out") in words or words[:2] == ["make", "demo"]:
        made = {"strength": "strength.html", "phantom": "truth.json", "implant": "truth.json"}
        if words[1:3] == ["simulate", "patient"]:
            made["simulate"] = "life.png"
        assert (tmp_path / "out" / made.get(words[1], "report.html")).is_file()
    if words[:2] == ["make", "demo"]:
        assert (tmp_path / "strength" / "strength.html").is_file()


@pytest.mark.parametrize("code", blocks("python"))
def test_code(code: str):
    ct, mask, _ = tptbox_case()
    code = code.replace("CT.nii.gz", str(ct)).replace("MASK.nii.gz", str(mask))
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=UTF8, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr
    assert re.search(r"L3: \d+ N" if "assess" in code else r"^\d+ N", run.stdout)


def test_pictures_and_links_are_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
