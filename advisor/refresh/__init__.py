"""Fresh prices and measurements from public sources, laid over the bundled catalog."""
