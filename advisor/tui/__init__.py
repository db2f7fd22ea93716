"""The terminal program: it shows recommendations and computes none of their numbers."""
