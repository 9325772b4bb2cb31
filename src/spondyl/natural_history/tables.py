"""Chunks as Parquet: people, lesions and events, one file each a chunk; words where the arrays hold numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.natural_history import states
from spondyl.natural_history.chunk import Chunk

TABLES = ("patients", "lesions", "events")
_WORDS: dict[str, tuple[str, ...]] = {
    "primary": states.PRIMARIES,
    "level": states.LEVELS,
    "deficit_level": states.LEVELS,
    "compartment": states.COMPARTMENTS,
    "bone_type": states.BONE_TYPES,
    "worst_grade": states.GRADES,
    "entry_grade": states.GRADES,
    "worst_ais": states.AIS,
    "treatment": states.TREATMENTS,
    "found_by": states.FOUND_BY,
    "kind": states.EVENTS,
}
_TRUTHS = ("male", "died", "controlled", "cemented", "at_entry")


def part(number: int) -> str:
    return f"part-{number:06d}.parquet"


def write_chunk(out: Path, number: int, chunk: Chunk) -> None:
    """Three files, each whole or not there; that of the patients last, so that it says that the chunk is done."""
    import pyarrow.parquet as parquet

    for name, rows in (("events", chunk.events), ("lesions", chunk.lesions), ("patients", chunk.people)):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{part(number)}.{os.getpid()}"
        parquet.write_table(arrow(rows), partial, compression="zstd", use_dictionary=True)
        os.replace(partial, folder / part(number))


def is_done(out: Path, number: int) -> bool:
    return (out / "patients" / part(number)).is_file()


def remove_partial(out: Path) -> None:
    """What a killed run was writing."""
    for name in TABLES:
        for left in (out / name).glob(".part-*"):
            left.unlink()


def read_chunk(out: Path, number: int) -> Chunk:
    """The arrays as they were written."""
    import pyarrow.parquet as parquet

    dtypes = {"patients": states.PERSON, "lesions": states.LESION, "events": states.EVENT}
    rows = [_arrays(parquet.read_table(out / name / part(number)), dtypes[name]) for name in TABLES]
    return Chunk(*rows)


def arrow(rows: np.ndarray) -> Any:
    """A pyarrow table of a structured array: days that never come and levels of -1 are null."""
    import pyarrow as pa

    columns = {}
    for name in rows.dtype.names or ():
        values = np.ascontiguousarray(rows[name])
        if name in _WORDS:
            # AIS and grades may be missing (-1); dictionary columns keep the file small
            indices = pa.array(values.astype(np.int8), mask=values < 0)
            columns[name] = pa.DictionaryArray.from_arrays(indices, pa.array(_WORDS[name]))
        elif name in _TRUTHS:
            columns[name] = pa.array(values.astype(bool))
        elif name.endswith("_day"):
            columns[name] = pa.array(values, mask=values == states.NEVER)
        else:
            columns[name] = pa.array(values)
    return pa.table(columns)


def _arrays(table: Any, dtype: np.dtype) -> np.ndarray:
    rows = np.zeros(table.num_rows, dtype)
    for name in dtype.names or ():
        column = table.column(name).combine_chunks()
        if name in _WORDS:
            written = column.dictionary_encode() if not hasattr(column, "indices") else column
            places = np.array([_WORDS[name].index(word) for word in written.dictionary.to_pylist()] or [-1], np.int8)
            indices = written.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            rows[name] = np.where(indices < 0, -1, places[indices])
        elif name.endswith("_day"):
            rows[name] = column.fill_null(int(states.NEVER)).to_numpy(zero_copy_only=False)
        else:
            rows[name] = column.to_numpy(zero_copy_only=False)
    return rows
