"""How fast and how right the voxel solver is, beside other programs on the same mesh: `run.run`."""
