"""Fitting: parameters that bring the simulated figures near their targets, and which of them the targets pin down.

Least squares of (simulated - target) / sd over the logarithms of the free parameters, by a trust region [scipy]. The
same people (seed and number) are simulated at each trial, so that the draws do not blur the differences. At the end
the Jacobian says what is identified: its singular vectors, the SD of each parameter that follows from the targets'
own SD, and how parameters trade against each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.core.progress import Progress, silent
from spondyl.natural_history.chunk import simulate_chunk
from spondyl.natural_history.figures import Tally, tally
from spondyl.natural_history.model import model
from spondyl.natural_history.parameters import ParameterSet, unfitted
from spondyl.natural_history.scenario import Scenario
from spondyl.natural_history.targets import Free, Targets

_STEP = 0.08
"""Own choice: step of the differences in log parameters, large against the noise of the counts."""
_PINNED = 0.35
"""Own choice: a parameter is called pinned down when its relative SD is below this."""


@dataclass(frozen=True)
class FreeResult:
    name: str
    value: float
    relative_sd: float
    at_bound: bool
    strongest_partner: str
    correlation: float

    @property
    def pinned(self) -> bool:
        return self.relative_sd < _PINNED and not self.at_bound


@dataclass(frozen=True)
class Calibration:
    parameters: ParameterSet
    changes: dict[str, object]
    free: tuple[FreeResult, ...]
    misfit: float
    """Sum of ((simulated - target) / sd)^2."""
    simulations: int
    counted: Tally


def calibrate(
    targets: Targets, *, patients: int = 20_000, seed: int = 77, rounds: int = 12, progress: Progress = silent
) -> Calibration:
    """Fits the free parameters of `targets` to those marked `fit`."""
    from scipy.optimize import least_squares

    base, scenario = unfitted(targets.base), Scenario(parameters=targets.base)
    wanted = targets.fitted()
    names = [target.figure for target in wanted]
    goal, sd = (np.array([getattr(target, key) for target in wanted]) for key in ("value", "sd"))
    made = 0

    def misfits(logs: np.ndarray) -> np.ndarray:
        nonlocal made
        made += 1
        progress("simulations", made, 0)
        parameters = base.with_values(changes_of(base, targets.free, np.exp(logs)), status="fitted")
        counted = tally([simulate_chunk(model(parameters, scenario), seed, 0, patients)], names)
        found = np.array([counted.value(name) for name in names])
        return np.nan_to_num((found - goal) / sd, nan=10.0)

    def slopes(logs: np.ndarray) -> np.ndarray:
        here = misfits(logs)
        inward = np.where(logs + _STEP <= high, _STEP, -_STEP)
        columns = [
            (misfits(logs + step * axis) - here) / step for axis, step in zip(np.eye(len(logs)), inward, strict=True)
        ]
        return np.column_stack(columns)

    low, high, start = (np.log([getattr(free, key) for free in targets.free]) for key in ("low", "high", "start"))
    fit = least_squares(misfits, start, slopes, bounds=(low, high), max_nfev=rounds, method="trf")
    changes = changes_of(base, targets.free, np.exp(fit.x))
    parameters = base.with_values(changes, status="fitted", why="Fitted to the targets.")
    counted = tally([simulate_chunk(model(parameters, scenario), seed, 0, patients)])
    found = identify(targets.free, fit.x, fit.jac, low, high)
    return Calibration(parameters, changes, found, float(2 * fit.cost), made, counted)


def changes_of(base: ParameterSet, free: tuple[Free, ...], values: np.ndarray) -> dict[str, object]:
    """Values by path, as `ParameterSet.with_values` takes them."""
    changes: dict[str, object] = {}
    for one, value in zip(free, values, strict=True):
        for path in one.paths:
            changes[path] = (base[path] * value).tolist() if one.scale else float(value)
    return changes


def identify(
    free: tuple[Free, ...], logs: np.ndarray, jacobian: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[FreeResult, ...]:
    """What the targets say of each parameter: relative SD and strongest trade, from (J^T J)^-1 of log parameters.

    A direction that the targets do not see gives an SD without bound, not an error.
    """
    values, vectors = np.linalg.eigh(jacobian.T @ jacobian)
    covariance = (vectors / np.maximum(values, 1e-8)) @ vectors.T
    sd = np.sqrt(np.diag(covariance))
    related = covariance / np.outer(sd, sd)
    np.fill_diagonal(related, 0.0)
    results = []
    for n, one in enumerate(free):
        partner = int(np.argmax(np.abs(related[n])))
        at_bound = bool(min(logs[n] - low[n], high[n] - logs[n]) < 1e-3)
        results.append(
            FreeResult(
                one.name, float(np.exp(logs[n])), float(sd[n]), at_bound, free[partner].name, float(related[n, partner])
            )
        )
    return tuple(results)
