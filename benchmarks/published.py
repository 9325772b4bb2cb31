"""The published vertebra with one assumption changed at a time, beside the stiffness its authors print.

    python benchmarks/published.py            to benchmarks/results/published.md

It needs the files of bonelab_spinefe (VerSe 004, L2), see tests/data.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# In place of this folder, whose mechanics.py would hide the tests' folder of that name.
sys.path[0] = str(HERE.parent / "tests")

from mechanics.variants import PRINTED_N_PER_MM, stiffness_n_per_mm, variants  # noqa: E402


def main() -> None:
    models = variants()
    elements = (models["as described"].modulus_mpa > 0).sum()
    lines = [
        "# The published vertebra: what could explain its printed stiffness",
        "",
        "Made by `python benchmarks/published.py`. VerSe 004, L2, "
        f"{elements:,} elements of 1 mm; printed by its authors: {PRINTED_N_PER_MM:,.0f} N/mm.",
        "",
        "| model | stiffness, N/mm | against the one described | against the printed one |",
        "|---|---|---|---|",
    ]
    described = 0.0
    for name, model in models.items():
        found = stiffness_n_per_mm(model)
        described = described or found
        lines.append(f"| {name} | {found:,.0f} | {found / described - 1:+.1%} | {found / PRINTED_N_PER_MM - 1:+.1%} |")
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "results" / "published.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
