"""What may be said of a lesion without tissue."""

import pytest

from spondyl.clinical.classification import NO_TISSUE, classify
from spondyl.clinical.history import PRIMARIES, History
from spondyl.core.citations import cite


def history(**cancer):
    return History.model_validate({"cancer": cancer})


def test_no_lesion_gives_nothing_to_classify():
    assert classify(history(status="known", primary="lung"), lesions_present=False) is None


def test_known_cancer_and_a_lesion():
    result = classify(history(status="known", primary="breast"), lesions_present=True)
    assert "metastatic" in result.origin
    assert result.compartment.startswith("extradural")
    assert result.behaviour == "consistent with malignant"
    assert result.entity == "consistent with metastasis of breast cancer"
    assert cite(result.citations)


@pytest.mark.parametrize("primary", [*PRIMARIES, None])
def test_a_diagnosis_is_never_claimed(primary):
    result = classify(history(status="known", primary=primary), lesions_present=True)
    for said in (result.origin, result.behaviour, result.entity):
        assert said.startswith("consistent with")
    assert any("not a diagnosis" in reason for reason in result.reasons)


@pytest.mark.parametrize("given", [None, {}, {"status": "none"}, {"status": "suspected"}, {"primary": "lung"}])
def test_without_known_cancer_only_tissue_tells(given):
    result = classify(None if given is None else history(**given), lesions_present=True)
    assert result.origin == result.behaviour == result.entity == NO_TISSUE
    assert result.compartment.startswith("extradural")


@pytest.mark.parametrize("primary", ["myeloma", "lymphoma", "leukaemia"])
def test_a_cancer_of_the_marrow_is_not_called_a_metastasis(primary):
    result = classify(history(status="known", primary=primary), lesions_present=True)
    assert "metasta" not in result.origin + result.entity
    assert primary in result.entity
