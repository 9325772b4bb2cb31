"""Names and numbers of what the simulation knows: primaries, levels, regions, states, events, and its tables."""

from __future__ import annotations

import numpy as np

PRIMARIES = (
    "breast", "lung", "prostate", "kidney", "thyroid", "myeloma", "gastrointestinal", "melanoma", "other", "spinal",
)  # fmt: skip
SPINAL_PRIMARY = PRIMARIES.index("spinal")
LEVELS = (
    *(f"C{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 13)), *(f"L{n}" for n in range(1, 6)), "sacrum",
)  # fmt: skip
REGIONS = ("cervical", "thoracic", "lumbar", "sacral")
REGION_OF = np.array([0] * 7 + [1] * 12 + [2] * 5 + [3])
NEURAL_REGION_OF = np.array([0] * 7 + [1] * 10 + [2] * 3 + [3] * 5)
"""Cervical cord, cord to T10, epiconus and conus T11 to L1, roots below."""
COMPARTMENTS = ("extradural", "intradural", "intramedullary")
BONE_TYPES = ("lytic", "mixed", "blastic")
GRADES = ("0", "1a", "1b", "1c", "2", "3")
AIS = ("E", "D", "C", "B or A")
TREATMENTS = ("none", "radiotherapy", "stereotactic radiotherapy", "surgery")
FOUND_BY = ("not found", "symptom", "scan")
NEVER = np.int32(2**31 - 1)
"""A day that does not come; null in the tables."""

EVENTS = (
    "first metastasis overt", "bone metastasis overt", "lesion visible", "pain", "fracture", "ESCC grade", "deficit",
    "consultation", "scan finds", "radiotherapy", "stereotactic radiotherapy", "surgery", "cement", "drug",
    "trial entry", "death", "end of follow-up",
)  # fmt: skip
(
    OVERT, BONE_OVERT, VISIBLE, PAIN, FRACTURE, GRADE, DEFICIT, CONSULTATION, FOUND, RADIOTHERAPY, STEREOTACTIC,
    SURGERY, CEMENT, DRUG, ENTRY, DEATH, END,
) = range(len(EVENTS))  # fmt: skip

PERSON = np.dtype(
    [
        ("patient", "i8"), ("primary", "i1"), ("male", "i1"), ("age_years", "f4"), ("weight_kg", "f4"),
        ("spread", "f4"), ("arrivals_lung", "i4"), ("arrivals_liver", "i4"), ("arrivals_bone", "i4"),
        ("arrivals_spine", "i4"), ("overt_day", "i4"), ("bone_overt_day", "i4"), ("spine_visible_day", "i4"),
        ("death_day", "i4"), ("end_day", "i4"), ("died", "i1"), ("levels", "i2"), ("pain_day", "i4"),
        ("fracture_day", "i4"), ("epidural_day", "i4"), ("compression_day", "i4"), ("deficit_day", "i4"),
        ("deficit_level", "i1"), ("nonambulatory_day", "i4"), ("worst_ais", "i1"), ("known_day", "i4"),
        ("found_by", "i1"), ("scans", "i4"), ("radiotherapies", "i2"), ("surgeries", "i2"), ("drug_day", "i4"),
        ("entry_day", "i4"), ("entry_grade", "i1"), ("quality_days", "f8"),
    ]
)  # fmt: skip
"""One row a person; days count from the diagnosis of the cancer."""

LESION = np.dtype(
    [
        ("patient", "i8"), ("level", "i1"), ("compartment", "i1"), ("bone_type", "i1"), ("arrival_day", "i4"),
        ("visible_day", "i4"), ("volume_mm3", "f8"), ("body_share", "f8"), ("pain_day", "i4"),
        ("fracture_day", "i4"), ("collapse", "i1"), ("worst_grade", "i1"), ("epidural_day", "i4"),
        ("compression_day", "i4"), ("deficit_day", "i4"), ("worst_ais", "i1"), ("known_day", "i4"),
        ("treatment", "i1"), ("treated_day", "i4"), ("controlled", "i1"), ("cemented", "i1"), ("at_entry", "i1"),
    ]
)  # fmt: skip
"""One row a vertebra with tumour that became visible."""

STATE = np.dtype(
    [
        *LESION.descr, ("start_day", "f8"), ("arrival", "f8"), ("log_volume", "f8"), ("log_capacity", "f8"),
        ("rate", "f8"), ("depth_mm", "f8"), ("breaches", "i1"), ("hurts_from", "f8"), ("strength_n", "f8"),
        ("load_n", "f8"), ("strength_left", "f8"), ("hazard", "f8"), ("hazard_limit", "f8"), ("room_mm2", "f8"),
        ("used", "f8"), ("grade", "i1"), ("ais", "i1"), ("pain", "i1"), ("plan_day", "f8"), ("courses", "i1"),
    ]
)  # fmt: skip
"""A lesion's row and what the kernel carries along with it."""

EVENT = np.dtype([("patient", "i8"), ("day", "i4"), ("kind", "i1"), ("level", "i1"), ("value", "f4")])
"""`level` is -1 where the event has none; `value` is what the kind says: a grade, an AIS, a volume."""
