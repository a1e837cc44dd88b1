"""Where the page listens, and under which names it can be reached."""

import socket

from ttpo_cli.errors import UsageError

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # and how this machine itself gets there
_SOMEWHERE_ELSE = {"0.0.0.0": ("192.0.2.1", 9), "::": ("2001:db8::1", 9)}  # of the documentation (RFC 5737, 3849): nothing is sent there


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0: any that is free. Raises UsageError where the address cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(address[0]), port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot listen on --host {host} --port {port} ({reason}): choose others; --port 0 is any free one") from error


def reachable(host: str) -> list[str]:
    """The names to put into an address, first the one for this machine; bound to everything, also the one for others on its network."""
    if host not in _EVERYWHERE:
        return [f"[{host}]" if ":" in host else host]
    return [_EVERYWHERE[host], *_network_address(host)]


def _network_address(host: str) -> list[str]:
    """The address from which this machine would speak to others, if it has one: a UDP socket learns it without sending anything."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_SOMEWHERE_ELSE[host])
        except OSError:
            return []
        return reachable(asking.getsockname()[0])
