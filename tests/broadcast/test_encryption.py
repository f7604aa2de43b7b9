from __future__ import annotations

import base64
import json

import pytest
from nacl.secret import SecretBox

from flask_rf.broadcast.encryption import master_key
from flask_rf.broadcast.encryption import seal
from flask_rf.broadcast.encryption import shared_secret

MASTER = bytes(range(32))


def test_what_is_sealed_is_opened_with_the_channels_secret_alone() -> None:
    sealed = json.loads(seal(MASTER, "private-encrypted-a", '{"x":1}'))
    nonce, ciphertext = (base64.b64decode(sealed[part]) for part in ("nonce", "ciphertext"))
    box = SecretBox(shared_secret(MASTER, "private-encrypted-a"))
    assert box.decrypt(ciphertext, nonce) == b'{"x":1}'
    assert shared_secret(MASTER, "private-encrypted-b") != bytes(box)


def test_half_a_surrogate_pair_is_sealed_as_a_question_mark() -> None:
    sealed = json.loads(seal(MASTER, "private-encrypted-a", '"\ud800"'))
    nonce, ciphertext = (base64.b64decode(sealed[part]) for part in ("nonce", "ciphertext"))
    box = SecretBox(shared_secret(MASTER, "private-encrypted-a"))
    assert box.decrypt(ciphertext, nonce) == b'"?"'


def test_a_nonce_is_used_once() -> None:
    assert seal(MASTER, "private-encrypted-a", "") != seal(MASTER, "private-encrypted-a", "")


def test_a_master_key_is_32_bytes_in_base64() -> None:
    assert master_key(base64.b64encode(MASTER).decode()) == MASTER
    assert master_key(MASTER) == MASTER
    for wrong in ("", "short", "!" * 44, base64.b64encode(b"x" * 31).decode(), b"x" * 33):
        with pytest.raises(ValueError, match="openssl rand -base64 32"):
            master_key(wrong)
