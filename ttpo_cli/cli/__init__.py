"""The only code that speaks to people: one command a file."""
