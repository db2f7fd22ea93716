"""One job a module, each with its style sheet beside it."""
