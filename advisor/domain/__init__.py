"""What things are: pure types, free of I/O, of pandas and of any user interface."""
