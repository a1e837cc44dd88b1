"""The web page of `ttpo pick`: access, pending photos, previews, and the server. Only `server.py` knows Gradio."""
