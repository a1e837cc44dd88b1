"""The command line, and the only code that prints: one command a file."""
