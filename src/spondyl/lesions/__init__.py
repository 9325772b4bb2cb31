"""Lesions: found or given, then measured and typed."""
