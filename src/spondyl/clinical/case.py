"""What the scores ask about one person: a file of answers, every one of them optional.

An answer that is left out is unknown, never "no". Nothing that could identify a person is asked, and no question
takes free text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from spondyl.anatomy.levels import Level
from spondyl.clinical import escc
from spondyl.clinical.answers import contradiction, not_allowed
from spondyl.clinical.history import PRIMARIES

Answer = Literal["yes", "no", "unknown"]

# The history file's sites, and those that only some scores tell apart; `colorectal` and `sarcoma` stay as wholes.
SITES = tuple(sorted({*PRIMARIES, "carcinoid", "colon", "gallbladder", "osteosarcoma", "rectum"}))
_OTHER_WORDS = {word: site for site, words in PRIMARIES.items() for word in words}
_OTHER_WORDS |= {"rectal": "rectum", "colonic": "colon", "neuroendocrine": "carcinoid", "gall bladder": "gallbladder"}
_OTHER_WORDS = {word: site for word, site in _OTHER_WORDS.items() if word not in SITES}


def _site(value: Any) -> str | None:
    if value is None or value == "unknown":
        return None
    word = " ".join(value.lower().replace("_", " ").split()) if isinstance(value, str) else ""
    word = _OTHER_WORDS.get(word, word)
    if word not in SITES:
        raise not_allowed(", ".join(SITES))
    return word


def _level(value: Any) -> str | None:
    if value is None or value == "unknown":
        return None
    if not isinstance(value, str) or value not in Level.__members__:
        raise not_allowed("C1 to C7, T1 to T13, L1 to L6, S1 to S5, CO")
    return value


Site = Annotated[
    str | None,
    BeforeValidator(_site),
    WithJsonSchema({"type": ["string", "null"], "enum": [*SITES, *sorted(_OTHER_WORDS), "unknown", None]}),
]
LevelName = Annotated[
    str | None,
    BeforeValidator(_level),
    WithJsonSchema({"type": ["string", "null"], "enum": [*Level.__members__, "unknown", None]}),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Cancer(_Part):
    primary: Site = Field(default=None, description="Where the cancer began", examples=[*SITES, "unknown"])
    hormone_dependent: Answer = Field(
        default="unknown", description="Breast or prostate cancer: does hormone treatment still work?"
    )
    targeted_drug: Answer = Field(
        default="unknown", description="Lung cancer: treated with a molecularly targeted drug?"
    )
    previous_chemotherapy: Answer = Field(default="unknown", description="Chemotherapy before?")
    months_to_compression: float | None = Field(
        default=None, ge=0, le=1000, description="Months from the diagnosis of cancer to cord compression"
    )


class Condition(_Part):
    kps: Literal[10, 20, 30, 40, 50, 60, 70, 80, 90, 100] | None = Field(
        default=None, description="Karnofsky performance status"
    )
    ecog: Literal[0, 1, 2, 3, 4] | None = Field(default=None, description="ECOG performance status")
    walks: Answer = Field(default="unknown", description="Able to walk?")
    tolerates_surgery: Answer = Field(default="unknown", description="Would an operation be tolerated?")


class Spread(_Part):
    vertebrae: int | None = Field(default=None, ge=1, le=33, description="Number of vertebrae with metastases")
    extraspinal_bone: int | None = Field(default=None, ge=0, le=200, description="Bone metastases outside the spine")
    visceral: Answer = Field(default="unknown", description="Metastases in internal organs, the brain included?")
    visceral_removable: Answer = Field(default="unknown", description="Could those of the organs be removed?")
    visceral_treatable: Answer = Field(default="unknown", description="Could those of the organs be treated?")
    disseminated: Answer = Field(
        default="unknown", description="Spread over pleura, peritoneum or the membranes of brain and cord?"
    )


class Neurology(_Part):
    grade: Literal["A", "B", "C", "D", "E", "unknown"] = Field(
        default="unknown", description="Frankel grade, or AIS grade; E is normal"
    )
    deficit_onset_days: float | None = Field(
        default=None, ge=0, le=1000, description="Days in which the motor deficit developed"
    )
    myelopathy: Answer = Field(default="unknown", description="Signs of a damaged cord on examination?")


class Laboratory(_Part):
    albumin_g_dl: float | None = Field(default=None, ge=0.5, le=8, description="Serum albumin, g/dL")
    crp_mg_dl: float | None = Field(default=None, ge=0, le=100, description="C-reactive protein, mg/dL")
    ldh_iu_l: float | None = Field(default=None, ge=10, le=20000, description="Lactate dehydrogenase, IU/L")
    platelets_per_ul: float | None = Field(
        default=None, ge=1000, le=3000000, description="Platelets per microlitre (150000, not 150)"
    )
    calcium_mg_dl: float | None = Field(default=None, ge=3, le=25, description="Serum calcium, mg/dL")
    bilirubin_mg_dl: float | None = Field(default=None, ge=0, le=80, description="Total bilirubin, mg/dL")


class Sins(_Part):
    level: LevelName = Field(
        default=None, description="Vertebra", examples=["C1 to C7", "T1 to T13", "L1 to L6", "S1 to S5", "CO"]
    )
    pain: Literal["mechanical", "occasional_not_mechanical", "pain_free", "unknown"] = Field(
        default="unknown", description="Pain of this vertebra"
    )
    lesion: Literal["lytic", "mixed", "blastic", "unknown"] = Field(default="unknown", description="Bone lesion")
    alignment: Literal["subluxation_translation", "de_novo_deformity", "normal", "unknown"] = Field(
        default="unknown", description="Alignment"
    )
    collapse: Literal["over_50", "under_50", "none_over_half_involved", "none", "unknown"] = Field(
        default="unknown", description="Collapse of the vertebral body"
    )
    posterolateral: Literal["bilateral", "unilateral", "none", "unknown"] = Field(
        default="unknown", description="Facet, pedicle or costovertebral joint: fractured, or replaced by tumour"
    )


def _words(value: Any) -> Any:
    """A grade that is all digits may stand without quotes."""
    return str(value) if type(value) is int else value


class Escc(_Part):
    grade: Annotated[Literal["0", "1a", "1b", "1c", "2", "3", "unknown"], BeforeValidator(_words)] = Field(
        default="unknown", description="Grade, if read"
    )
    epidural_tumour: Answer = Field(default="unknown", description="Does tumour touch the epidural space?")
    sac_deformed: Answer = Field(default="unknown", description="Is the thecal sac deformed?")
    touches_cord: Answer = Field(default="unknown", description="Is the cord touched?")
    cord_compressed: Answer = Field(default="unknown", description="Is the cord compressed?")
    csf_visible: Answer = Field(default="unknown", description="Is fluid still seen around the cord?")


class Noms(_Part):
    radiosensitive: Answer = Field(default="unknown", description="Sensitive to conventional radiation?")
    gross_instability: Answer = Field(default="unknown", description="Is the spine grossly unstable?")
    axial_load_pain: Answer = Field(default="unknown", description="Pain under axial load?")


class Case(_Part):
    """All answers about one person and one lesion."""

    cancer: Cancer = Cancer()
    condition: Condition = Condition()
    spread: Spread = Spread()
    neurology: Neurology = Neurology()
    laboratory: Laboratory = Laboratory()
    sins: Sins = Sins()
    escc: Escc = Escc()
    noms: Noms = Noms()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Case:
        for path, other in _contradictions(self):
            raise contradiction(path, other)
        return self


def _contradictions(case: Case) -> Iterator[tuple[str, str]]:
    """Pairs of paths whose answers can't both be true."""
    spread = case.spread
    if spread.visceral == "no":
        for name in ("visceral_removable", "visceral_treatable", "disseminated"):
            if getattr(spread, name) == "yes":
                yield f"spread.{name}", "spread.visceral"
    yield from _escc_contradictions(case.escc)


def _escc_contradictions(answers: Escc) -> Iterator[tuple[str, str]]:
    signs = {name: getattr(answers, name) for name in escc.SIGNS}
    if escc.possible(answers.grade, signs):
        return
    said = [name for name, answer in signs.items() if answer != "unknown"]
    if answers.grade != "unknown" and escc.possible("unknown", signs):
        wrong = next(name for name in said if not escc.possible(answers.grade, {name: signs[name]}))
        yield f"escc.{wrong}", "escc.grade"
    else:
        pairs = ((one, other) for one in said for other in said if one < other)
        one, other = next(p for p in pairs if not escc.possible("unknown", {name: signs[name] for name in p}))
        yield f"escc.{one}", f"escc.{other}"


def schema() -> dict[str, Any]:
    """JSON schema of a case file."""
    return Case.model_json_schema()
