"""The GPU's kernels: one thread a node, which gathers what it needs and writes only its own places.

Nothing is added to by two threads, so results are the same to the last bit in every run on one device. Vectors, moduli
and weights lie in boxes (`boxes.Box`): flat arrays in which one place stands for a node and for the element whose first
corner it is, with strides 1, `row` and `layer`, and `size` from one component to the next. `places` lists the nodes
that exist; everywhere else vectors are zero. Indices are unsigned, as signed ones are tested for Python's negative
indexing at every access. Only this module needs Numba's CUDA target, and only `solve` imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

from spondyl.mechanics import modes

U = np.uint64
ONE, TWO, FOUR = U(1), U(2), U(4)


def _device(function: Callable[..., Any]) -> Any:
    """Compile as a part of kernels."""
    return cuda.jit(device=True)(function)


def _kernel(function: Callable[..., None]) -> Any:
    """Compile on first launch and keep the code on disk, where a folder can be written, as the CPU's kernels are."""
    try:
        return cuda.jit(cache=True)(function)
    except RuntimeError:
        return cuda.jit(function)


_amplitudes = _device(modes.modal_amplitudes)
_forces = _device(modes.modal_forces)
_corner_force = _device(modes.corner_force)


@_device
def _component(u: Any, at: Any, row: Any, layer: Any) -> Any:
    """Modes of one component over the element whose first corner is `at`."""
    up = at + layer
    return _amplitudes(
        u[at], u[at + ONE], u[at + row], u[at + row + ONE], u[up], u[up + ONE], u[up + row], u[up + row + ONE]
    )


@_device
def _node_force(u: Any, modulus: Any, kind: Any, table: Any, p: Any, row: Any, layer: Any, size: Any) -> Any:
    """The three components of K u at node p: the sum over the eight elements around it.

    `table` is (materials, 16): `element.modal_coefficients`, then 1/3; `kind` is each element's row in it.
    """
    zero, one = table.dtype.type(0), table.dtype.type(1)
    fx, fy, fz = zero, zero, zero
    for corner in range(8):
        bx, by, bz = U(corner) & ONE, U(corner) >> ONE & ONE, U(corner) >> TWO
        at = p - bx - by * row - bz * layer
        e = modulus[at]
        if e != 0:
            k = table[kind[at]]
            u1, u2, u3, u4, u5, u6, u7 = _component(u, at, row, layer)
            v1, v2, v3, v4, v5, v6, v7 = _component(u, at + size, row, layer)
            w1, w2, w3, w4, w5, w6, w7 = _component(u, at + size + size, row, layer)
            f = _forces(
                u1, u2, u3, u4, u5, u6, u7, v1, v2, v3, v4, v5, v6, v7, w1, w2, w3, w4, w5, w6, w7,
                k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9], k[10], k[11], k[12], k[13], k[14], k[15],
            )  # fmt: skip
            x, y, z = one if bx else -one, one if by else -one, one if bz else -one
            fx += e * _corner_force(f[0], f[1], f[2], f[3], f[4], f[5], f[6], x, y, z)
            fy += e * _corner_force(f[7], f[8], f[9], f[10], f[11], f[12], f[13], x, y, z)
            fz += e * _corner_force(f[14], f[15], f[16], f[17], f[18], f[19], f[20], x, y, z)
    return fx, fy, fz


@_kernel
def apply(u: Any, out: Any, modulus: Any, kind: Any, table: Any, places: Any, row: Any, layer: Any, size: Any) -> None:
    """out = K u."""
    i = cuda.grid(1)
    if i < len(places):
        p = places[i]
        fx, fy, fz = _node_force(u, modulus, kind, table, p, row, layer, size)
        out[p] = fx
        out[p + size] = fy
        out[p + size + size] = fz


@_kernel
def residual(
    b: Any, u: Any, r: Any, weight: Any,
    modulus: Any, kind: Any, table: Any, places: Any, row: Any, layer: Any, size: Any,
) -> None:  # fmt: skip
    """r = b - K u at free components, 0 at held ones."""
    i = cuda.grid(1)
    if i < len(places):
        p = places[i]
        forces = _node_force(u, modulus, kind, table, p, row, layer, size)
        for component in range(3):
            at = p + U(component) * size
            if weight[at] != 0:
                r[at] = b[at] - forces[component]
            else:
                r[at] = 0


@_kernel
def smooth_from_zero(b: Any, r: Any, d: Any, x: Any, weight: Any, alpha: Any, places: Any, size: Any) -> None:
    """r = b; d = alpha D^-1 r; x = d: the first step where x was zero."""
    i = cuda.grid(1)
    if i < len(places):
        for component in range(3):
            at = places[i] + U(component) * size
            change = alpha * weight[at] * b[at]
            r[at] = b[at]
            d[at] = change
            x[at] = change


@_kernel
def smooth_again(r: Any, d: Any, x: Any, weight: Any, alpha: Any, places: Any, size: Any) -> None:
    """d = alpha D^-1 r; x += d: the first step where r is the residual of x."""
    i = cuda.grid(1)
    if i < len(places):
        for component in range(3):
            at = places[i] + U(component) * size
            change = alpha * weight[at] * r[at]
            d[at] = change
            x[at] += change


@_kernel
def smooth(
    d: Any, r: Any, new_d: Any, x: Any, weight: Any, beta: Any, alpha: Any,
    modulus: Any, kind: Any, table: Any, places: Any, row: Any, layer: Any, size: Any,
) -> None:  # fmt: skip
    """r -= K d; new d = beta d + alpha D^-1 r; x += new d. Neighbours still read d, so the new one lies apart."""
    i = cuda.grid(1)
    if i < len(places):
        p = places[i]
        forces = _node_force(d, modulus, kind, table, p, row, layer, size)
        for component in range(3):
            at = p + U(component) * size
            left = r[at] - forces[component]
            change = beta * d[at] + alpha * weight[at] * left
            r[at] = left
            new_d[at] = change
            x[at] += change


@_kernel
def restrict(
    fine: Any, fine_row: Any, fine_layer: Any, fine_size: Any, fine_length: Any,
    coarse: Any, weight: Any, places: Any, row: Any, layer: Any, size: Any,
) -> None:  # fmt: skip
    """coarse = P' fine at free components, 0 at held ones: each coarse node takes its share of 27 fine ones.

    A place counts from 1 along each axis, and coarse node c lies on fine node 2c - 1. Fine nodes past the fine box
    belong to the coarse one's odd last layer and do not exist.
    """
    half = coarse.dtype.type(0.5)
    i = cuda.grid(1)
    if i < len(places):
        p = places[i]
        z, y, x = p // layer, p % layer // row, p % row
        for component in range(3):
            at = p + U(component) * size
            total = coarse.dtype.type(0)
            if weight[at] != 0:
                for dz in range(3):
                    fz = TWO * z - TWO + U(dz)
                    for dy in range(3):
                        fy = TWO * y - TWO + U(dy)
                        for dx in range(3):
                            fx = TWO * x - TWO + U(dx)
                            if fx < fine_row and fy * fine_row < fine_layer and fz < fine_length:
                                share = fine[U(component) * fine_size + fz * fine_layer + fy * fine_row + fx]
                                if dz != 1:
                                    share *= half
                                if dy != 1:
                                    share *= half
                                if dx != 1:
                                    share *= half
                                total += share
            coarse[at] = total


@_kernel
def prolong(
    fine: Any, weight: Any, places: Any, row: Any, layer: Any, size: Any,
    coarse: Any, coarse_row: Any, coarse_layer: Any, coarse_size: Any,
) -> None:  # fmt: skip
    """fine += P coarse at free components, trilinear: the mean of eight coarse nodes, some of them the same."""
    eighth = fine.dtype.type(0.125)
    i = cuda.grid(1)
    if i < len(places):
        p = places[i]
        z, y, x = p // layer, p % layer // row, p % row
        for component in range(3):
            at = p + U(component) * size
            if weight[at] != 0:
                total = fine.dtype.type(0)
                for corner in range(8):
                    cx = (x + ONE + (U(corner) & ONE)) // TWO
                    cy = (y + ONE + (U(corner) >> ONE & ONE)) // TWO
                    cz = (z + ONE + (U(corner) >> TWO)) // TWO
                    total += coarse[U(component) * coarse_size + cz * coarse_layer + cy * coarse_row + cx]
                fine[at] += eighth * total


@_kernel
def dense(matrix: Any, b: Any, x: Any, places: Any, size: Any) -> None:
    """x = matrix b; rows and columns of the matrix are (component, node)."""
    i = cuda.grid(1)
    if i < len(places):
        for component in range(3):
            total = x.dtype.type(0)
            for other in range(3):
                for j in range(len(places)):
                    total += matrix[component, i, other, j] * b[places[j] + U(other) * size]
            x[places[i] + U(component) * size] = total


@_kernel
def true_residual(load: Any, q: Any, b: Any, weight: Any, inverse: Any, places: Any, size: Any) -> None:
    """b = (load - q) inverse in single precision at free components, 0 at held ones, which are those of weight 0."""
    i = cuda.grid(1)
    if i < len(places):
        for component in range(3):
            at = places[i] + U(component) * size
            if weight[at] != 0:
                b[at] = np.float32((load[at] - q[at]) * inverse)
            else:
                b[at] = 0


@_kernel
def rescale(b: Any, factor: Any, places: Any, size: Any) -> None:
    """b = factor b."""
    i = cuda.grid(1)
    if i < len(places):
        for component in range(3):
            b[places[i] + U(component) * size] *= factor


@_kernel
def new_direction(p: Any, z: Any, beta: Any, places: Any, size: Any) -> None:
    """p = z + beta p."""
    i = cuda.grid(1)
    if i < len(places):
        for component in range(3):
            at = places[i] + U(component) * size
            p[at] = z[at] + beta * p[at]


@_kernel
def advance(x: Any, p: Any, b: Any, q: Any, weight: Any, alpha: Any, scale: Any, places: Any, size: Any) -> None:
    """x += scale alpha p; b -= alpha q at free components."""
    i = cuda.grid(1)
    if i < len(places):
        for component in range(3):
            at = places[i] + U(component) * size
            x[at] += scale * np.float64(alpha) * np.float64(p[at])
            if weight[at] != 0:
                b[at] -= alpha * q[at]


@_kernel
def inner(a: Any, b: Any, partial: Any, places: Any, size: Any) -> None:
    """partial[t] = sum of a b over the nodes t, t + len(partial), ..., in double precision."""
    i = cuda.grid(1)
    if i < len(partial):
        total = 0.0
        for node in range(i, len(places), len(partial)):
            for component in range(3):
                at = places[node] + U(component) * size
                total += np.float64(a[at]) * np.float64(b[at])
        partial[i] = total


KERNELS = (
    apply, residual, smooth_from_zero, smooth_again, smooth, restrict, prolong, dense, true_residual,
    rescale, new_direction, advance, inner,
)  # fmt: skip
"""Every kernel of this module."""
