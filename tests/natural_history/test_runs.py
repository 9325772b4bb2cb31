"""Runs on disk: any number of workers and any chunking, kill and resume, Dask, and what is refused."""

import hashlib

import numpy as np
import pytest

from small_worlds import NEVER
from spondyl.core.errors import InvalidAnswer, OutputError, UnreadableInput
from spondyl.natural_history import run as running
from spondyl.natural_history import tables
from spondyl.natural_history.chunk import simulate_chunk
from spondyl.natural_history.compare import compare
from spondyl.natural_history.model import model
from spondyl.natural_history.scenario import Scenario, read_scenario


def digest(folder):
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*.parquet")):
        found.update(f"{file.parent.name}/{file.name}".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def rows(folder):
    chunks = list(running.chunks_of(folder))
    return [np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("people", "lesions", "events")]


def test_one_and_two_workers_write_the_same_bits(tmp_path):
    planned = running.Run(Scenario(), 3000, seed=5, chunk=500)
    for workers in (1, 2):
        running.simulate(planned, tmp_path / str(workers), workers=workers)
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_chunks_do_not_change_people(tmp_path):
    for chunk in (700, 3000):
        running.simulate(running.Run(Scenario(), 3000, seed=5, chunk=chunk), tmp_path / str(chunk), workers=1)
    for whole, cut in zip(rows(tmp_path / "3000"), rows(tmp_path / "700"), strict=True):
        assert whole.tobytes() == cut.tobytes()


def test_files_hold_what_was_simulated(tmp_path):
    scenario = Scenario()
    running.simulate(running.Run(scenario, 2000, seed=9, chunk=2000), tmp_path / "out", workers=1)
    made = simulate_chunk(model(scenario.parameter_set(), scenario), 9, 0, 2000)
    for read, kept in zip(rows(tmp_path / "out"), (made.people, made.lesions, made.events), strict=True):
        assert read.tobytes() == kept.tobytes()


def test_dask_writes_the_same_bits(tmp_path):
    pytest.importorskip("dask")
    from spondyl.cohort.dask_chunks import with_dask

    planned = running.Run(Scenario(), 2000, seed=5, chunk=500)
    running.simulate(planned, tmp_path / "threads", workers=1)
    running.simulate(planned, tmp_path / "dask", work=with_dask("local"))
    assert digest(tmp_path / "threads") == digest(tmp_path / "dask")


def test_a_killed_run_goes_on_to_the_same_result(tmp_path):
    planned = running.Run(Scenario(), 2500, seed=3, chunk=500)
    running.simulate(planned, tmp_path / "whole", workers=1)

    class Killed(Exception):
        pass

    def killed_after_two(stage, done, total):
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        running.simulate(planned, tmp_path / "cut", workers=1, progress=killed_after_two)
    (tmp_path / "cut" / "lesions" / ".part-000004.parquet.77").write_bytes(b"half a file")
    done = [number for number in range(5) if tables.is_done(tmp_path / "cut", number)]
    assert 0 < len(done) < 5
    assert len(tables.read_chunk(tmp_path / "cut", done[0]).people) == 500  # readable before it is resumed
    with pytest.raises(OutputError, match="missing"):
        list(running.chunks_of(tmp_path / "cut"))
    with pytest.raises(OutputError, match="holds a run already"):
        running.simulate(planned, tmp_path / "cut")
    with pytest.raises(OutputError, match="another one"):
        running.simulate(running.Run(Scenario(), 2500, seed=4, chunk=500), tmp_path / "cut", resume=True)
    running.simulate(planned, tmp_path / "cut", resume=True, workers=2)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")
    assert not list((tmp_path / "cut").rglob(".part*"))


def test_others_things_are_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="other things"):
        running.simulate(running.Run(Scenario(), 10), tmp_path)


def test_pandas_or_arrow_reads_it(tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    running.simulate(running.Run(Scenario(), 2000, seed=1, chunk=1000), tmp_path / "out", workers=1)
    table = dataset.dataset(tmp_path / "out" / "patients").to_table()
    assert table.num_rows == 2000
    assert set(table["primary"].to_pylist()) <= {
        *["breast", "lung", "prostate", "kidney", "thyroid", "myeloma", "melanoma", "other", "spinal"],
        "gastrointestinal",
    }
    events = dataset.dataset(tmp_path / "out" / "events").to_table()
    ends = [kind for kind in events["kind"].to_pylist() if kind in ("death", "end of follow-up")]
    assert len(ends) == 2000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("years = -1", "years"),
        ("[surveillance]\ninterval_days = 'often'", r"surveillance\.interval_days"),
        ("[surveillance]\ninterval = 90", r"surveillance\.interval"),
        ("[people]\nprimaries = ['spleen']", r"people\.primaries\.0"),
        ("[care]\npreemptive_from_grade = '4'", r"care\.preemptive_from_grade"),
        ("[changes]\n'growth.capasity' = 2", r"changes: .*growth\.capasity"),
        ("[changes]\n'growth.capacity' = -2", r"growth\.capacity"),
        ("[changes]\n'canal.area_mm2' = [1, 2]", r"canal\.area_mm2.*shape"),
        ("[changes]\n'seeding.arrivals.99' = 2", r"seeding\.arrivals\.99"),
        ("[changes]\n'growth.capacity' = 'large'", r"growth\.capacity"),
        ("[surveillance]\nstart = 'trial entry'", "trial entry"),
    ],
)
def test_bad_scenarios_are_refused_with_the_path(tmp_path, text, told):
    file = tmp_path / "scenario.toml"
    file.write_text(text)
    with pytest.raises(InvalidAnswer, match=told):
        read_scenario(file)


def test_no_toml_and_no_file(tmp_path):
    file = tmp_path / "scenario.toml"
    file.write_text("years = = 3")
    with pytest.raises(UnreadableInput, match="no TOML"):
        read_scenario(file)
    with pytest.raises(UnreadableInput):
        read_scenario(tmp_path / "none.toml")


def chunk_of(**fields):
    scenario = Scenario.model_validate(fields)
    return simulate_chunk(model(scenario.parameter_set(), scenario), 2001, 0, 8000)


def test_a_policy_against_itself_differs_in_nothing():
    a = chunk_of()
    rows, people = compare([(a, a)])
    assert people == 8000
    assert all(row.difference == row.low == row.high == 0 and row.changed == 0 for row in rows)


def test_paired_difference_is_the_mean_of_differences():
    a, b = chunk_of(), chunk_of(surveillance={"interval_days": 91, "start": "diagnosis"})
    half = [
        (type(c)(c.people[s], c.lesions[:0], c.events[:0])) for s in (slice(0, 3000), slice(3000, None)) for c in (a, b)
    ]
    rows = {row.outcome: row for row in compare([(half[0], half[1]), (half[2], half[3])])[0]}
    change = (b.people["deficit_day"] != NEVER).astype(float) - (a.people["deficit_day"] != NEVER)
    row = rows["neurological deficit"]
    assert row.difference == pytest.approx(change.mean())
    assert row.high - row.low == pytest.approx(2 * 1.959964 * change.std() / np.sqrt(8000))
    assert rows["scans"].difference == pytest.approx(b.people["scans"].mean())


def test_other_people_are_not_compared():
    with pytest.raises(InvalidAnswer, match="same people"):
        compare([(chunk_of(), chunk_of(people={"primaries": ["prostate"]}))])


def test_memory_does_not_grow_with_the_people(tmp_path):
    import tracemalloc

    peaks = []
    for people in (500, 1500, 6000):
        tracemalloc.start()
        running.simulate(running.Run(Scenario(), people, seed=5, chunk=250), tmp_path / str(people), workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.15 * peaks[1]
