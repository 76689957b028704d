"""The server of the app: where it listens, which requests it answers, and for whom.

Gradio's server answers much that a page which writes texts does not need (uploads, files, a proxy), to every name
and for every other page that is open in the same browser. Here a request passes only if it is one of :data:`OPEN`, is
addressed to a name of this server, and comes from its own page.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PORTS = range(7860, 7960)  # tried in turn if no port is given
MOST_BYTES = 2**20  # of a request; the longest prompt that is read has some ten thousand characters
MOST_CONNECTIONS = 500  # at once; a page keeps one or two
_READ, _DATA, _JOIN = frozenset({"GET", "HEAD"}), "/gradio_api/queue/data", "/gradio_api/queue/join"
# What the page and the client of Gradio ask for. The paths that end with "/" stand for all below them.
OPEN = {
    "/": _READ,
    "/assets/": _READ,
    "/config": _READ,
    "/favicon.ico": _READ,
    "/gradio_api/cancel": frozenset({"POST"}),
    "/gradio_api/heartbeat/": _READ,
    "/gradio_api/info": _READ,
    _DATA: _READ,
    _JOIN: frozenset({"POST"}),
    "/gradio_api/reset": frozenset({"POST"}),
    "/manifest.json": _READ,
    "/robots.txt": _READ,
    "/static/": _READ,
    "/theme.css": _READ,
}
ASKED = "largemodels.asked"  # when a request came, by time.monotonic, in its ASGI scope


class AppError(RuntimeError):
    """The app cannot be started; the message says why and what to do."""


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Args:
        host: a name or an address of this computer; 0.0.0.0 or :: for all of its addresses.
        port: None: the first free one of :data:`PORTS`.

    Raises:
        ValueError: if there is no such port.
        AppError: if it cannot listen there.
    """
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"port must lie between 1 and 65535, not {port}.")
    bare = _bare(host)
    try:
        if not bare:
            raise ValueError("an empty name")
        family, _, _, _, place = socket.getaddrinfo(bare, None, type=socket.SOCK_STREAM)[0]
    except (OSError, ValueError):  # a ValueError for what no name can be
        raise AppError(
            f"There is no address {host!r}: name one of this computer, such as 127.0.0.1."
        ) from None
    for candidate in PORTS if port is None else [port]:
        try:
            return _bound(family, str(place[0]), candidate)
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                advice = {
                    errno.EADDRINUSE: "choose another with --port, or leave it out",
                    errno.EACCES: "choose one from 1024",
                    errno.EADDRNOTAVAIL: "--host must be an address of this computer",
                }.get(error.errno or 0, "choose another --host or --port")
                raise AppError(
                    f"The app cannot listen on {host}, port {candidate} ({error.strerror or error}): {advice}."
                ) from None
    raise AppError(
        f"On {host} the ports from {PORTS[0]} to {PORTS[-1]} are all in use: name one with --port."
    )


def _bound(family: int, address: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # a port may be used again at once; elsewhere the option allows two servers
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """The address to open in a browser."""
    bare = _bare(host)
    shown = "localhost" if is_everywhere(listening) else f"[{bare}]" if ":" in bare else bare
    return f"http://{shown}:{listening.getsockname()[1]}/"


def _bare(host: str) -> str:
    """A host without the brackets that an IPv6 address has in a link."""
    return host.strip().removeprefix("[").removesuffix("]")


def is_everywhere(listening: socket.socket) -> bool:
    """Whether it listens on all addresses of this computer."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_unspecified


def is_private(host: str, port: int | None) -> bool:
    """Whether only this computer could connect to a server there; raises what :func:`listen` raises."""
    with closing(listen(host, port)) as listening:
        return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


class Guard:
    """An ASGI application (https://asgi.readthedocs.io) that passes on to another what the page needs.

    Args:
        app: the other one.
        host: a name under which it is served, besides those of this computer.
        everywhere: whether it is served at all addresses of this computer, which then are among its names.
        n_values: number of values that the page sends to each of its functions.
    """

    def __init__(
        self, app: ASGIApp, host: str, *, everywhere: bool = False, n_values: tuple[int, ...]
    ) -> None:
        self.app, self.everywhere, self.n_values = app, everywhere, n_values
        self.names = {"localhost", "127.0.0.1", "::1", _bare(host).lower()}
        if everywhere:
            name = socket.gethostname().lower()
            self.names |= {name, f"{name}.local"}
        self.readers: Counter[str] = Counter()  # open connections that wait for results, by session

    def reads(self, session: str | None) -> bool:
        """Whether somebody is connected who would get this session's results."""
        return self.readers[session or ""] > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in one line."""
        from starlette.datastructures import Headers
        from starlette.responses import JSONResponse, PlainTextResponse

        if scope["type"] == "websocket":
            return await send({"type": "websocket.close"})  # before it is accepted: status 403
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        posted = scope["method"] == "POST"
        try:
            self._check(scope["method"], scope["path"], Headers(scope=scope))
            if posted:
                body = await _body(receive)
                receive = _again(self._wish(body) if scope["path"] == _JOIN else body, receive)
        except _Refused as refused:
            status, reason = refused.args
            answer = JSONResponse({"detail": reason}, status) if posted else PlainTextResponse(reason, status)
            return await answer(scope, receive, send)
        scope[ASKED] = time.monotonic()
        if scope["path"] != _DATA:
            scope["query_string"] = b""  # queries belong to features of Gradio that the page does not have
            return await self.app(scope, receive, send)
        session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
        self.readers[session] += 1
        try:
            await self.app(scope, receive, send)
        except RuntimeError:  # Gradio tells the client that there is no such session, and raises then
            await send({"type": "http.response.body"})
        finally:
            self.readers[session] -= 1
            if not self.readers[session]:
                del self.readers[session]
        return None

    def _check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Refuse a request to another name, from another page, or for what the page does not need."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._ours(host):  # the browser may have been led here from a foreign page: DNS rebinding
            raise _Refused(403, f"This app is not called {host[:80]!r}. To add a name, start it with --host.")
        if origin is not None and origin.lower().partition("://")[2] != host.lower():
            raise _Refused(403, "This app answers its own page only.")
        folders = (some for some in OPEN if some.endswith("/") and some != "/")
        methods = OPEN.get(next((some for some in folders if path.startswith(some)), path))
        if methods is None:
            raise _Refused(404, "There is no such page.")
        if method not in methods:
            raise _Refused(405, f"{method} cannot be used here.")

    def _wish(self, body: bytes) -> bytes:
        """A request for a text, reduced to what belongs to it. Gradio would take objects among the values for files."""
        try:
            # Python reads no integer of more than 4,300 digits; as a float it is infinite.
            asked = json.loads(body, parse_int=lambda digits: (int if len(digits) < 400 else float)(digits))
        except (ValueError, RecursionError):
            asked = None
        place = asked.get("fn_index") if isinstance(asked, dict) else None
        if type(place) is not int or not 0 <= place < len(self.n_values):
            raise _Refused(422, "This is no request for a text.")
        n_values, values, session = self.n_values[place], asked.get("data"), asked.get("session_hash")
        if not isinstance(values, list) or len(values) != n_values:
            raise _Refused(422, f"A request for a text has {n_values} values.")
        if any(isinstance(value, list | dict) for value in values):
            raise _Refused(422, "Each value must be a text, a number, or empty.")
        if not isinstance(session, str) or not 1 <= len(session) <= 64:
            raise _Refused(422, "A request for a text has the name of a session.")
        return json.dumps({"fn_index": place, "data": values, "session_hash": session}).encode()

    def _ours(self, host: str) -> bool:
        """Whether the header Host names this server."""
        with suppress(ValueError):  # of what is no host, or no address
            name = urlsplit(f"//{host}").hostname or ""
            return name in self.names or (self.everywhere and bool(ipaddress.ip_address(name)))
        return False


class _Refused(Exception):
    """A request that is not answered: the status of HTTP and the reason."""


async def _body(receive: Receive) -> bytes:
    """The body of a request. If it is too long, the rest is not read."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise _Refused(413, f"The request is too long: {MOST_BYTES:,} bytes are the most.")
        more = message.get("more_body", False)
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What an application receives of a request whose body has been read."""
    first = iter([body])

    async def again() -> Message:
        given = next(first, None)
        return await receive() if given is None else {"type": "http.request", "body": given}

    return again


@contextmanager
def running(app: ASGIApp, listening: socket.socket) -> Iterator[None]:
    """Run a server in a thread of its own until the block ends.

    Raises:
        AppError: if it does not start.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    # No daemon: its workers would be daemons, too, and Python, when it ends, would kill one in the middle of a token,
    # which PyTorch answers with an abort. So Python waits until the token is there.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=False)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise AppError("The server of the app ended as soon as it had started.")
            time.sleep(0.01)
        yield
    finally:
        # Pages that are open keep their connections; that they are cut now is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        server.should_exit = True
        thread.join(timeout=10)
