"""One vertebra: its own frame, its sub-regions, its heights, and how it stands on its neighbours."""
