"""The terminal: data on stdout; notes, tables, pictures and progress on stderr; keys; and how an error is shown."""
