"""Pure functions from a profile and a catalog to a recommendation; no I/O, no clock, no environment."""
