"""The sections of the report, one function each: from the tree to blocks."""
