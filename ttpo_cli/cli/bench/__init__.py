"""`ttpo bench`: one command a benchmark."""
