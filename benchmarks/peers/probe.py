"""Asks for a page again and again till its input ends; prints the latencies in seconds.

python -m benchmarks.peers.probe PORT PATH
"""

from __future__ import annotations

import json
import select
import sys
import time
from http.client import HTTPConnection


def main() -> None:
    connection = HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    latencies = []
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.005)[0]:
        began = time.perf_counter()
        connection.request("GET", sys.argv[2])
        response = connection.getresponse()
        response.read()
        latencies.append(time.perf_counter() - began)
        assert response.status == 200, response.status
    print(json.dumps(latencies))


if __name__ == "__main__":
    main()
