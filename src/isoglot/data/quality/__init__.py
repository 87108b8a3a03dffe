"""The quality of collections: repeated texts, suspicious language tags, and texts that leak into a test."""

from isoglot.data.quality.leakage import Leakage, Overlap, find_leakage

__all__ = ["Leakage", "Overlap", "find_leakage"]
