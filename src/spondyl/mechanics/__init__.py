"""Voxel finite elements: a block of bone in, stiffness and failure load out. Knows no vertebrae."""
