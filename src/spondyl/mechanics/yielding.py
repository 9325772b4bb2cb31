"""The kernels of yielding elements: strains, return to the yield surface, nodal forces, and the tangent's product.

Everything is worked off run by run along the rows of the lattice, as in `operator`, and in units of Young's modulus.
The material and what weakens the hourglass modes are described in `plasticity`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spondyl.mechanics.compiled import kernel
from spondyl.mechanics.grid import LANE, MAX_RUN

SOFTEST_HOURGLASS = 0.03
"""Least ratio by which hourglass modes are weakened: at zero they would swing freely. Own choice."""

# Rows of a run's buffer. 0 .. 11: sums and differences over y and z of the four node rows (x, y, z component).
U = np.uint64
ROW = U(MAX_RUN + 1 + LANE)
LANE_U = U(LANE)
STRAIN = U(12) * ROW  # xx, yy, zz, xy, yz, zx at the centre (tensor components); becomes the stress
MODULUS = U(18) * ROW
HOURGLASS = U(19) * ROW  # ratio by which the hourglass modes are weakened
DATA = U(20) * ROW  # 18 rows: what a kernel reads and writes for each element
TO_RIGHT = U(38) * ROW  # 12 rows of modal forces on each element's right nodes
TO_LEFT = U(50) * ROW
BUFFER = int(U(62) * ROW)

PLASTIC = DATA  # plastic strain, 6 rows, then its equivalent
EQUIVALENT = U(26) * ROW
YIELD = U(27) * ROW  # k / E
PRESSURE = U(28) * ROW  # a
TANGENT = U(29) * ROW  # direction of the deviator (6), its loss of stiffness, deviatoric and volumetric flow

STATES = 7
TANGENTS = 10

# Entries of the constants.
SLOPE = 0  # three: 1 / (4 spacing) along x, y, z
VOLUME, BULK, THIRD, HALF, LAME, SHEAR = 3, 4, 5, 6, 7, 8  # moduli for Young's modulus 1
RESIDUAL, SOFTENING, KEPT = 9, 10, 11


@kernel
def _gather(u: Any, buffer: Any, stride: Any, n00: Any, n10: Any, n01: Any, n11: Any, width: Any) -> None:
    for component in range(3):
        shift = U(component) * stride
        out = U(4 * component) * ROW
        row00 = u[shift + n00 : shift + n00 + width]
        row10 = u[shift + n10 : shift + n10 + width]
        row01 = u[shift + n01 : shift + n01 + width]
        row11 = u[shift + n11 : shift + n11 + width]
        for i in range(width):
            low = row00[i] + row10[i]
            low_y = row10[i] - row00[i]
            high = row01[i] + row11[i]
            high_y = row11[i] - row01[i]
            buffer[out + i] = low + high
            buffer[out + ROW + i] = low_y + high_y
            buffer[out + U(2) * ROW + i] = high - low
            buffer[out + U(3) * ROW + i] = high_y - low_y


@kernel
def _strains(buffer: Any, width: Any, c: Any) -> None:
    """Tensor strain at the centre of every element of the row."""
    x, y, z = c[SLOPE], c[SLOPE + 1], c[SLOPE + 2]
    half = c[HALF]
    for i in range(width):
        j = i + U(1)
        buffer[STRAIN + i] = x * (buffer[j] - buffer[i])
        buffer[STRAIN + ROW + i] = y * (buffer[U(5) * ROW + j] + buffer[U(5) * ROW + i])
        buffer[STRAIN + U(2) * ROW + i] = z * (buffer[U(10) * ROW + j] + buffer[U(10) * ROW + i])
        xy = y * (buffer[ROW + j] + buffer[ROW + i]) + x * (buffer[U(4) * ROW + j] - buffer[U(4) * ROW + i])
        yz = z * (buffer[U(6) * ROW + j] + buffer[U(6) * ROW + i])
        yz += y * (buffer[U(9) * ROW + j] + buffer[U(9) * ROW + i])
        zx = z * (buffer[U(2) * ROW + j] + buffer[U(2) * ROW + i]) + x * (
            buffer[U(8) * ROW + j] - buffer[U(8) * ROW + i]
        )
        buffer[STRAIN + U(3) * ROW + i] = half * xy
        buffer[STRAIN + U(4) * ROW + i] = half * yz
        buffer[STRAIN + U(5) * ROW + i] = half * zx


@kernel
def _forces(buffer: Any, width: Any, c: Any) -> None:
    """Modal forces of every element: of the stress at the centre, and of the hourglass modes."""
    third, mu, bulk = c[THIRD], c[SHEAR], c[BULK]
    x, y, z = c[SLOPE], c[SLOPE + 1], c[SLOPE + 2]
    vx, vy, vz = c[VOLUME] * x, c[VOLUME] * y, c[VOLUME] * z
    for i in range(width):
        j = i + U(1)
        weak = buffer[HOURGLASS + i]
        shear = mu * weak * buffer[MODULUS + i]
        volume = bulk * weak * weak * weak * buffer[MODULUS + i]
        lam = volume - third * (shear + shear)
        stretch = lam + shear + shear
        u3 = buffer[ROW + j] - buffer[ROW + i]
        u5 = buffer[U(2) * ROW + j] - buffer[U(2) * ROW + i]
        u6 = buffer[U(3) * ROW + j] + buffer[U(3) * ROW + i]
        u7 = buffer[U(3) * ROW + j] - buffer[U(3) * ROW + i]
        v3 = buffer[U(5) * ROW + j] - buffer[U(5) * ROW + i]
        v5 = buffer[U(6) * ROW + j] - buffer[U(6) * ROW + i]
        v6 = buffer[U(7) * ROW + j] + buffer[U(7) * ROW + i]
        v7 = buffer[U(7) * ROW + j] - buffer[U(7) * ROW + i]
        w3 = buffer[U(9) * ROW + j] - buffer[U(9) * ROW + i]
        w5 = buffer[U(10) * ROW + j] - buffer[U(10) * ROW + i]
        w6 = buffer[U(11) * ROW + j] + buffer[U(11) * ROW + i]
        w7 = buffer[U(11) * ROW + j] - buffer[U(11) * ROW + i]
        modulus = buffer[MODULUS + i]
        xx = buffer[STRAIN + i] * modulus
        yy = buffer[STRAIN + ROW + i] * modulus
        zz = buffer[STRAIN + U(2) * ROW + i] * modulus
        xy = buffer[STRAIN + U(3) * ROW + i] * modulus
        yz = buffer[STRAIN + U(4) * ROW + i] * modulus
        zx = buffer[STRAIN + U(5) * ROW + i] * modulus

        fu1, fu2, fu4 = vx * xx, vy * xy, vz * zx
        fv1, fv2, fv4 = vx * xy, vy * yy, vz * yz
        fw1, fw2, fw4 = vx * zx, vy * yz, vz * zz
        # third vx times strains that vary along x (from modes 3 and 5), y (3 and 6) and z (5 and 6)
        ax, ay, az = third * vx, third * vy, third * vz
        zx_y = shear * (x * w3 + z * u6)
        yz_x = shear * (y * w3 + z * v5)
        xy_z = shear * (x * v5 + y * u6)
        fu3 = ax * (stretch * x * u3 + lam * z * w6) + ay * shear * y * u3
        fu5 = ax * (stretch * x * u5 + lam * y * v6) + az * shear * z * u5
        fu6 = ay * xy_z + az * zx_y
        fv3 = ay * (stretch * y * v3 + lam * z * w5) + ax * shear * x * v3
        fv5 = ax * xy_z + az * yz_x
        fv6 = ay * (stretch * y * v6 + lam * x * u5) + az * shear * z * v6
        fw3 = ax * zx_y + ay * yz_x
        fw5 = az * (stretch * z * w5 + lam * y * v3) + ax * shear * x * w5
        fw6 = az * (stretch * z * w6 + lam * x * u3) + ay * shear * y * w6
        fu7 = third * (ax * x * stretch + (ay * y + az * z) * shear) * u7
        fv7 = third * (ay * y * stretch + (ax * x + az * z) * shear) * v7
        fw7 = third * (az * z * stretch + (ax * x + ay * y) * shear) * w7

        buffer[TO_RIGHT + j] = fu1
        buffer[TO_RIGHT + ROW + j] = fu2 + fu3
        buffer[TO_RIGHT + U(2) * ROW + j] = fu4 + fu5
        buffer[TO_RIGHT + U(3) * ROW + j] = fu6 + fu7
        buffer[TO_RIGHT + U(4) * ROW + j] = fv1
        buffer[TO_RIGHT + U(5) * ROW + j] = fv2 + fv3
        buffer[TO_RIGHT + U(6) * ROW + j] = fv4 + fv5
        buffer[TO_RIGHT + U(7) * ROW + j] = fv6 + fv7
        buffer[TO_RIGHT + U(8) * ROW + j] = fw1
        buffer[TO_RIGHT + U(9) * ROW + j] = fw2 + fw3
        buffer[TO_RIGHT + U(10) * ROW + j] = fw4 + fw5
        buffer[TO_RIGHT + U(11) * ROW + j] = fw6 + fw7
        buffer[TO_LEFT + i] = -fu1
        buffer[TO_LEFT + ROW + i] = fu2 - fu3
        buffer[TO_LEFT + U(2) * ROW + i] = fu4 - fu5
        buffer[TO_LEFT + U(3) * ROW + i] = fu6 - fu7
        buffer[TO_LEFT + U(4) * ROW + i] = -fv1
        buffer[TO_LEFT + U(5) * ROW + i] = fv2 - fv3
        buffer[TO_LEFT + U(6) * ROW + i] = fv4 - fv5
        buffer[TO_LEFT + U(7) * ROW + i] = fv6 - fv7
        buffer[TO_LEFT + U(8) * ROW + i] = -fw1
        buffer[TO_LEFT + U(9) * ROW + i] = fw2 - fw3
        buffer[TO_LEFT + U(10) * ROW + i] = fw4 - fw5
        buffer[TO_LEFT + U(11) * ROW + i] = fw6 - fw7


@kernel
def _scatter(y: Any, buffer: Any, stride: Any, n00: Any, n10: Any, n01: Any, n11: Any, width: Any) -> None:
    for component in range(3):
        out = U(4 * component) * ROW
        right = TO_RIGHT + out
        left = TO_LEFT + out
        for i in range(width):
            f = buffer[right + i] + buffer[left + i]
            f_y = buffer[right + ROW + i] + buffer[left + ROW + i]
            f_z = buffer[right + U(2) * ROW + i] + buffer[left + U(2) * ROW + i]
            f_yz = buffer[right + U(3) * ROW + i] + buffer[left + U(3) * ROW + i]
            buffer[out + i] = (f + f_yz) - (f_y + f_z)
            buffer[out + ROW + i] = (f - f_yz) + (f_y - f_z)
            buffer[out + U(2) * ROW + i] = (f - f_yz) - (f_y - f_z)
            buffer[out + U(3) * ROW + i] = (f + f_yz) + (f_y + f_z)
        for corner, node in enumerate((n00, n10, n01, n11)):
            start = U(component) * stride + node
            row = y[start : start + width]
            source = out + U(corner) * ROW
            for i in range(width):
                row[i] += buffer[source + i]


@kernel
def _load(buffer: Any, row: Any, values: Any, first: Any, length: Any, width: Any) -> None:
    """Elements' values into a row of the buffer, zero beyond the run's end."""
    source = values[first : first + length]
    for i in range(length):
        buffer[row + i] = source[i]
    for i in range(length, width):
        buffer[row + i] = 0


@kernel
def _store(buffer: Any, row: Any, values: Any, first: Any, length: Any) -> None:
    target = values[first : first + length]
    for i in range(length):
        target[i] = buffer[row + i]


@kernel
def _return(buffer: Any, width: Any, c: Any) -> None:
    """Strains become stresses; the plastic strains become the new ones; the tangent is noted."""
    mu, bulk = c[SHEAR], c[BULK]
    residual, softening = c[RESIDUAL], c[SOFTENING]
    for i in range(width):
        xx, yy, zz = buffer[STRAIN + i], buffer[STRAIN + ROW + i], buffer[STRAIN + U(2) * ROW + i]
        xy, yz, zx = buffer[STRAIN + U(3) * ROW + i], buffer[STRAIN + U(4) * ROW + i], buffer[STRAIN + U(5) * ROW + i]
        mean = (xx + yy + zz) / 3
        whole = (xx - mean) ** 2 + (yy - mean) ** 2 + (zz - mean) ** 2 + 2 * (xy * xy + yz * yz + zx * zx)
        # elastic strain if no more plastic strain came: its trace and its deviator
        xx -= buffer[PLASTIC + i]
        yy -= buffer[PLASTIC + ROW + i]
        zz -= buffer[PLASTIC + U(2) * ROW + i]
        xy -= buffer[PLASTIC + U(3) * ROW + i]
        yz -= buffer[PLASTIC + U(4) * ROW + i]
        zx -= buffer[PLASTIC + U(5) * ROW + i]
        trace = xx + yy + zz
        xx -= trace / 3
        yy -= trace / 3
        zz -= trace / 3
        size = np.sqrt(xx * xx + yy * yy + zz * zz + 2 * (xy * xy + yz * yz + zx * zx)) + 1e-150
        q = np.sqrt(6.0) * mu * size

        k, a, before = buffer[YIELD + i], buffer[PRESSURE + i], buffer[EQUIVALENT + i]
        slope = softening * k * (1 - a)
        now = k * (1 - softening * before)
        shear = 3 * mu
        volume = 9 * bulk * a * a
        pressure = 3 * bulk * a * trace
        on_slope = (q + pressure - now) / (shear + volume - slope)
        on_rest = (q + pressure - residual * k) / (shear + volume)
        flow = min(on_slope, on_rest) if q + pressure > max(now, residual * k) else 0.0
        apex = flow * shear > q
        steep = volume - slope
        on_slope_apex = (pressure - now) / steep if steep > 0.0 else 1e300
        on_rest_apex = (pressure - residual * k) / (volume + 1e-300)
        flow_apex = max(0.0, min(on_slope_apex, on_rest_apex))
        flow = flow_apex if apex else flow
        left = 0.0 if apex else 1 - flow * shear / q

        swelling = a * flow
        lost = 1 - left
        buffer[PLASTIC + i] += lost * xx + swelling
        buffer[PLASTIC + ROW + i] += lost * yy + swelling
        buffer[PLASTIC + U(2) * ROW + i] += lost * zz + swelling
        buffer[PLASTIC + U(3) * ROW + i] += lost * xy
        buffer[PLASTIC + U(4) * ROW + i] += lost * yz
        buffer[PLASTIC + U(5) * ROW + i] += lost * zx
        buffer[EQUIVALENT + i] = before + (1 - a) * flow
        p = bulk * (trace - 3 * swelling)
        g = 2 * mu * left
        buffer[STRAIN + i] = g * xx + p
        buffer[STRAIN + ROW + i] = g * yy + p
        buffer[STRAIN + U(2) * ROW + i] = g * zz + p
        buffer[STRAIN + U(3) * ROW + i] = g * xy
        buffer[STRAIN + U(4) * ROW + i] = g * yz
        buffer[STRAIN + U(5) * ROW + i] = g * zx

        secant = min(left * size / (np.sqrt(whole) + 1e-150), 1.0)
        secant = max(SOFTEST_HOURGLASS, secant * np.sqrt(secant)) if buffer[EQUIVALENT + i] > 0.0 else 1.0
        buffer[HOURGLASS + i] = secant

        yields = flow > 0.0
        stiff = volume if apex else shear + volume
        part = 1 / np.sqrt(max(stiff, 1e-300)) if yields else 0.0
        along = 0.0 if apex else 1 / size
        buffer[TANGENT + i] = along * xx
        buffer[TANGENT + ROW + i] = along * yy
        buffer[TANGENT + U(2) * ROW + i] = along * zz
        buffer[TANGENT + U(3) * ROW + i] = along * xy
        buffer[TANGENT + U(4) * ROW + i] = along * yz
        buffer[TANGENT + U(5) * ROW + i] = along * zx
        buffer[TANGENT + U(6) * ROW + i] = lost * 2 * mu
        buffer[TANGENT + U(7) * ROW + i] = np.sqrt(6.0) * mu * part * (0.0 if apex else 1.0)
        buffer[TANGENT + U(8) * ROW + i] = 3 * bulk * a * part


@kernel
def _tangent_stress(buffer: Any, width: Any, c: Any) -> None:
    """Changes of strain become changes of stress, by the tangent in the ten DATA rows."""
    lam, mu, kept, half = c[LAME], c[SHEAR], c[KEPT], c[HALF]
    two_mu = mu + mu
    third = c[THIRD]
    for i in range(width):
        xx, yy, zz = buffer[STRAIN + i], buffer[STRAIN + ROW + i], buffer[STRAIN + U(2) * ROW + i]
        xy, yz, zx = buffer[STRAIN + U(3) * ROW + i], buffer[STRAIN + U(4) * ROW + i], buffer[STRAIN + U(5) * ROW + i]
        nxx, nyy, nzz = buffer[DATA + i], buffer[DATA + ROW + i], buffer[DATA + U(2) * ROW + i]
        nxy, nyz, nzx = buffer[DATA + U(3) * ROW + i], buffer[DATA + U(4) * ROW + i], buffer[DATA + U(5) * ROW + i]
        lost = kept * buffer[DATA + U(6) * ROW + i]
        deviatoric = buffer[DATA + U(7) * ROW + i]
        volumetric = buffer[DATA + U(8) * ROW + i]
        trace = xx + yy + zz
        along = nxx * xx + nyy * yy + nzz * zz + (nxy * xy + nyz * yz + nzx * zx) / half
        flow = kept * (deviatoric * along + volumetric * trace)
        g = two_mu - lost
        on_normal = lost * along - deviatoric * flow
        p = lam * trace + third * lost * trace - volumetric * flow
        buffer[STRAIN + i] = g * xx + on_normal * nxx + p
        buffer[STRAIN + ROW + i] = g * yy + on_normal * nyy + p
        buffer[STRAIN + U(2) * ROW + i] = g * zz + on_normal * nzz + p
        buffer[STRAIN + U(3) * ROW + i] = g * xy + on_normal * nxy
        buffer[STRAIN + U(4) * ROW + i] = g * yz + on_normal * nyz
        buffer[STRAIN + U(5) * ROW + i] = g * zx + on_normal * nzx
        buffer[HOURGLASS + i] = buffer[DATA + U(9) * ROW + i]


@kernel
def _clear(y: Any, stride: Any, blocks: Any, block: Any) -> None:
    for component in range(3):
        y[U(component) * stride + blocks[block, 2] : U(component) * stride + blocks[block, 3]] = 0


@kernel
def internal_forces(
    begin: int,
    step: int,
    u: Any,
    y: Any,
    modulus: Any,
    yields: Any,
    pressure: Any,
    before: Any,
    after: Any,
    tangent: Any,
    weakens: bool,
    stride: Any,
    runs: Any,
    blocks: Any,
    constants: Any,
) -> None:
    buffer = np.zeros(BUFFER, u.dtype)
    for block in range(begin, len(blocks), step):
        _clear(y, stride, blocks, block)
        for run in range(blocks[block, 0], blocks[block, 1]):
            n00, n10, n01, n11 = runs[run, 0], runs[run, 1], runs[run, 2], runs[run, 3]
            first, length = runs[run, 4], runs[run, 5]
            width = (length + LANE_U) // LANE_U * LANE_U
            _load(buffer, MODULUS, modulus, first, length, width)
            _load(buffer, YIELD, yields, first, length, width)
            _load(buffer, PRESSURE, pressure, first, length, width)
            for state in range(STATES):
                _load(buffer, PLASTIC + U(state) * ROW, before[state], first, length, width)
            _gather(u, buffer, stride, n00, n10, n01, n11, width)
            _strains(buffer, width, constants)
            _return(buffer, width, constants)
            for state in range(STATES):
                _store(buffer, PLASTIC + U(state) * ROW, after[state], first, length)
            for entry in range(TANGENTS - 1):
                _store(buffer, TANGENT + U(entry) * ROW, tangent[entry], first, length)
            if weakens:
                _store(buffer, HOURGLASS, tangent[TANGENTS - 1], first, length)
            else:
                _load(buffer, HOURGLASS, tangent[TANGENTS - 1], first, length, width)
            _forces(buffer, width, constants)
            _scatter(y, buffer, stride, n00, n10, n01, n11, width)


@kernel
def tangent_forces(
    begin: int,
    step: int,
    u: Any,
    y: Any,
    modulus: Any,
    tangent: Any,
    stride: Any,
    runs: Any,
    blocks: Any,
    constants: Any,
) -> None:
    buffer = np.zeros(BUFFER, u.dtype)
    for block in range(begin, len(blocks), step):
        _clear(y, stride, blocks, block)
        for run in range(blocks[block, 0], blocks[block, 1]):
            n00, n10, n01, n11 = runs[run, 0], runs[run, 1], runs[run, 2], runs[run, 3]
            first, length = runs[run, 4], runs[run, 5]
            width = (length + LANE_U) // LANE_U * LANE_U
            _load(buffer, MODULUS, modulus, first, length, width)
            for entry in range(TANGENTS):
                _load(buffer, DATA + U(entry) * ROW, tangent[entry], first, length, width)
            _gather(u, buffer, stride, n00, n10, n01, n11, width)
            _strains(buffer, width, constants)
            _tangent_stress(buffer, width, constants)
            _forces(buffer, width, constants)
            _scatter(y, buffer, stride, n00, n10, n01, n11, width)
