"""Many people at once, on Dask."""
