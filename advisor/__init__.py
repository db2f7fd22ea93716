"""Which AI accelerators to rent or buy for an LLM-serving workload, and on what evidence."""

__version__ = "0.1.0"
