"""Synthetic spines and CT scans whose truth is known exactly."""
