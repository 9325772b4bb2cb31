"""The spinal canal: its cross-section, and what has been lost of it."""
