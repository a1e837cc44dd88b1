"""`ttpo restore`: a photo, a folder, or many of both."""
