"""The V-cycle as compiled code: every thread runs all of it and meets the others at barriers.

A sweep goes block by block and layer by layer. As soon as all elements around a node layer have been worked off, the
layer's share of K u is final and is used at once, while it is in the cache (`_finish`): the smoother's update, a
residual, an inner product. Layers that two blocks share are finished by the odd block, which runs later.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.compiled import barrier, inlined, kernel, next_piece
from spondyl.mechanics.operator import BUFFER, U, add_runs, clear_places


class Packed(NamedTuple):
    """All levels one after the other, finest first; `table` says where each begins."""

    table: NDArray[np.int64]
    """(levels + 1, 9): where each level's vectors, strides, elements, runs, blocks, layers, rows and held places begin;
    last its degree."""
    largest: NDArray[np.float64]
    """(levels,): largest eigenvalue of D^-1 K, slightly over-estimated."""
    axis_factor: NDArray[np.float32]
    """(levels, 3): what `inverse_diagonal` is multiplied by for each component."""
    coefficients: NDArray[np.float32]
    """(levels, materials, 15)."""
    modulus: NDArray[np.float32]
    inverse_diagonal: NDArray[np.float32]
    """One entry a node; 0 where no node is."""
    runs: NDArray[np.uint64]
    blocks: NDArray[np.uint64]
    layer_start: NDArray[np.uint64]
    layer_run: NDArray[np.uint64]
    layer_row: NDArray[np.uint64]
    layer_held: NDArray[np.uint64]
    """Where each node layer's held places begin."""
    rows: NDArray[np.uint64]
    """(n, 7): first fine node, length, 1 where it starts at an odd x, first coarse node of four rows (y, z)."""
    held: NDArray[np.uint64]
    """Places of held components in a vector, layer by layer."""
    inverse: NDArray[np.float32]
    """Dense inverse of the coarsest level."""
    b: NDArray[np.float32]
    x: NDArray[np.float32]
    r: NDArray[np.float32]
    d: NDArray[np.float32]
    q: NDArray[np.float32]
    partial: NDArray[np.float64]
    """One inner product a node layer of the finest level, four times."""


VECTOR, STRIDE, ELEMENT, RUN, BLOCK, LAYER, ROW, HELD, DEGREE = range(9)
PRODUCT, RESIDUAL, FIRST, AGAIN, MORE, LAST, BOTH, NEW, LAST_OF_TWO = range(9)
MODES = np.arange(9)
"""Modes are handed to `sweep` as entries of an array: for a constant Numba would compile it anew.

What `_finish` does with q = K u of a layer:
PRODUCT   inner product u . q (u in d)
RESIDUAL  r = b - q (u in x)
FIRST     second step from zero: r = b - q; d = beta d + alpha D^-1 r, x = d before + d
AGAIN     first step after the coarse correction: r = b - q; d = alpha D^-1 r, x += d
MORE      r -= q; d = beta d + alpha D^-1 r, x += d
LAST      the same and inner product b . x
Two steps need no residual between them, since d = alpha D^-1 r holds it; less is read and written:
BOTH      both steps from zero, the first of them in d: x = beta d - alpha D^-1 q
NEW       first step after the coarse correction: d = alpha D^-1 (b - q), x not yet changed
LAST_OF_TWO  both steps together: x += beta d - alpha D^-1 q, and inner product b . x
"""


class LevelPart(NamedTuple):
    """One level's slices of Packed."""

    b: Any
    x: Any
    r: Any
    d: Any
    q: Any
    modulus: Any
    inverse_diagonal: Any
    runs: Any
    blocks: Any
    layer_start: Any
    layer_run: Any
    layer_row: Any
    layer_held: Any
    rows: Any
    held: Any
    table: Any
    factor: Any
    stride: Any


@inlined
def level_part(h: Any, depth: int) -> Any:
    t, e = h.table[depth], h.table[depth + 1]
    vector = slice(t[VECTOR], e[VECTOR])
    layers = slice(t[LAYER], e[LAYER])
    return LevelPart(
        h.b[vector],
        h.x[vector],
        h.r[vector],
        h.d[vector],
        h.q[vector],
        h.modulus[t[ELEMENT] : e[ELEMENT]],
        h.inverse_diagonal[t[STRIDE] : e[STRIDE]],
        h.runs[t[RUN] : e[RUN]],
        h.blocks[t[BLOCK] : e[BLOCK]],
        h.layer_start[layers],
        h.layer_run[layers],
        h.layer_row[layers],
        h.layer_held[layers],
        h.rows[t[ROW] : e[ROW]],
        h.held[t[HELD] : e[HELD]],
        h.coefficients[depth],
        h.axis_factor[depth],
        U(e[STRIDE] - t[STRIDE]),
    )


@inlined
def _finish(mode: int, z: Any, a: Any, alpha: Any, beta: Any, partial: Any) -> None:
    for k in range(a.layer_held[z], a.layer_held[z + 1]):
        a.q[a.held[k]] = 0
    start, stop = a.layer_start[z], a.layer_start[z + 1]
    scale = a.inverse_diagonal[start:stop]
    total = 0.0
    for component in range(3):
        part = slice(U(component) * a.stride + start, U(component) * a.stride + stop)
        step = alpha * a.factor[component]
        b, x, r, d, q = a.b[part], a.x[part], a.r[part], a.d[part], a.q[part]
        if mode == PRODUCT:
            for i in range(len(q)):
                total += np.float64(d[i]) * np.float64(q[i])
        elif mode == RESIDUAL:
            for i in range(len(q)):
                r[i] = b[i] - q[i]
        elif mode == BOTH:
            for i in range(len(q)):
                x[i] = beta * d[i] - step * scale[i] * q[i]
        elif mode == NEW:
            for i in range(len(q)):
                d[i] = step * scale[i] * (b[i] - q[i])
        elif mode == LAST_OF_TWO:
            for i in range(len(q)):
                end = x[i] + beta * d[i] - step * scale[i] * q[i]
                x[i] = end
                total += np.float64(b[i]) * np.float64(end)
        elif mode == FIRST:
            for i in range(len(q)):
                residual = b[i] - q[i]
                before = d[i]
                change = beta * before + step * scale[i] * residual
                r[i] = residual
                d[i] = change
                x[i] = before + change
        elif mode == AGAIN:
            for i in range(len(q)):
                residual = b[i] - q[i]
                change = step * scale[i] * residual
                r[i] = residual
                d[i] = change
                x[i] += change
        elif mode == MORE:
            for i in range(len(q)):
                residual = r[i] - q[i]
                change = beta * d[i] + step * scale[i] * residual
                r[i] = residual
                d[i] = change
                x[i] += change
        else:
            for i in range(len(q)):
                end = x[i] + beta * d[i] + step * scale[i] * (r[i] - q[i])
                x[i] = end
                total += np.float64(b[i]) * np.float64(end)
    partial[z] = total


@kernel
def sweep(
    thread: int, threads: int, sync: Any, mode: int, u: Any, a: Any, alpha: Any, beta: Any, partial: Any, buffer: Any
) -> None:
    """q = K u, and each finished layer put to use. u may be what that use changes: x or d."""
    last = len(a.blocks) - 1
    for phase in range(2):
        piece = next_piece(sync, threads, np.int64(-1))
        while phase + 2 * piece <= last:
            block = phase + 2 * piece
            low, high = a.blocks[block, 4], a.blocks[block, 5]
            owns_high = phase == 1 or block == last
            if phase == 0:
                clear_places(a.q, a.stride, a.layer_start[low], a.layer_start[low + U(1)])
            for z in range(low, high):
                above = z + U(1)
                if above < high or phase == 0 or block == last:
                    clear_places(a.q, a.stride, a.layer_start[above], a.layer_start[above + U(1)])
                add_runs(u, a.q, a.modulus, a.stride, a.runs, a.layer_run[z], a.layer_run[above], a.table, buffer)
                if z > low or phase == 1 or low == 0:
                    _finish(mode, z, a, alpha, beta, partial)
            if owns_high:
                _finish(mode, high, a, alpha, beta, partial)
            piece = next_piece(sync, threads, piece)
        barrier(sync, threads)


@inlined
def start_smoothing(z: Any, a: Any, alpha: Any) -> None:
    """d = alpha D^-1 b in a layer: the first step where x is zero."""
    start, stop = a.layer_start[z], a.layer_start[z + 1]
    scale = a.inverse_diagonal[start:stop]
    for component in range(3):
        part = slice(U(component) * a.stride + start, U(component) * a.stride + stop)
        step = alpha * a.factor[component]
        b, d = a.b[part], a.d[part]
        for i in range(len(b)):
            d[i] = step * scale[i] * b[i]


@inlined
def alpha_of(step: int, largest: Any) -> Any:
    return np.float32((8 * step + 4) / (2 * step + 3) / largest)


@inlined
def _beta_of(step: int) -> Any:
    return np.float32((2 * step - 1) / (2 * step + 3))


@inlined
def restrict_layer(z: Any, fine: Any, coarse: Any, a: Any, c: Any, share: Any) -> None:
    """One coarse layer of P' fine, from the up to three fine layers that depend on it; held places stay zero."""
    half = fine.dtype.type(0.5)
    clear_places(coarse, c.stride, c.layer_start[z], c.layer_start[z + 1])
    for fine_z in range(max(2 * z - 1, 0), min(2 * z + 2, len(a.layer_start) - 1)):
        weight = half if fine_z == 2 * z else half * half
        target = U(3) if fine_z >= 2 * z else U(5)
        for row in range(a.layer_row[fine_z], a.layer_row[fine_z + 1]):
            start, length, odd = a.rows[row, 0], a.rows[row, 1], a.rows[row, 2]
            pairs = (length + odd) // U(2) + U(1)
            for component in range(3):
                source = fine[U(component) * a.stride + start : U(component) * a.stride + start + length]
                for i in range(pairs):
                    share[i] = 0
                for i in range((length - odd + U(1)) // U(2)):
                    share[odd + i] = weight * source[odd + U(2) * i]
                for i in range((length + odd) // U(2)):
                    between = half * weight * source[U(1) - odd + U(2) * i]
                    share[i] += between
                    share[i + U(1)] += between
                for corner in range(target, target + U(2)):
                    first = U(component) * c.stride + a.rows[row, corner]
                    place = coarse[first : first + pairs]
                    for i in range(pairs):
                        place[i] += share[i]
    for k in range(c.layer_held[z], c.layer_held[z + 1]):
        coarse[c.held[k]] = 0


@inlined
def prolong_layer(z: Any, fine: Any, coarse: Any, a: Any, c: Any, mean: Any) -> None:
    """One fine layer of fine += P coarse, trilinear; held places stay zero.

    A fine row lies on or midway between coarse rows: always the mean of four bases.
    """
    half = fine.dtype.type(0.5)
    for row in range(a.layer_row[z], a.layer_row[z + 1]):
        start, length, odd = a.rows[row, 0], a.rows[row, 1], a.rows[row, 2]
        pairs = (length + odd) // U(2) + U(1)
        for component in range(3):
            shift = U(component) * c.stride
            c00 = coarse[shift + a.rows[row, 3] : shift + a.rows[row, 3] + pairs]
            c10 = coarse[shift + a.rows[row, 4] : shift + a.rows[row, 4] + pairs]
            c01 = coarse[shift + a.rows[row, 5] : shift + a.rows[row, 5] + pairs]
            c11 = coarse[shift + a.rows[row, 6] : shift + a.rows[row, 6] + pairs]
            for i in range(pairs):
                mean[i] = half * half * ((c00[i] + c10[i]) + (c01[i] + c11[i]))
            target = fine[U(component) * a.stride + start : U(component) * a.stride + start + length]
            for i in range((length - odd + U(1)) // U(2)):  # on a coarse node along x
                target[odd + U(2) * i] += mean[odd + i]
            for i in range((length + odd) // U(2)):  # between two
                target[U(1) - odd + U(2) * i] += half * (mean[i] + mean[i + U(1)])
    for k in range(a.layer_held[z], a.layer_held[z + 1]):
        fine[a.held[k]] = 0


@inlined
def _weight_of_two(largest: Any) -> Any:
    """beta of BOTH and LAST_OF_TWO: the first step itself, and its share in the second's d and residual."""
    return np.float32(1) + _beta_of(1) + alpha_of(1, largest) / alpha_of(0, largest)


@kernel
def _down(thread: int, threads: int, sync: Any, h: Any, depth: int, buffer: Any, row: Any) -> None:
    """Smooth from zero, whose first step lies in d already, and hand the residual to the level below."""
    a, c = level_part(h, depth), level_part(h, depth + 1)
    largest, steps, zero = h.largest[depth], h.table[depth, DEGREE], np.float32(0)
    for step in range(1, steps):
        mode, beta = MORE, _beta_of(step)
        if step == 1:
            mode = FIRST
        if steps == 2:
            mode, beta = BOTH, _weight_of_two(largest)
        sweep(thread, threads, sync, MODES[mode], a.d, a, alpha_of(step, largest), beta, h.partial, buffer)
    sweep(thread, threads, sync, MODES[RESIDUAL], a.x, a, zero, zero, h.partial, buffer)
    first = alpha_of(0, h.largest[depth + 1])
    for z in range(thread, len(c.layer_start) - 1, threads):
        restrict_layer(z, a.r, c.b, a, c, row)
        start_smoothing(z, c, first)
    barrier(sync, threads)


@kernel
def _up(thread: int, threads: int, sync: Any, h: Any, depth: int, buffer: Any, row: Any) -> None:
    a, c = level_part(h, depth), level_part(h, depth + 1)
    largest, steps = h.largest[depth], h.table[depth, DEGREE]
    for z in range(thread, len(a.layer_start) - 1, threads):
        prolong_layer(z, a.x, c.x, a, c, row)
    barrier(sync, threads)
    mode = NEW if steps == 2 else AGAIN
    sweep(thread, threads, sync, MODES[mode], a.x, a, alpha_of(0, largest), np.float32(0), h.partial, buffer)
    for step in range(1, steps):
        mode, beta = MORE, _beta_of(step)
        if step == steps - 1:
            mode = LAST
        if steps == 2:
            mode, beta = LAST_OF_TWO, _weight_of_two(largest)
        sweep(thread, threads, sync, MODES[mode], a.d, a, alpha_of(step, largest), beta, h.partial, buffer)


@kernel
def solve_coarsest(h: Any) -> None:
    a = level_part(h, len(h.table) - 2)
    for row in range(len(a.x)):
        total = np.float32(0)
        for column in range(len(a.b)):
            total += h.inverse[row, column] * a.b[column]
        a.x[row] = total


@kernel
def cycle(thread: int, threads: int, sync: Any, h: Any, shared: int, buffer: Any, row: Any) -> None:
    """x = V b on the finest level, whose d holds the first smoothing step; the parts of b . x are left in `partial`.

    The `shared` finest levels are worked on by all threads, those below by the first while the others wait.
    """
    bottom = len(h.table) - 2
    shared = min(shared, bottom)
    for depth in range(shared):
        _down(thread, threads, sync, h, depth, buffer, row)
    if thread == 0:
        for depth in range(shared, bottom):
            _down(thread, np.int64(1), sync, h, depth, buffer, row)
        solve_coarsest(h)
        for depth in range(bottom - 1, shared - 1, -1):
            _up(thread, np.int64(1), sync, h, depth, buffer, row)
    barrier(sync, threads)
    for depth in range(shared - 1, -1, -1):
        _up(thread, threads, sync, h, depth, buffer, row)


@kernel
def row_buffer(h: Any) -> Any:
    longest = U(0)
    for row in range(len(h.rows)):
        longest = max(longest, h.rows[row, 1])
    return np.zeros(longest // U(2) + U(2), np.float32)


@kernel
def one_cycle(thread: int, threads: int, sync: Any, h: Any, shared: int) -> None:
    """The cycle by itself, for the right-hand side in the finest b."""
    a = level_part(h, 0)
    for z in range(thread, len(a.layer_start) - 1, threads):
        start_smoothing(z, a, alpha_of(0, h.largest[0]))
    barrier(sync, threads)
    if len(h.table) == 2:
        if thread == 0:
            solve_coarsest(h)
        return
    cycle(thread, threads, sync, h, shared, np.zeros(BUFFER, np.float32), row_buffer(h))


@inlined
def _start_vector(z: Any, a: Any) -> None:
    """A rough vector in r, the same each time: scrambled counts from -1 to 1; zero at held places and without nodes."""
    for component in range(3):
        start = U(component) * a.stride
        for place in range(a.layer_start[z], a.layer_start[z + 1]):
            scrambled = (start + place + U(1)) * U(11400714819323198485)
            value = np.float32(np.int32(scrambled >> U(40)) - np.int32(8388608)) * np.float32(1 / 8388608)
            a.r[start + place] = value if a.inverse_diagonal[place] > 0 else np.float32(0)
    for k in range(a.layer_held[z], a.layer_held[z + 1]):
        a.r[a.held[k]] = 0


@inlined
def _next_direction(z: Any, a: Any, beta: Any) -> None:
    """d = D^-1 r + beta d."""
    start, stop = a.layer_start[z], a.layer_start[z + 1]
    scale = a.inverse_diagonal[start:stop]
    for component in range(3):
        part = slice(U(component) * a.stride + start, U(component) * a.stride + stop)
        factor, r, d = a.factor[component], a.r[part], a.d[part]
        for i in range(len(r)):
            d[i] = factor * scale[i] * r[i] + beta * d[i]


@inlined
def _less_residual(z: Any, a: Any, alpha: Any, partial: Any) -> None:
    """r -= alpha q, and r . D^-1 r."""
    start, stop = a.layer_start[z], a.layer_start[z + 1]
    scale = a.inverse_diagonal[start:stop]
    total = 0.0
    for component in range(3):
        part = slice(U(component) * a.stride + start, U(component) * a.stride + stop)
        factor, r, q = a.factor[component], a.r[part], a.q[part]
        for i in range(len(r)):
            residual = r[i] - alpha * q[i]
            r[i] = residual
            total += np.float64(factor * scale[i] * residual) * np.float64(residual)
    partial[z] = total


@kernel
def lanczos(thread: int, threads: int, sync: Any, h: Any, depth: int, diagonal: Any, beside: Any) -> None:
    """Lanczos' tridiagonal matrix of D^-1 K, from conjugate gradients over D; zero from where they end early."""
    a = level_part(h, depth)
    buffer = np.zeros(BUFFER, np.float32)
    layers = len(a.layer_start) - 1
    parts = np.reshape(h.partial, (4, -1))
    products, squares = parts[0, :layers], parts[1, :layers]
    for z in range(thread, layers, threads):
        _start_vector(z, a)
        _less_residual(z, a, np.float32(0), squares)
        _next_direction(z, a, np.float32(0))
    barrier(sync, threads)
    square, alpha, beta = squares.sum(), 1.0, 0.0
    for step in range(len(diagonal)):
        if square <= 0:
            break
        zero = np.float32(0)
        sweep(thread, threads, sync, MODES[PRODUCT], a.d, a, zero, zero, products, buffer)
        before = alpha
        alpha = square / products.sum()
        for z in range(thread, layers, threads):
            _less_residual(z, a, np.float32(alpha), squares)
        if thread == 0:
            diagonal[step] = 1 / alpha + beta / before
        barrier(sync, threads)
        last, square = square, squares.sum()
        beta = square / last
        if thread == 0 and step < len(beside):
            beside[step] = np.sqrt(beta) / alpha
        for z in range(thread, layers, threads):
            _next_direction(z, a, np.float32(beta))
        barrier(sync, threads)
