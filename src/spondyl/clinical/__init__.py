"""Rules over findings, as a guideline reads: SINS, urgency, classification. No arrays."""
