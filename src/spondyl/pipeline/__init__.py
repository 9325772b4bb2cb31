"""The order of the work for one case. Composition only."""
