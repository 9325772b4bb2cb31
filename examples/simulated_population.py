"""Reads the tables of a simulated population with pyarrow: which primaries bring deficits, and how soon after pain.

python examples/simulated_population.py FOLDER        (a folder that `spondyl simulate` wrote)
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.compute as pc
from pyarrow import dataset


def deficits_by_primary(run: Path) -> dict[str, float]:
    """Share of people with a neurological deficit from the spine, by primary."""
    people = dataset.dataset(run / "patients").to_table(columns=["primary", "deficit_day"])
    people = people.set_column(0, "primary", people["primary"].cast("string"))
    counted = people.group_by("primary").aggregate([("deficit_day", "count"), ("primary", "count")]).to_pylist()
    return {row["primary"]: row["deficit_day_count"] / row["primary_count"] for row in counted}


def median_days_from_pain_to_deficit(run: Path) -> float | None:
    """Over lesions that hurt before there was a deficit; None where there are none."""
    lesions = dataset.dataset(run / "lesions").to_table(columns=["pain_day", "deficit_day"])
    days = pc.drop_null(pc.subtract(lesions["deficit_day"], lesions["pain_day"]))
    days = pc.filter(days, pc.greater(days, 0))
    return float(pc.quantile(days, 0.5)[0].as_py()) if len(days) else None


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for primary, share in sorted(deficits_by_primary(folder).items(), key=lambda item: -item[1]):
        print(f"{primary:<17} {100 * share:.2f} %")
    print(f"median days from pain to deficit: {median_days_from_pain_to_deficit(folder)}")
