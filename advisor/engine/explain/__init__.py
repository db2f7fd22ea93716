"""Explain any figure of a recommendation from the tree alone."""

from __future__ import annotations

from advisor.engine.explain.explain import explain

__all__ = ["explain"]
