"""Vertebra masks from a raw CT, by whichever program is installed."""
