"""What settings may say of disks, and what is said to those who err."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_rf import ConfigurationError
from flask_rf import SetupError
from flask_rf import Storage
from flask_rf.cli import rf
from flask_rf.storage.memory import MemoryDriver
from flask_rf.storage.s3 import S3Driver
from flask_rf.storage.s3_client import Account

MEMORY = {"driver": "memory"}
SESAME = {"driver": "s3", "bucket": "b", "key": "k", "secret": "sesame"}


def account(storage: Storage, name: str = "s3") -> Account:
    driver = storage.disk(name).driver
    assert isinstance(driver, S3Driver)
    return driver._account


# --- Where disks come from ---


def test_without_a_word_there_is_a_local_disk_beside_the_app(app: Flask) -> None:
    disk = Storage(app).disk()
    assert (disk.name, disk.driver.describe()) == ("local", f"{app.instance_path}/storage")


def test_disks_can_be_declared_in_the_environment(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_DISKS", json.dumps({"a": MEMORY, "b": MEMORY}))
    monkeypatch.setenv("STORAGE_DEFAULT", "b")
    storage = Storage(app)
    assert (storage.disk().name, storage.disk("a").name) == ("b", "a")


def test_a_root_may_be_a_path_of_pythons(app: Flask, tmp_path: Path) -> None:
    disk = Storage(app, disks={"a": {"driver": "local", "root": tmp_path / "files"}}).disk()
    disk.put("a", b"tea")
    assert (tmp_path / "files" / "a").read_bytes() == b"tea"


def test_the_first_disk_is_the_default(app: Flask) -> None:
    assert Storage(app, disks={"b": MEMORY, "a": MEMORY}).disk().name == "b"


def test_a_bucket_alone_declares_a_disk_named_s3(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "BUCKET": "files",
        "KEY": "k",
        "SECRET": "s",
        "REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(f"STORAGE_S3_{name}", value)
    storage = Storage(app)
    assert storage.disk().driver.describe() == "the bucket 'files' at AWS"
    assert account(storage) == Account(None, "eu-west-1", "k", "s", False)


def test_what_the_settings_say_of_s3_goes_for_every_such_disk(app: Flask) -> None:
    app.config.update(STORAGE_S3_KEY="k", STORAGE_S3_SECRET="s", STORAGE_S3_TIMEOUT=9)
    cloud = {"driver": "s3", "bucket": "b", "endpoint": "http://localhost:9000/", "timeout": 3}
    storage = Storage(app, disks={"cloud": cloud, "aws": {"driver": "s3", "bucket": "c"}})
    own = account(storage, "cloud")
    assert own == Account("http://localhost:9000", "us-east-1", "k", "s", True, timeout=3)
    assert account(storage, "aws").timeout == 9


def test_only_aws_is_asked_for_checksums_it_alone_knows() -> None:
    assert Account().is_aws
    assert Account("https://s3.eu-west-1.amazonaws.com").is_aws
    assert not Account("https://amazonaws.com.example.com").is_aws
    assert not Account("http://localhost:9000").is_aws


class Tape(MemoryDriver):
    """A driver of somebody's own."""

    def __init__(self, reel: int) -> None:
        super().__init__()
        self.reel = reel


def test_a_later_driver_is_a_class(app: Flask) -> None:
    storage = Storage(app, disks={"tape": {"driver": Tape, "reel": 7, "serve": True}})
    storage.put("a", b"tea", visibility="public")
    assert storage.get("a") == b"tea"
    assert app.test_client().get(storage.url("a")).data == b"tea"
    assert storage.disk().driver.reel == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "endpoint",
    ["http://minio:9000", "http://[::1]:9000/s3", "http://10.0.0.1", "https://s3.eu."],
)
def test_an_endpoint_is_any_host(app: Flask, endpoint: str) -> None:
    storage = Storage(app, disks={"cloud": SESAME | {"endpoint": endpoint}})
    assert storage.url("a") == f"{endpoint}/b/a"


# --- Mistakes ---

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no mapping": ({"disks": "uploads"}, "write a mapping, as JSON"),
    "no driver": ({"disks": {"a": {"root": "/x"}}}, 'write {"NAME": {"driver": "local"'),
    "a strange name": ({"disks": {"a/b": MEMORY}}, "name a disk with 1 to 64 letters"),
    "an unknown driver": (
        {"disks": {"a": {"driver": "ftp"}}},
        r"STORAGE_DISKS['a']['driver']='ftp': write local, memory, s3, scoped, read_only or "
        "read_through, or give a class derived from Driver",
    ),
    "no class of ours": ({"disks": {"a": {"driver": dict}}}, "give a class derived from Driver"),
    "a driver that takes no such option": (
        {"disks": {"a": {"driver": Tape, "real": 7}}},
        "unexpected keyword argument 'real'",
    ),
    "a misspelt option": (
        {"disks": {"a": {"driver": "local", "rot": "/x"}}},
        "STORAGE_DISKS['a']['rot']=(hidden): no such option; write root",
    ),
    "an option missing": (
        {"disks": {"a": {"driver": "local"}}},
        "STORAGE_DISKS['a']['root']=None: a local disk needs it",
    ),
    "a bucket missing": ({"disks": {"a": {"driver": "s3"}}}, "a s3 disk needs it"),
    "a root that only a shell understands": (
        {"disks": {"a": {"driver": "local", "root": "~/uploads"}}},
        "STORAGE_DISKS['a']['root']='~/uploads': write the directory's path in full",
    ),
    "a root that no file system takes": (
        {"disks": {"a": {"driver": "local", "root": "/srv/\0"}}},
        "write the directory's path in full",
    ),
    "a value that cannot be meant": (
        {"disks": {"a": MEMORY | {"visibility": "secret"}}},
        "STORAGE_DISKS['a']['visibility']='secret': write public or private",
    ),
    "an endpoint without a scheme": (
        {"disks": {"a": {"driver": "s3", "bucket": "b", "endpoint": "localhost:9000"}}},
        "write a URL like https://",
    ),
    "an endpoint that boto3 refuses": (
        {"disks": {"a": {"driver": "s3", "bucket": "b", "endpoint": "http://files..example"}}},
        "write a URL like https://",
    ),
    "an endpoint with an underscore": (
        {"s3_bucket": "b", "s3_endpoint": "http://my_minio:9000"},
        "s3_endpoint='http://my_minio:9000' (from the argument): name a host without _",
    ),
    "a bucket that cannot be one": (
        {"disks": {"a": {"driver": "s3", "bucket": "our files"}}},
        "STORAGE_DISKS['a']['bucket']='our files': name a bucket with letters",
    ),
    "a region that cannot be one": ({"s3_region": "eu west 1"}, "write a region like eu-west-1"),
    "what a later driver is served by": (
        {"disks": {"a": {"driver": MemoryDriver, "serve": "perhaps"}}},
        "STORAGE_DISKS['a']['serve']='perhaps': write true or false",
    ),
    "a key without a secret": (
        {"disks": {"a": {"driver": "s3", "bucket": "b", "key": "k"}}},
        "give both key and secret, or neither",
    ),
    "an unknown disk": (
        {"disks": {"files": MEMORY, "a": {"driver": "read_only", "disk": "fils"}}},
        "STORAGE_DISKS['a']['disk']='fils': no such disk; write files",
    ),
    "a circle": (
        {
            "disks": {
                "a": {"driver": "read_only", "disk": "b"},
                "b": {"driver": "scoped", "disk": "a", "prefix": "x"},
            }
        },
        "name a disk that this one is no part of",
    ),
    "a prefix that leads out": (
        {"disks": {"f": MEMORY, "a": {"driver": "scoped", "disk": "f", "prefix": "../x"}}},
        ".. leads elsewhere",
    ),
    "a default that is none": (
        {"disks": {"a": MEMORY}, "default": "b"},
        "STORAGE_DEFAULT='b': name one of the disks: a",
    ),
    "a path prefix": ({"url_prefix": "files and more"}, "write a path like /storage"),
    "a base URL": ({"base_url": "shop.example"}, "write a URL like https://files.example.com"),
    "an empty key": (
        {"signing_keys": ["new", ""]},
        "signing_keys=(hidden) (from the argument): leave no key empty",
    ),
    "no attempt": ({"s3_attempts": 0}, "write a whole number of at least 1"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_sentence_that_names_the_mend(app: Flask, mistake: str) -> None:
    options, mend = MISTAKES[mistake]
    with pytest.raises(ConfigurationError) as caught:
        Storage(app, **options)
    assert mend in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "rf_storage" not in app.extensions


def test_s3_without_boto3_names_what_to_install(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"install flask-rf\[s3\] for it"):
        Storage(app, disks={"cloud": SESAME})


@pytest.mark.parametrize("setting", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_a_key_that_is_no_text_is_refused(app: Flask, setting: str) -> None:
    app.config[setting] = 12345 if setting == "SECRET_KEY" else ["old", 12345]
    with pytest.raises(ConfigurationError, match="SECRET_KEY=.hidden.*write it as text, in quotes"):
        Storage(app, disks={"files": MEMORY}).temporary_url("a", 60)


def test_secrets_are_never_shown(app: Flask) -> None:
    storage = Storage(app, disks={"cloud": SESAME}, s3_secret="sesame")
    with app.app_context():
        shown = app.test_cli_runner().invoke(rf, ["config"]).output
    assert "STORAGE_DISKS" in shown
    shown += f"{storage.compiled} {storage.disk().driver} {vars(storage.disk().driver)}"
    assert "sesame" not in shown
    for wrong in ({**SESAME, "secret": ["sesame"]}, {**SESAME, "sekret": "sesame"}):
        with pytest.raises(ConfigurationError) as caught:
            Storage(Flask("other"), disks={"cloud": wrong})
        assert "sesame" not in str(caught.value)


def test_a_disk_that_is_not_there_is_named_with_those_that_are(app: Flask) -> None:
    storage = Storage(app, disks={"a": MEMORY, "b": MEMORY})
    with pytest.raises(SetupError, match="there is no disk 'c': there are a, b"):
        storage.disk("c")
