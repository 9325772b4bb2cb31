"""The voxel solver on an NVIDIA GPU: an extra, found at run time. Importing this package touches no GPU library."""
