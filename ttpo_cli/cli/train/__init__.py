"""`ttpo train`: one command a method, and what is done with their runs."""
