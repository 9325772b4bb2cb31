"""The quality gate: each vertebra by itself, then the row; what does not pass is not assessed, with the reason."""
