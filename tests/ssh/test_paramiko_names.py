"""The event loop's transport replaces parts of paramiko. Another paramiko must not slip in unnoticed.

When this fails: read what changed between the versions in the named sources, carry over to bastion/targets/ what
matters (above all to LoopTransport._handle and to the packetizer), and only then write the new version and hashes here.
"""

from __future__ import annotations

import hashlib
import inspect

import paramiko
import pytest
from paramiko.auth_handler import AuthHandler
from paramiko.channel import Channel
from paramiko.compress import ZlibCompressor, ZlibDecompressor
from paramiko.packet import Packetizer
from paramiko.transport import Transport

from bastion.targets.loop_packetizer import LoopPacketizer
from bastion.targets.paramiko_names import KNOWN_VERSION

CLASSES = {each.__name__: each for each in (Transport, Packetizer, Channel)}
# What is replaced, or whose inner life matters: SHA-256 of the source, the first 16 digits.
KNOWN_SOURCES: dict[str, str] = {
    "Transport.__init__": "32526bf5422926b6",
    "Transport.start_client": "62054360b5da02e3",
    "Transport.run": "d658434778e57b94",
    "Transport._send_message": "0f365864aee09574",
    "Transport._send_user_message": "3faeba789bc6c033",
    "Transport._negotiate_keys": "a300d8c5ab7b2448",
    "Transport._check_banner": "b6aebd659ce8ff58",
    "Transport._send_kex_init": "2df1e57bcdb16a04",
    "Transport._parse_kex_init": "bbcf0a37f113a8d7",
    "Transport._activate_inbound": "8b9b2e254a9fbab2",
    "Transport._activate_outbound": "2879dc34cb6ccf31",
    "Transport._parse_newkeys": "0510151c03b937fd",
    "Transport._enforce_strict_kex": "cb9796fcef6603de",
    "Transport._ensure_authed": "513e037e3f5e6517",
    "Transport._auth_trigger": "7ee780dd29638109",
    "Transport.close": "122a86eda9458044",
    "Transport.stop_thread": "dcaa209f8934dcb8",
    "Transport.set_keepalive": "1d4e1f9c2a093bef",
    "Transport.global_request": "a9fa948bcaf435dc",
    "Packetizer.send_message": "34dee385d300fb4d",
    "Packetizer.read_message": "d5d2c6765cab09ef",
    "Packetizer.set_inbound_cipher": "6f797a65419ca6fa",
    "Packetizer.set_outbound_cipher": "927599b56046f711",
    "Packetizer.readline": "73b49b97a87a7991",
    "Channel._feed": "abae941985d903ec",
    "Channel._feed_extended": "b248e0f719199ab3",
    "Channel._window_adjust": "062609af9ce08066",
    "Channel._handle_request": "4dc690d36d0896f3",
    "Channel._handle_eof": "cceabf8e50eeb4e9",
    "Channel._handle_close": "88adce72f8046906",
    "Channel._set_closed": "57510e2247f8bbe4",
    "Channel._unlink": "ef720e55c78f3d17",
    "Channel._check_add_window": "47546c4b47ca1612",
}
PRIVATE_OF_TRANSPORT = [
    "_preferred_keys",
    "_channel_handler_table",
    "_check_banner",
    "_send_kex_init",
    "_expect_packet",
    "_enforce_strict_kex",
    "_parse_disconnect",
    "_parse_debug",
    "_parse_newkeys",
    "_parse_ext_info",
    "_send_message",
    "_send_user_message",
]
SET_BY_TRANSPORT = ["_expected_packet", "_handler_table", "_channels", "agreed_on_strict_kex", "active", "in_kex"]


def test_paramiko_is_the_version_that_was_read() -> None:
    assert paramiko.__version__ == KNOWN_VERSION


@pytest.mark.parametrize("name", KNOWN_SOURCES)
def test_what_is_replaced_is_what_was_read(name: str) -> None:
    owner, _, method = name.partition(".")
    source = inspect.getsource(getattr(CLASSES[owner], method))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == KNOWN_SOURCES[name]


@pytest.mark.parametrize("name", PRIVATE_OF_TRANSPORT)
def test_private_names_of_the_transport_exist(name: str) -> None:
    assert hasattr(Transport, name)


@pytest.mark.parametrize("name", SET_BY_TRANSPORT)
def test_private_names_are_set_by_the_transport(name: str) -> None:
    assert f"self.{name} = " in inspect.getsource(Transport.__init__)


@pytest.mark.parametrize("name", ["_handle_request", "_unlink", "_check_add_window", "_feed", "_feed_extended"])
def test_private_names_of_the_channel_exist(name: str) -> None:
    assert hasattr(Channel, name)


def test_private_names_of_the_rest_exist() -> None:
    assert hasattr(AuthHandler, "_handler_table")
    assert hasattr(ZlibCompressor(), "z")
    assert hasattr(ZlibDecompressor(), "z")


def test_the_packetizer_offers_what_the_transport_asks_of_it() -> None:
    source = inspect.getsource(paramiko.transport)
    # Only in methods that are replaced (run, close, stop_thread, set_keepalive, _send_message) or never called.
    elsewhere = {
        "write_all",
        "read_message",
        "start_handshake",
        "complete_handshake",
        "close",
        "closed",
        "set_keepalive",
        "send_message",
        "set_hexdump",
        "get_hexdump",
    }
    asked = {part.split("(")[0].split()[0].strip(":)") for part in source.split("self.packetizer.")[1:]}
    assert asked - elsewhere <= set(dir(LoopPacketizer))


def test_ciphers_are_set_with_the_names_that_the_packetizer_knows() -> None:
    for method in ("set_inbound_cipher", "set_outbound_cipher"):
        stock = set(inspect.signature(getattr(Packetizer, method)).parameters) - {"self"}
        ours = {"block_engine", "block_size", "mac_engine", "mac_size", "mac_key", "etm", "aead"}
        assert stock - {"sdctr", "iv_in", "iv_out"} == ours
