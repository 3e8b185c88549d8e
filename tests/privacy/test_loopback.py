"""The one test of whether a host is this machine: in doubt it is another one, and private text stays here."""

from __future__ import annotations

import pytest

from rpsg.privacy.egress import is_loopback


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8000", "localhost:65535"),
        *("127.0.0.1", "127.0.0.1:8000", "127.8.9.1", "127.255.255.255:1"),
        *("[::1]", "[::1]:80", "[0:0:0:0:0:0:0:1]", "[0000::0001]:80"),
    ],
)
def test_a_loopback_address_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", ":", ":80", "[", "[]", "[]:80"),
        *("::1", "::1:80", "0:0:0:0:0:0:0:1"),  # without brackets nobody can tell an address from its port
        *("[::]", "[::2]:9", "[::1", "::1]", "[::1]]", "[::1]80", "[::1%lo]", "[::1%25lo]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[127.0.0.1]", "[localhost]"),
        *("LOCALHOST", "LocalHost:80", "localhost.", "localhost.:80", "localhost.example.org", "localhost:"),
        *("my-localhost", "localhost.localdomain", "ip6-localhost", "localhosts"),
        *("127.1", "127.0.1", "127", "127.", "127.0.0.1.", "127.0.0.01", "127.0.0.256", "127.0.0.1.1"),
        *("0127.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "1127.0.0.1", "127.0.0.1.example.org"),
        *("0.0.0.0", "0", "10.0.0.1", "128.0.0.1", "192.168.0.1:80"),
        *("localhost:99999", "localhost:65536", "localhost:-1", "localhost:8o", "127.0.0.1:80:80"),
        *("http://localhost", "http://127.0.0.1:8000/v1", "//localhost", "localhost/", "localhost#a"),
        *(
            "http://localhost@evil",
            "localhost@evil",
            "evil@localhost",
            "me:key@127.0.0.1",
            "localhost:80@evil",
        ),
        *(" localhost", "localhost ", "localhost\n", "local\thost", "127.0.0.1\n", "local\u00adhost"),
        *("\uff11\uff12\uff17.0.0.1", "127.0.0.\u0661", "localhost:\u0661", "\u217cocalhost"),
        *("evil,localhost", "localhost,evil", "localhost;evil", "localhost\\evil", "localhost?evil"),
    ],
    ids=ascii,
)
def test_whatever_is_not_plainly_this_machine_is_another_one(host: str) -> None:
    assert not is_loopback(host)
