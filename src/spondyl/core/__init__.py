"""Volume, errors, provenance and citations: what every room stands on."""
