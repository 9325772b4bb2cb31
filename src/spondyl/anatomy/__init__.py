"""Names: levels, regions, sub-regions and who neighbours whom. No arrays here."""
