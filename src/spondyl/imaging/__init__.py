"""Files to values: CT and masks in, calibration, and the gate that bad input does not pass."""
