"""The web page of `ttpo pick`: who may ask, what waits, the pictures to show, and the server. Only `server.py` knows Gradio."""
