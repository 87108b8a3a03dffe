"""The server: an address that is held before anything is loaded, and uvicorn on it."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import uvicorn

from isoglot.errors import InputError
from isoglot.search.serve.app import create_app
from isoglot.search.serve.limits import Limits
from isoglot.search.serve.shelf import Shelf

__all__ = ["serve"]

logger = logging.getLogger(__name__)

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
LONGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, beyond which uvicorn ends it with status 400."""


def serve(
    open_indexes: Callable[[], Sequence[Any]],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    limits: Limits | None = None,
    allow: Collection[str] = (),
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve indexes until interrupted.

    Args:
        open_indexes: opens them; called once the address is known to be free.
        host: address or name to listen on; others than this machine's own let other machines in.
        port: 0 for any that is free.
        token: what requests must bring; None for nothing.
        limits: what one request may ask for, and how many may ask at once.
        allow: further names by which the server may be called while it listens to this machine alone, such as that
            of a proxy.
        ready: is told the address when the server is about to answer.

    Raises:
        InputError: the address cannot be listened on, or the indexes cannot be opened and searched.
    """
    with _listening(host, port) as listener:
        indexes = open_indexes()
        Shelf(indexes).warm()
        own = _is_loopback(listener)
        hosts = {*LOOPBACK, host.lower(), *allow} if own else None
        app = create_app(indexes, token=token, limits=limits, hosts=hosts)
        if not own and token is None:
            logger.warning("Anyone who reaches %s can search here: --token asks for a token", host)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # it would log what was asked
            server_header=False,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        )
        ready(_address(listener))
        with suppress(KeyboardInterrupt):  # the usual way to end it
            uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise InputError(f"--port {port} is no port: choose 1 to 65535, or 0 for any that is free")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise InputError(f"--host {host!r} is no address of this machine") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"cannot listen on port {port} of {host}: {reason}; choose another --port or --host"
        ) from None
    return listener


def _is_loopback(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
