"""`ttpo picks` and `ttpo pick`: what people choose among candidates."""
