"""Lesions: found or given, then measured and typed.

place    where each voxel of a vertebra lies (depth, cell of its anatomy)
normal   what this patient's bone should look like there
detect   departures from it, as lesions
mimics   what else a departure could be
given    lesions from a drawn mask
measure  a mask's type, size, parts, cortex
"""
