from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_rf import Broadcast
from flask_rf.broadcast.broker import Broker
from flask_rf.broadcast.http_api import ENDPOINTS
from flask_rf.broadcast.session import Member
from flask_rf.hooks import exempt_endpoints
from tests.broadcast.ears import Ear
from tests.broadcast.signing import signed
from tests.parts.processes import free_port
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess

EVENT = {"name": "order.shipped", "channels": ["orders"], "data": '{"id":7}'}

Call = Callable[..., TestResponse]


@pytest.fixture
def broadcast(app: Flask) -> Broadcast:
    return Broadcast(app, app_id="3", app_secret=["s3cret", "older"], max_event=1000)


@pytest.fixture
def call(app: Flask, broadcast: Broadcast) -> Call:
    """Makes a signed request of the app with the id 3."""
    client = app.test_client()

    def call(method: str, path: str, content: Any = None, **options: Any) -> TestResponse:
        return client.open(**signed(method, f"/apps/3{path}", content, **options))

    return call


@pytest.fixture(params=["memory", "redis"])
def broker(request: pytest.FixtureRequest, app: Flask) -> Broker:
    """Its broker, started, whichever it is."""
    if request.param == "redis":
        app.config["REDIS_URL"] = request.getfixturevalue("redis_server").url
    broadcast: Broadcast = request.getfixturevalue("broadcast")
    server = broadcast.compiled.server
    Ear(server.broker)
    request.addfinalizer(server.stop)
    return server.broker


def refused(response: TestResponse, status: int, sentence: str) -> bool:
    assert (response.status_code, response.mimetype) == (status, "text/plain"), response.text
    assert sentence in response.text, response.text
    return True


def test_an_event_is_published_as_it_was_written(call: Call, broadcast: Broadcast) -> None:
    with broadcast.fake() as sent:
        response = call("POST", "/events", {**EVENT, "channels": ["orders", "news"]})
    assert (response.status_code, response.json) == (200, {})
    [event] = sent.events
    assert (event.event, event.channels) == ("order.shipped", ("orders", "news"))
    assert (event.data, event.skip) == ({"id": 7}, "")


def test_data_that_is_no_json_is_passed_on_too(call: Call, broadcast: Broadcast) -> None:
    with broadcast.fake() as sent:
        call("POST", "/events", {**EVENT, "data": "plain text"})
    assert sent.events[0].data == "plain text"


def test_clients_receive_the_very_text_the_sdk_sent(
    app: Flask, call: Call, broadcast: Broadcast
) -> None:
    ear = Ear(broadcast.compiled.server.broker)
    sealed = '{"nonce":"n","ciphertext":"c"}'
    event = {"name": "e", "channel": "private-encrypted-a", "data": sealed}
    assert call("POST", "/events", event).status_code == 200
    message = json.loads(ear.wait_for(1)[0][1].payload)
    assert message == {"event": "e", "channel": "private-encrypted-a", "data": sealed}


def test_one_socket_may_be_left_out(call: Call, broadcast: Broadcast) -> None:
    with broadcast.fake() as sent:
        call("POST", "/events", {**EVENT, "socket_id": "12.34"})
    assert sent.events[0].skip == "12.34"


def test_a_batch_publishes_each_of_its_events(call: Call, broadcast: Broadcast) -> None:
    batch = [{"name": f"e{n}", "channel": f"c{n}", "data": str(n)} for n in range(10)]
    with broadcast.fake() as sent:
        response = call("POST", "/batch_events", {"batch": batch})
    assert (response.status_code, response.json) == (200, {})
    assert [(e.event, e.channels, e.data) for e in sent.events] == [
        (f"e{n}", (f"c{n}",), n) for n in range(10)
    ]


def test_one_bad_event_keeps_the_whole_batch_back(call: Call, broadcast: Broadcast) -> None:
    good = {"name": "e", "channel": "c", "data": "1"}
    with broadcast.fake() as sent:
        response = call("POST", "/batch_events", {"batch": [good, {**good, "channel": "a b"}]})
    assert refused(response, 400, "a channel name has")
    sent.assert_nothing_sent()


def test_publishing_tells_what_is_asked_of_the_channels(call: Call, broker: Broker) -> None:
    broker.join("presence-a", "1.1", Member("ann"), 100)
    broker.count("presence-a", 2), broker.count("b", 5)
    wait_until(lambda: len(broker.occupied()) == 2)
    info = "user_count,subscription_count"
    event = {**EVENT, "channels": ["presence-a", "b", "c"], "info": info}
    assert call("POST", "/events", event).json == {
        "channels": {
            "presence-a": {"user_count": 1, "subscription_count": 2},
            "b": {"subscription_count": 5},
            "c": {"subscription_count": 0},
        }
    }
    one = {"name": "e", "data": "1"}
    batch = [{**one, "channel": "b", "info": info}, {**one, "channel": "c"}]
    told = call("POST", "/batch_events", {"batch": batch}).json
    assert told == {"batch": [{"subscription_count": 5}, {}]}


def test_occupied_channels_are_listed(call: Call, broker: Broker) -> None:
    broker.join("presence-a", "1.1", Member("ann"), 100)
    broker.count("presence-a", 2), broker.count("b", 5), broker.count("#server-to-user-ann", 1)
    wait_until(lambda: len(broker.occupied()) == 3)
    assert call("GET", "/channels").json == {"channels": {"b": {}, "presence-a": {}}}
    told = call("GET", "/channels", filter_by_prefix="presence-", info="user_count").json
    assert told == {"channels": {"presence-a": {"user_count": 1}}}
    assert call("GET", "/channels", filter_by_prefix="x").json == {"channels": {}}


def test_one_channel_is_described(call: Call, broker: Broker) -> None:
    broker.count("chat", 2)
    wait_until(lambda: broker.occupied())
    assert call("GET", "/channels/other").json == {"occupied": False}
    told = call("GET", "/channels/chat", info="subscription_count").json
    assert told == {"occupied": True, "subscription_count": 2}


def test_a_cache_channels_last_event_is_told(call: Call, broker: Broker) -> None:
    empty = call("GET", "/channels/cache-a", info="cache").json
    assert empty == {"occupied": False, "cache": None}
    call("POST", "/events", {"name": "e", "channel": "cache-a", "data": '{"n":1}'})
    cache = call("GET", "/channels/cache-a", info="cache").json["cache"]
    assert cache["data"] == '{"n":1}'
    assert 1790 <= cache["ttl"] <= 1800


def test_the_users_of_a_presence_channel_are_listed(call: Call, broker: Broker) -> None:
    for socket_id, user in (("1.1", "ann"), ("1.2", "ann"), ("2.1", "bob")):
        broker.join("presence-a", socket_id, Member(user), 100)
    users = call("GET", "/channels/presence-a/users").json
    assert users == {"users": [{"id": "ann"}, {"id": "bob"}]}
    assert call("GET", "/channels/presence-b/users").json == {"users": []}


def test_a_user_is_ended_with_and_without_the_app_in_the_path(
    app: Flask, call: Call, broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(broadcast.compiled.server, "terminate", ended.append)
    assert call("POST", "/users/ann b/terminate_connections", {}).json == {}
    short = signed("POST", "/users/bob/terminate_connections", {})
    assert app.test_client().open(**short).json == {}
    assert ended == ["ann b", "bob"]


def test_every_secret_is_accepted(call: Call) -> None:
    assert call("GET", "/channels", secret="older").status_code == 200


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"key": "other"}, "auth_key"),
        ({"secret": "guessed"}, "auth_signature does not fit"),
        ({"auth_version": "2.0"}, "auth_version"),
        ({"auth_timestamp": "today"}, "auth_timestamp is no Unix time"),
        ({"auth_timestamp": "9" * 5000}, "auth_timestamp is no Unix time"),
        ({"body_md5": "00"}, "body_md5"),
    ],
)
def test_what_is_not_signed_well_is_refused(
    call: Call, options: dict[str, str], sentence: str
) -> None:
    assert refused(call("GET", "/channels", **options), 401, sentence)


@pytest.mark.parametrize("seconds", [-660, 660])
def test_a_request_cannot_be_replayed_outside_its_window(call: Call, seconds: int) -> None:
    late = call("POST", "/events", EVENT, at=time.time() + seconds)
    assert refused(late, 401, "more than 600 s off")
    assert call("POST", "/events", EVENT, at=time.time() + seconds * 0.9).status_code == 200


def test_another_body_under_the_same_signature_is_refused(app: Flask, broadcast: Broadcast) -> None:
    request = signed("POST", "/apps/3/events", EVENT)
    request["data"] = request["data"].replace(b"orders", b"others")
    response = app.test_client().open(**request)
    assert refused(response, 401, "body_md5 is not the MD5 of the body")


def test_a_body_that_the_signature_does_not_cover_is_refused(
    app: Flask, broadcast: Broadcast
) -> None:
    request = signed("POST", "/apps/3/events")
    request["data"] = json.dumps(EVENT)
    assert refused(app.test_client().open(**request), 401, "body_md5")


def test_a_signature_holds_for_its_path_alone(app: Flask, broadcast: Broadcast) -> None:
    request = signed("GET", "/apps/3/channels")
    request["path"] = "/apps/3/channels/chat"
    assert refused(app.test_client().open(**request), 401, "auth_signature")


def test_another_apps_id_is_not_found(app: Flask, broadcast: Broadcast) -> None:
    response = app.test_client().open(**signed("GET", "/apps/4/channels"))
    assert refused(response, 404, "BROADCAST_APP_ID")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "1 to 200 characters"),
        ({"name": "x" * 201}, "1 to 200 characters"),
        ({"name": 7}, "1 to 200 characters"),
        ({"name": "pusher:error"}, "the protocol's own"),
        ({"name": "pusher_internal:member_removed"}, "the protocol's own"),
        ({"data": {"id": 7}}, "'data' is no text"),
        ({"data": None}, "'data' is no text"),
        ({"channels": []}, "'channels'"),
        ({"channels": "orders"}, "'channels'"),
        ({"channels": [f"c{n}" for n in range(101)]}, "'channels'"),
        ({"channels": ["a b"]}, "a channel name has"),
        ({"channels": [["a"]]}, "a channel name has"),
        ({"channels": ["#control"]}, "may begin with #"),
        ({"channels": None}, "a channel name has"),
        ({"socket_id": "1"}, "'socket_id'"),
        ({"socket_id": 1.5}, "'socket_id'"),
        ({"info": "colour"}, "'info' may name cache"),
        ({"info": ["user_count"]}, "'info' may name"),
    ],
)
def test_an_event_against_the_rules_is_refused(
    call: Call, change: dict[str, Any], sentence: str
) -> None:
    assert refused(call("POST", "/events", {**EVENT, **change}), 400, sentence)


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 80_000])
def test_a_body_that_is_no_object_is_refused(call: Call, body: bytes) -> None:
    assert refused(call("POST", "/events", body), 400, "no JSON object")
    assert refused(call("POST", "/batch_events", body), 400, "no JSON object")


@pytest.mark.parametrize("batch", [None, [], "x", [1], [{}] * 11])
def test_a_batch_against_the_rules_is_refused(call: Call, batch: Any) -> None:
    assert refused(call("POST", "/batch_events", {"batch": batch}), 400, "batch")


@pytest.mark.parametrize(
    ("path", "query", "sentence"),
    [
        ("/channels", {"info": "user_count"}, "filter_by_prefix=presence-"),
        ("/channels/chat", {"info": "user_count"}, "presence channels only"),
        ("/channels/chat", {"info": "colour"}, "'info' may name"),
        ("/channels/a b", {}, "a channel name has"),
        ("/channels/chat/users", {}, "presence channels only"),
    ],
)
def test_questions_that_have_no_answer_are_refused(
    call: Call, path: str, query: dict[str, str], sentence: str
) -> None:
    assert refused(call("GET", path, **query), 400, sentence)


def test_data_over_the_limit_are_too_large(call: Call) -> None:
    assert call("POST", "/events", {**EVENT, "data": "ä" * 500}).status_code == 200
    large = call("POST", "/events", {**EVENT, "data": "ä" * 501})
    assert refused(large, 413, "BROADCAST_MAX_EVENT=1000")


def test_a_body_over_all_limits_is_not_even_read(call: Call) -> None:
    assert refused(call("POST", "/events", b"x" * 100_000), 413, "the body is larger")


def test_a_body_of_unknown_length_is_refused(app: Flask, broadcast: Broadcast) -> None:
    request = signed("POST", "/apps/3/events", EVENT)
    headers = {"Transfer-Encoding": "chunked"}
    response = app.test_client().open(**{**request, "data": None}, headers=headers)
    assert refused(response, 411, "Content-Length")


def test_half_a_surrogate_pair_harms_nobody(call: Call, broadcast: Broadcast) -> None:
    body = b'{"name":"e\\ud800","channel":"c","data":"x\\udfff"}'
    ear = Ear(broadcast.compiled.server.broker)
    assert call("POST", "/events", body).status_code == 200
    assert json.loads(ear.wait_for(1)[0][1].payload.decode())["data"] == "x?"


def test_without_redis_the_caller_is_told_to_try_again(app: Flask) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    broadcast = Broadcast(app, redis_url=url, app_secret=["s3cret"])
    client = app.test_client()
    for request in (
        signed("POST", "/apps/1/events", EVENT),
        signed("GET", "/apps/1/channels"),
        signed("POST", "/apps/1/users/ann/terminate_connections", {}),
    ):
        assert refused(client.open(**request), 503, "Redis does not answer")
    broadcast.compiled.server.stop()


def test_limits_and_logs_pass_over_the_api(app: Flask, broadcast: Broadcast) -> None:
    assert set(ENDPOINTS) <= exempt_endpoints(app)
    assert set(ENDPOINTS) <= set(app.view_functions)


def test_two_workers_see_the_same(app: Flask, redis_server: RedisProcess) -> None:
    apps = [app, Flask("shop")]
    servers = [
        Broadcast(each, redis_url=redis_server.url, app_secret=["s3cret"]).compiled.server
        for each in apps
    ]
    for server in servers:
        Ear(server.broker).broker.count("chat", 1)
    request = signed("GET", "/apps/1/channels/chat", info="subscription_count")
    told = {"occupied": True, "subscription_count": 2}
    for each in apps:
        client = each.test_client()
        wait_until(lambda client=client: client.open(**request).json == told)  # type: ignore[misc]
