from __future__ import annotations

import subprocess
import sys
from threading import Thread

import websocket
from flask import Flask
from flask_sock import Sock
from werkzeug.serving import make_server

from flask_rf import Compress


def test_importing_it_loads_no_codec_and_no_gevent() -> None:
    check = (
        "import sys, flask_rf.compression;"
        "print({'brotli', 'gevent', 'zlib_ng', 'backports.zstd'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


def test_rule_39_a_websocket_works_beside_compression(app: Flask) -> None:
    Compress(app, min_size=0)

    @Sock(app).route("/echo")
    def echo(socket) -> None:  # type: ignore[no-untyped-def]
        socket.send(socket.receive())

    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        client = websocket.create_connection(
            f"ws://127.0.0.1:{server.server_port}/echo",
            timeout=30,
            header=["Accept-Encoding: identity;q=0, gzip"],
        )
        client.send("hello")
        assert client.recv() == "hello"
        assert client.recv() == ""  # the server's close frame, and nothing encoded before it
        client.shutdown()
    finally:
        server.shutdown()
        server.server_close()
