"""Charts as SVG: every series told apart by marker and dash as well as by colour, so that print in grey still reads."""
