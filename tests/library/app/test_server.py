"""The server of the app, attacked: other names, other pages, other routes, odd requests, odd places to listen."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser

from largemodels.app import cli, pages, server
from largemodels.app.pages import AppConfig, Writer, gradio, page, serving

JOIN, DATA = "gradio_api/queue/join", "gradio_api/queue/data"


def wish(session: str, *changes: tuple[int, object], tokens: int = 5) -> dict:
    """The request for a text, with some of its values changed."""
    values: list[object] = ["a", "trained", "top-p", 0.8, 50, 0.95, tokens, 0]
    for place, value in changes:
        values[place] = value
    return {"fn_index": 0, "data": values, "session_hash": session}


def fetched(address: str, session: str) -> dict:
    """The last message about a text that was asked for."""
    last = {}
    with httpx.stream("GET", address + DATA, params={"session_hash": session}, timeout=60) as answer:
        for line in answer.iter_lines():
            message = json.loads(line[6:]) if line.startswith("data: ") else {}
            last = message if message.get("msg") == "process_completed" else last
    return last


# Which requests are answered.


def test_of_all_routes_only_those_of_the_page_are_open(writer: Writer, address: str) -> None:
    app = FastAPI(openapi_url=None)
    gradio().mount_gradio_app(app, page(writer), path="/")
    routes = app.routes[-1].app.openapi()["paths"]  # type: ignore[attr-defined]
    assert len(routes) > 50
    answered = set()
    with httpx.Client(base_url=address) as client:
        for route, methods in routes.items():
            path = re.sub(r"\{.*?\}", "x", route)
            for method in methods:
                body = {"content": b"{}"} if method == "post" else {}
                if "heartbeat" in path:  # answers for ever
                    continue
                if client.request(method, path, **body).status_code not in (403, 404, 405):
                    answered.add(f"{method} {route}")
    assert answered == {
        "get /",
        "head /",
        "get /config",
        "get /favicon.ico",
        "get /manifest.json",
        "get /robots.txt",
        "get /theme.css",
        "get /gradio_api/info",
        "post /gradio_api/cancel",
        "post /gradio_api/reset",
        "post /gradio_api/queue/join",
        "get /gradio_api/queue/data",
    }


@pytest.mark.parametrize(
    "path",
    ["upload", "component_server", "stream/x", "run/write", "run/predict", "api/write", "call/write"],
)
def test_what_no_page_needs_is_refused(address: str, path: str) -> None:
    for tried in (
        f"gradio_api/{path}",
        f"gradio_api/{path}/",
        f"gradio_api//{path}",
        f"gradio_api/%75{path[1:]}",
    ):
        answer = httpx.post(address + tried, files={"files": ("x.txt", b"x" * 1_000)})
        assert answer.status_code == 404, tried
    assert not [*Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*.txt")]


@pytest.mark.parametrize("path", ["file=/etc/passwd", "proxy=http://example.org/", "file/etc/passwd"])
def test_no_file_or_other_server_is_read(address: str, path: str) -> None:
    assert httpx.get(f"{address}gradio_api/{path}").status_code == 404


@pytest.mark.parametrize("folder", ["assets", "static", "static/img"])
@pytest.mark.parametrize("step", ["../", "%2e%2e/", "..%2f", "..%5c", "....//"])
def test_no_path_leads_out(address: str, folder: str, step: str) -> None:
    port = urlsplit(address).port
    for target in ("etc/passwd", "package.json"):
        request = (
            f"GET /{folder}/{step * 12}{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request.encode())
            answer = connection.makefile("rb").read()
        assert b" 40" in answer.splitlines()[0] and b"root:" not in answer, answer[:200]


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("127.0.0.1:{}", True),
        ("localhost:{}", True),
        ("LOCALHOST", True),
        ("[::1]:{}", True),
        ("evil.example", False),
        ("evil.example:{}", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost@evil.example", False),
        ("0.0.0.0:{}", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_only_its_own_names_are_answered(address: str, host: str, served: bool) -> None:
    host = host.format(urlsplit(address).port)
    for path in ("", "config", "assets/x.js", f"{DATA}?session_hash=x"):
        answer = httpx.get(address + path, headers={"Host": host})
        assert (answer.status_code != 403) == served, (path, answer.status_code)
    assert served or "start it with --host" in answer.text


def test_a_page_elsewhere_is_refused(address: str) -> None:
    """Also one of another server on this computer, of a file, and before it asks whether it may (CORS)."""
    own = address.rstrip("/")
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost",
        f"{own}.evil.example",
    ):
        for method, path in [
            ("GET", "config"),
            ("POST", JOIN),
            ("OPTIONS", JOIN),
            ("POST", "gradio_api/cancel"),
        ]:
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = httpx.request(method, address + path, headers=asked)
            assert answer.status_code == 403, (origin, path)
            assert not any(name.startswith("access-control") for name in answer.headers)
    assert httpx.get(f"{address}config", headers={"Origin": own}).status_code == 200


def test_a_name_given_with_host_is_answered() -> None:
    names = server.Guard(FastAPI(), "Models.example", n_values=(8, 10))
    assert names._ours("models.example:7860") and not names._ours("192.168.1.5")
    everywhere = server.Guard(FastAPI(), "0.0.0.0", everywhere=True, n_values=(8, 10))
    assert everywhere._ours("192.168.1.5:7860") and everywhere._ours(socket.gethostname())
    assert everywhere._ours("[fe80::1]:7860") and not everywhere._ours("evil.example")


def test_no_websocket_is_opened(address: str) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for path in (JOIN, "queue/join", "ws"):
        answer = httpx.get(address + path, headers=upgrade | {"Sec-WebSocket-Key": "x" * 22 + "=="})
        assert answer.status_code in (404, 405)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps(wish("s") | {"fn_index": 1}).encode(),
        json.dumps(wish("s") | {"fn_index": 99}).encode(),
        json.dumps(wish("s") | {"data": []}).encode(),
        json.dumps(wish("s") | {"data": None}).encode(),
        json.dumps(wish("s", (0, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}))).encode(),
        json.dumps(wish("s", (7, [[]]))).encode(),
        json.dumps(wish("")).encode(),
        json.dumps(wish("s") | {"session_hash": 3}).encode(),
        json.dumps(wish("s" * 1_000)).encode(),
    ],
)
def test_what_is_no_request_for_a_text_is_refused_in_a_line(address: str, body: bytes) -> None:
    answer = httpx.post(address + JOIN, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith(".")


def test_a_request_may_not_be_long(address: str) -> None:
    answer = httpx.post(address + JOIN, json=wish("s", (0, "a" * 2**20)))
    assert answer.status_code == 413
    assert answer.json() == {"detail": "The request is too long: 1,048,576 bytes are the most."}
    chunks = (b"a" * 2**16 for _ in range(2**10))  # whose length is not said before
    assert httpx.post(address + JOIN, content=chunks).status_code == 413


@pytest.mark.parametrize("value", ["null", "NaN", "Infinity", "1e400", "9" * 400, "9" * 5_000, '"\\ud800"'])
def test_odd_values_are_answered_in_a_line(address: str, value: str, capfd: pytest.CaptureFixture) -> None:
    for place in range(8):
        session = f"odd{place}"
        body = json.dumps(wish(session, (place, "HERE"))).replace('"HERE"', value)
        sent = httpx.post(address + JOIN, content=body, headers={"Content-Type": "application/json"})
        assert sent.status_code == 200
        found = fetched(address, session)
        assert found["success"], found
        text, state = found["output"]["data"]
        refused = text == {"__type__": "update"}  # the page keeps the text that it shows
        assert len(state.splitlines()) == 1 and (refused or state.startswith("Done")), (place, state)
    assert "Traceback" not in capfd.readouterr().err


# Texts for nobody.


def test_texts_that_nobody_fetches_are_not_written(models, monkeypatch) -> None:
    monkeypatch.setattr(pages, "_PATIENCE", 0.5)
    writer = Writer(models, AppConfig(max_tokens=50_000, at_once=1))
    written = []

    def write(*wishes: object) -> Iterator[tuple[str, str]]:
        written.append(wishes)
        yield "a", "Done"

    monkeypatch.setattr(writer, "write", write)
    with serving(writer) as address:
        for number in range(20):
            assert httpx.post(address + JOIN, json=wish(f"ghost{number}", tokens=50_000)).status_code == 200
        began = time.monotonic()
        httpx.post(address + JOIN, json=wish("reader"))
        assert fetched(address, "reader")["output"]["data"] == ["a", "Done"]
        assert time.monotonic() - began < 20, "a reader waits for texts that nobody reads"
    assert len(written) == 1


def test_a_text_whose_reader_leaves_is_not_finished(writer: Writer, address: str) -> None:
    httpx.post(address + JOIN, json=wish("leaver", tokens=50_000))
    with httpx.stream("GET", address + DATA, params={"session_hash": "leaver"}, timeout=60) as answer:
        assert any("tokens …" in line for line in answer.iter_lines())
        assert writer.running == 1
    end = time.monotonic() + 30
    while writer.running and time.monotonic() < end:
        time.sleep(0.05)
    assert writer.running == 0


# Where it listens.


@pytest.mark.parametrize("port", [0, -1, 65_536, 70_000, 10**20])
def test_a_port_that_cannot_be(port: int, monkeypatch, capsys) -> None:
    monkeypatch.setattr(cli, "_open", lambda name: pytest.fail("a model was loaded"))
    assert cli.run(["app", "-m", "x", "--port", str(port)]) == 2
    assert capsys.readouterr().err == f"Error: port must lie between 1 and 65535, not {port}.\n"


@pytest.mark.parametrize(
    "host", ["", "no.such.host.invalid", "a" * 300, "a..b", "x\0y", "http://localhost", "-1"]
)
def test_a_host_that_is_none(host: str, capsys) -> None:
    assert cli.run(["app", "-m", "x", f"--host={host}"]) == 1
    assert capsys.readouterr().err.startswith("Error: There is no address ")


def test_a_host_of_another_computer(capsys) -> None:
    assert cli.run(["app", "-m", "x", "--host", "192.0.2.1"]) == 1  # an address kept for documentation
    said = capsys.readouterr().err
    assert said.startswith("Error: The app cannot listen on 192.0.2.1, port 7860 (")
    assert said.endswith("--host must be an address of this computer.\n")


def test_ports_that_are_in_use_or_kept_for_others(monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            server.AppError, match=rf"port {port} \(.*\): choose another with --port, or leave"
        ):
            server.listen("127.0.0.1", port)
        monkeypatch.setattr(server, "PORTS", range(port, port + 1))
        with pytest.raises(server.AppError, match="are all in use: name one with --port"):
            server.listen("127.0.0.1", None)
    server.listen("127.0.0.1", port).close()  # once it is free, or another is named

    def refuse(family: int, address: str, port: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(server, "_bound", refuse)
    with pytest.raises(server.AppError, match=r"port 80 \(Permission denied\): choose one from 1024\.$"):
        server.listen("localhost", 80)


@pytest.mark.parametrize(
    ("host", "shown", "private"),
    [("127.0.0.1", "127.0.0.1", True), ("localhost", "localhost", True), ("0.0.0.0", "localhost", False)],
)
def test_the_address_that_is_shown_opens_the_app(host: str, shown: str, private: bool) -> None:
    assert server.is_private(host, None) == private
    with server.listen(host, None) as listening:
        address = server.address_of(listening, host)
        assert re.fullmatch(rf"http://{re.escape(shown)}:\d+/", address)
        socket.create_connection((shown, int(address.split(":")[2].rstrip("/")))).close()


# What is left behind.


def test_a_text_is_written_by_threads_that_python_waits_for(address: str) -> None:
    """Python ends a daemon in the middle of a token, and PyTorch aborts then: seen in one run of some."""
    httpx.post(address + JOIN, json=wish("waited", tokens=50_000))
    with httpx.stream("GET", address + DATA, params={"session_hash": "waited"}, timeout=60) as answer:
        assert any("tokens …" in line for line in answer.iter_lines()), "no text is written"
        workers = [thread for thread in threading.enumerate() if thread.name.startswith("AnyIO")]
        assert workers and not any(thread.daemon for thread in workers)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_it_is_stopped(run_folder: Path, tmp_path: Path, how: signal.Signals) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GRADIO_TEMP_DIR"}
    command = [
        sys.executable,
        "-c",
        "from largemodels.app.cli import main; main()",
        "app",
        "-m",
        str(run_folder),
    ]
    process = subprocess.Popen(
        [*command, "--tokens", "50000"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    address = re.search(r"http\S+", line)
    assert address, line
    name = str(run_folder)
    httpx.post(address[0] + JOIN, json=wish("s", (1, name), tokens=50_000))
    with httpx.stream("GET", address[0] + DATA, params={"session_hash": "s"}, timeout=60) as answer:
        lines = answer.iter_lines()
        assert any("tokens …" in line for line in lines), "no text is written"
        process.send_signal(how)  # in the middle of it
        code = process.wait(timeout=60)
    assert (code, process.stderr.read()) == (0, "")
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # no process of its session is left


def test_names_and_texts_are_no_markup(models, browser: Browser) -> None:
    evil = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
    with serving(Writer({evil: models["trained"]}, AppConfig())) as address:
        context = browser.new_context()
        visit = context.new_page()
        visit.goto(address)
        visit.locator("#prompt textarea").fill("<img src=x onerror=window.hacked=1>")
        visit.get_by_role("button", name="Write").click()
        state = visit.locator("#state textarea")
        state.wait_for()
        visit.wait_for_function("document.querySelector('#state textarea').value !== ''")
        assert state.input_value().startswith("No token for '<'")
        assert visit.get_by_label("Model").input_value() == evil
        assert visit.evaluate("window.hacked") is None
        context.close()
