"""The slow, readable load curve: eight integration points an element, assembled and factorised, Newton's method.

It shares the strain-displacement matrix with the package and nothing else: the return to the yield surface is found by
bisection, its tangent by finite differences.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from spondyl.mechanics.element import corner_signs, elasticity, strain_displacement

TRACE = np.array([1.0, 1, 1, 0, 0, 0])
DIFFERENCE = 1e-7


class Material:
    """Drucker-Prager with linear softening; arrays (points,), strains (points, 6) with shear angles."""

    def __init__(self, modulus, poisson_ratio, compression, tension, residual=1.0, softening_strain=np.inf):
        self.modulus, self.law = modulus, elasticity(poisson_ratio)
        self.a = (compression - tension) / (compression + tension)
        self.k = 2 * compression * tension / (compression + tension)
        self.residual, self.softening_strain = residual, softening_strain

    def strength(self, equivalent):
        return self.k * np.maximum(1 - (1 - self.residual) * equivalent / self.softening_strain, self.residual)

    def update(self, strain, plastic, equivalent):
        """Stress, plastic strain and equivalent plastic strain after the strain is reached in one step."""
        trial = self.modulus[:, None] * ((strain - plastic) @ self.law)
        shear = self.modulus * self.law[3, 3]
        bulk = self.modulus * (self.law[0, 0] + 2 * self.law[0, 1]) / 3
        i1 = trial @ TRACE
        deviator = trial - i1[:, None] / 3 * TRACE
        q = np.sqrt(1.5 * (deviator**2 @ np.array([1, 1, 1, 2, 2, 2])))

        def excess(flow):
            softened = self.strength(equivalent + (1 - self.a) * flow)
            return np.maximum(q - 3 * shear * flow, 0) + self.a * (i1 - 9 * bulk * self.a * flow) - softened

        low, high = np.zeros_like(q), np.full_like(q, 1.0)
        for _ in range(50):
            middle = (low + high) / 2
            outside = excess(middle) > 0
            low, high = np.where(outside, middle, low), np.where(outside, high, middle)
        flow = np.where(excess(np.zeros_like(q)) > 0, (low + high) / 2, 0.0)
        kept = np.maximum(q - 3 * shear * flow, 0) / np.maximum(q, 1e-300)
        stress = kept[:, None] * deviator + ((i1 - 9 * bulk * self.a * flow) / 3)[:, None] * TRACE
        elastic = (stress @ np.linalg.inv(self.law)) / self.modulus[:, None]
        return stress, strain - elastic, equivalent + (1 - self.a) * flow

    def tangent(self, strain, plastic, equivalent):
        """(points, 6, 6) by central differences."""
        columns = []
        for entry in range(6):
            change = DIFFERENCE * np.eye(6)[entry]
            high = self.update(strain + change, plastic, equivalent)[0]
            low = self.update(strain - change, plastic, equivalent)[0]
            columns.append((high - low) / (2 * DIFFERENCE))
        return np.stack(columns, axis=2)


def reference_curve(model, plasticity, steps, *, b_bar=False, band_mm=1.0, tolerance=1e-6):
    """Reactions (steps, 3) on the upper face of a model whose displacements are multiplied by each of `steps`."""
    solid = np.argwhere(model.modulus_mpa > 0)
    corners = solid[:, None, :] + (corner_signs() > 0)
    shape = model.held.shape[1:]
    number = np.ravel_multi_index(np.moveaxis(corners, 2, 0), shape)
    used, local = np.unique(number, return_inverse=True)
    unknown = (3 * local.reshape(number.shape)[:, :, None] + np.arange(3)).reshape(-1, 24)
    held = model.held.reshape(3, -1)[:, used].T.ravel()
    moved = np.where(model.held, model.displacement_mm, 0).reshape(3, -1)[:, used].T.ravel()
    upper = (np.unravel_index(used, shape)[2] == shape[2] - 1).repeat(3)

    points = corner_signs() / np.sqrt(3)
    b = np.array([strain_displacement(point, model.spacing_mm) for point in points])
    if b_bar:  # the volume change of the centre at every point: no locking where yielding bone keeps its volume
        b[:, :3] += (strain_displacement(np.zeros(3), model.spacing_mm) - b)[:, :3].sum(axis=1)[:, None] / 3
    weight = np.prod(model.spacing_mm) / 8
    each = [
        field[tuple(solid.T)].repeat(8)
        for field in (model.modulus_mpa, plasticity.compression_mpa, plasticity.tension_mpa)
    ]
    softening = plasticity.softening_strain * band_mm / np.cbrt(np.prod(model.spacing_mm))
    material = Material(each[0], model.poisson_ratio, each[1], each[2], plasticity.residual_share, softening)
    plastic, equivalent = np.zeros((len(each[0]), 6)), np.zeros(len(each[0]))
    size = 3 * len(used)
    u = np.zeros(size)
    free = ~held
    forces, before, last = [], np.zeros(size), 0.0
    for factor in steps:
        u, before = u + (u - before) * ((factor - last) / last if last else 0), u.copy()
        u[held] = factor * moved[held]
        last = factor
        correction, share = np.zeros(size), 1.0
        start, size_before = u, np.inf
        for _ in range(100):
            u = start + share * correction
            strain = np.einsum("pij,ej->epi", b, u[unknown]).reshape(-1, 6)
            stress, new_plastic, new_equivalent = material.update(strain, plastic, equivalent)
            nodal = weight * np.einsum("pij,epi->ej", b, stress.reshape(-1, 8, 6))
            force = np.bincount(unknown.ravel(), nodal.ravel(), minlength=size)
            unbalanced = np.linalg.norm(force[free])
            if unbalanced < tolerance * np.linalg.norm(force[held]):
                break
            if unbalanced > size_before and share > 0.1:
                share /= 2
                continue
            tangent = material.tangent(strain, plastic, equivalent).reshape(-1, 8, 6, 6)
            element = weight * np.einsum("pik,epij,pjl->ekl", b, tangent, b, optimize=True)
            rows = np.broadcast_to(unknown[:, :, None], element.shape).ravel()
            columns = np.broadcast_to(unknown[:, None, :], element.shape).ravel()
            matrix = sparse.coo_array((element.ravel(), (rows, columns)), shape=(size, size)).tocsc()
            start, size_before, share = u, unbalanced, 1.0
            correction = np.zeros(size)
            correction[free] = -spsolve(matrix[free][:, free], force[free])
        else:
            raise AssertionError(f"the reference found no balance at {factor}")
        plastic, equivalent = new_plastic, new_equivalent
        forces.append(force[upper].reshape(-1, 3).sum(axis=0))
    return np.array(forces)
