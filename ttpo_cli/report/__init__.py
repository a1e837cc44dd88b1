"""A Result as JSON, a contact sheet or an HTML page; returns data, writes only where asked to."""
