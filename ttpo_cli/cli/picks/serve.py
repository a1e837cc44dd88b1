"""The page of `ttpo pick`, from its address to Ctrl-C. It loads Gradio, so it is imported once there is something to pick."""

import secrets
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path

from ttpo_cli.cli.terminal.console import Terminal, write_line
from ttpo_cli.pick_page.access import Gate, is_loopback
from ttpo_cli.pick_page.ports import listen, reachable
from ttpo_cli.pick_page.server import web_server


def serve(folder: Path, host: str, port: int, open_browser: bool, note: str, terminal: Terminal) -> None:
    """Listen, print the page's address, and answer until Ctrl-C. note: the line that follows the addresses."""
    with listen(host, port) as listener:
        gate = Gate(secrets.token_urlsafe(24), host, listener.getsockname()[1])
        server = web_server(folder, gate)
        addresses = [f"http://{name}:{gate.port}/?token={gate.token}" for name in reachable(host)]
        write_line(addresses[0])
        for address in addresses[1:]:
            terminal.say(f"from another device: {address}")
        if not is_loopback(host):
            terminal.warn(f"--host {host}: other machines can reach this page, unencrypted; whoever knows its address sees and picks")
        terminal.say(note)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(addresses[0],), daemon=True).start()
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
