"""The command line: parser, commands, diagnostics."""
