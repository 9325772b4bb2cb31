"""The arithmetic of one voxel element in scalars: one truth that every backend compiles for itself.

The eight corners' values of a component are written as eight modes, the products of 1, xi, eta and zeta: mode m holds
xi where m & 1, eta where m & 2, zeta where m & 4. Mode 0 is a rigid shift and needs no force. u, v, w are the
components x, y, z. Plain functions of scalars without a constant in them: they compute in the precision they are given.
"""

from __future__ import annotations

from typing import Any


def modal_amplitudes(c0: Any, c1: Any, c2: Any, c3: Any, c4: Any, c5: Any, c6: Any, c7: Any) -> Any:
    """The seven modes 1 .. 7 of one component's corner values, without the factor 1/8; corner bits are x, y, z."""
    s01, d01 = c1 + c0, c1 - c0
    s23, d23 = c3 + c2, c3 - c2
    s45, d45 = c5 + c4, c5 - c4
    s67, d67 = c7 + c6, c7 - c6
    low, low_x, low_y, low_xy = s23 + s01, d23 + d01, s23 - s01, d23 - d01
    high, high_x, high_y, high_xy = s67 + s45, d67 + d45, s67 - s45, d67 - d45
    return (
        high_x + low_x,
        high_y + low_y,
        high_xy + low_xy,
        high - low,
        high_x - low_x,
        high_y - low_y,
        high_xy - low_xy,
    )


def modal_forces(
    u1: Any, u2: Any, u3: Any, u4: Any, u5: Any, u6: Any, u7: Any,
    v1: Any, v2: Any, v3: Any, v4: Any, v5: Any, v6: Any, v7: Any,
    w1: Any, w2: Any, w3: Any, w4: Any, w5: Any, w6: Any, w7: Any,
    xu: Any, xv: Any, xw: Any, yu: Any, yv: Any, yw: Any, zu: Any, zv: Any, zw: Any,
    lam_xy: Any, mu_xy: Any, lam_xz: Any, mu_xz: Any, lam_yz: Any, mu_yz: Any, third: Any,
) -> Any:  # fmt: skip
    """Forces of the modes 1 .. 7 of u, then v, then w, from their amplitudes.

    xu .. mu_yz are `element.modal_coefficients` in order; third is 1/3, the mean square of xi, eta or zeta.
    """
    return (
        xu * u1 + lam_xy * v2 + lam_xz * w4,
        yu * u2 + mu_xy * v1,
        third * ((xu + yu) * u3 + lam_xz * w6),
        zu * u4 + mu_xz * w1,
        third * ((xu + zu) * u5 + lam_xy * v6),
        third * ((yu + zu) * u6 + mu_xy * v5 + mu_xz * w3),
        third * third * (xu + yu + zu) * u7,
        xv * v1 + mu_xy * u2,
        yv * v2 + lam_xy * u1 + lam_yz * w4,
        third * ((xv + yv) * v3 + lam_yz * w5),
        zv * v4 + mu_yz * w2,
        third * ((xv + zv) * v5 + mu_xy * u6 + mu_yz * w3),
        third * ((yv + zv) * v6 + lam_xy * u5),
        third * third * (xv + yv + zv) * v7,
        xw * w1 + mu_xz * u4,
        yw * w2 + mu_yz * v4,
        third * ((xw + yw) * w3 + mu_xz * u6 + mu_yz * v5),
        zw * w4 + lam_xz * u1 + lam_yz * v2,
        third * ((xw + zw) * w5 + lam_yz * v3),
        third * ((yw + zw) * w6 + lam_xz * u3),
        third * third * (xw + yw + zw) * w7,
    )


def corner_force(
    f1: Any, f2: Any, f3: Any, f4: Any, f5: Any, f6: Any, f7: Any, x: Any, y: Any, z: Any
) -> Any:  # fmt: skip
    """One component of the force on the corner at x, y, z (each -1 or +1) from its modal forces."""
    return x * (f1 + y * f3 + z * (f5 + y * f7)) + y * (f2 + z * f6) + z * f4
