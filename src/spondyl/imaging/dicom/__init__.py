"""DICOM: headers, the choice of a series, the stack of its slices, its pixels; segmentation objects."""
