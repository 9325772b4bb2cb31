"""Lesions: found or given, then measured and typed.

place     where each voxel of a vertebra lies (part, layer under the surface, place across the body)
normal    what this patient's bone should look like there
search    where tumour explains the scan better than bone does
seeds     connected places of such evidence, grown to their edges
boundary  the edge: half-contrast
mixed     whether lytic and blastic tumour lie among each other
mimics    what else it could be
detect    all of this for one vertebra
given     lesions from a drawn mask
measure   a mask's type, size and parts
reach     what it has broken and touched
"""
