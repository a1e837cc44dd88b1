"""One metric, one file, one function; the catalog is a plain dict."""
