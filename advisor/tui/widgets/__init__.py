"""Widgets that know nothing of accelerators."""
