"""OpenStack Swift's S3 API in one process; run by the Python of Swift's own environment.

``python swift_server.py FOLDER PORT SECRET``: the proxy on PORT of loopback, and behind
it an account, a container and an object server, each on a ring of one device.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose modules have the names of packages

import eventlet  # noqa: E402

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.account.server import AccountController  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.storage_policy import POLICIES  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol  # noqa: E402
from swift.container.server import ContainerController  # noqa: E402
from swift.obj.server import ObjectController  # noqa: E402

# Nothing mends a listing whose update came too late, nor is there another server to ask.
PATIENCE = {"conn_timeout": "60", "node_timeout": "60", "container_update_timeout": "60"}

PROXY = """
[DEFAULT]
swift_dir = {folder}
user = {user}
log_level = WARNING
cors_allow_origin = *

[pipeline:main]
pipeline = catch_errors listing_formats s3api tempauth copy slo dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
conn_timeout = 60
node_timeout = 60
error_suppression_limit = 1000000

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
account_autocreate = true

[filter:s3api]
use = egg:swift#s3api
s3_acl = true
cors_preflight_allow_origin = *
check_bucket_owner = false
location = us-east-1

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:listing_formats]
use = egg:swift#listing_formats

[filter:copy]
use = egg:swift#copy

[filter:slo]
use = egg:swift#slo

[filter:dlo]
use = egg:swift#dlo
"""


def main(folder: Path, port: int, secret: str) -> None:
    utils.HASH_PATH_PREFIX = utils.HASH_PATH_SUFFIX = b"tests"
    user = Path(folder).owner()
    backends = {name: eventlet.listen(("127.0.0.1", 0)) for name in ("account", "container")}
    backends["object"] = eventlet.listen(("127.0.0.1", 0))
    for name, listener in backends.items():
        ring = name if name != "object" else POLICIES.default.ring_name
        make_ring(folder / f"{ring}.ring.gz", listener.getsockname()[1])
    (folder / "devices" / "disk").mkdir(parents=True)
    conf = {"devices": str(folder / "devices"), "swift_dir": str(folder), "mount_check": "false"}
    conf |= {"user": user, "log_level": "WARNING", **PATIENCE}
    servers = {"account": AccountController, "container": ContainerController}
    servers["object"] = ObjectController
    for name, listener in backends.items():
        eventlet.spawn(serve, listener, servers[name](conf, utils.get_logger(conf, name)))
    proxy = folder / "proxy-server.conf"
    proxy.write_text(PROXY.format(folder=folder, user=user, secret=secret))
    serve(eventlet.listen(("127.0.0.1", port)), loadapp(str(proxy)))


def make_ring(file: Path, port: int) -> None:
    builder = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    place = {"ip": "127.0.0.1", "port": port, "device": "disk"}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, **place})
    builder.rebalance()
    builder.get_ring().save(str(file))


def serve(listener: Any, app: Any) -> None:
    wsgi.server(listener, app, protocol=SwiftHttpProtocol, log_output=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
