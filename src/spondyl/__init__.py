"""Spondyl: metastatic tumours of the spine, from CT to findings. Research software, not a medical device."""

from importlib.metadata import version

__version__ = version("spondyl")
