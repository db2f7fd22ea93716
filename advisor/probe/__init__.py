"""The live probe: measures an OpenAI-compatible endpoint, within a budget."""
