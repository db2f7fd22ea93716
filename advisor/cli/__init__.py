"""The command line: parser, commands, plain-text rendering, diagnostics."""
