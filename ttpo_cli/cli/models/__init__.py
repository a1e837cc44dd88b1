"""`ttpo models`: what ttpo knows by name, and what of it is on this machine."""
