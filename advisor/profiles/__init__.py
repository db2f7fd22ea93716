"""Profiles on disk: finding, reading, checking and starting them."""
