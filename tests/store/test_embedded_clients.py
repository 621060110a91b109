"""Whether anybody else is at work with the embedded servers."""

import time
from pathlib import Path

import psycopg
import redis

from evalnb.store.embedded import postgres, valkey


def test_servers_at_rest_have_no_clients(own_home: Path) -> None:
    assert postgres.clients(own_home) == 0
    assert valkey.clients(own_home) == 0


def test_open_connections_are_counted_and_the_question_is_not(own_home: Path) -> None:
    url = postgres.ensure(own_home)
    socket = valkey.ensure(own_home).removeprefix("redis+socket://")
    assert postgres.clients(own_home) == 0
    with psycopg.connect(url), psycopg.connect(url):
        assert postgres.clients(own_home) == 2
    time.sleep(0.2)
    assert valkey.clients(own_home) == 0
    with redis.Redis(unix_socket_path=socket) as client:
        client.ping()
        assert valkey.clients(own_home) == 1
