"""Offline training: photographs in, a teacher and its distilled student out."""
