"""Add a host, with the login to use on it and the keys to trust, for scripts."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from bastion.targets.scan import scan_host_keys
from bastion.targets.target import TargetError
from hosts import validation
from hosts.credentials import CredentialError, store_secret
from hosts.destinations import validate_address
from hosts.host_keys import HostKeyError, ParsedKey, parse_fingerprint, pin
from hosts.inventory import InventoryConflict, store
from hosts.models import Credential, Host, HostKey

_MOST_KEY_BYTES = 32_768
_LAST_PORT = 65_535


class Command(BaseCommand):
    help = (
        "Adds a host. Without --password-stdin or --key-file it has no login yet. Secrets are read from standard input"
        " or a file, never from the command line. Run again with the same address, it completes what is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("address", help="host name or IP address")
        parser.add_argument("--port", type=int, default=22)
        parser.add_argument("--user", default="", help="login name on the host")
        parser.add_argument("--group", action="append", default=[], help="host group; made if there is none")
        secret = parser.add_mutually_exclusive_group()
        secret.add_argument("--password-stdin", action="store_true", help="the first line of standard input")
        secret.add_argument("--key-file", type=Path, help="private key")
        parser.add_argument(
            "--passphrase-stdin",
            action="store_true",
            help="passphrase of --key-file: the first line of standard input",
        )
        keys = parser.add_mutually_exclusive_group()
        keys.add_argument("--pin", metavar="FINGERPRINT", action="append", default=[], help="SHA256:… to trust")
        keys.add_argument("--pin-scan", action="store_true", help="trust the keys that the host shows; compare them!")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        try:
            self._check(options)
            with transaction.atomic():
                host = self._store_host(options)
                for fingerprint in options["pin"]:
                    key = ParsedKey("", parse_fingerprint(fingerprint))
                    pin(host, key, HostKey.Source.FINGERPRINT, None)
            if options["pin_scan"]:
                self._pin_scanned(host)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except CredentialError as error:
            raise CommandError(f"{error.field}: {error}") from None
        except (HostKeyError, InventoryConflict) as error:
            raise CommandError(str(error)) from None
        self.stderr.write(f"{host.name} ({host.address} port {host.port}) is there: {host.pk}")

    def _check(self, options: dict[str, Any]) -> None:
        if not 1 <= options["port"] <= _LAST_PORT:
            raise CommandError(f"--port: expected 1 to {_LAST_PORT}, got {options['port']}")
        wants_login = options["password_stdin"] or options["key_file"]
        if bool(options["user"]) != bool(wants_login):
            raise CommandError("expected --user together with --password-stdin or --key-file")
        if options["passphrase_stdin"] and not options["key_file"]:
            raise CommandError("--passphrase-stdin: expected --key-file with it")
        validate_address(options["address"])
        for fingerprint in options["pin"]:
            parse_fingerprint(fingerprint)

    def _store_host(self, options: dict[str, Any]) -> Host:
        host = Host.objects.filter(name=options["name"], retired_at__isnull=True).first()
        if host is None:
            host = Host(name=validation.clean_name(options["name"], None, Host), address=options["address"])
            host.port = options["port"]
        elif (host.address, host.port) != (options["address"], options["port"]):
            raise CommandError(f"{host.name} is there already, with {host.address} port {host.port}")
        if options["user"]:
            host.credential = self._store_credential(host, options)
        groups = [validation.group_called(name) for name in options["group"]]
        for group in groups:
            if group._state.adding:  # noqa: SLF001 - as Model.save does
                store(group, actor=None)
        known = [] if host._state.adding else list(host.groups.all())  # noqa: SLF001
        store(host, actor=None, related={"groups": {*known, *groups}})
        return host

    def _store_credential(self, host: Host, options: dict[str, Any]) -> Credential:
        name = f"{options['user']}@{options['name']}"[:100]
        credential = host.credential or Credential.objects.filter(name=name).first()
        if credential is None or credential.name != name:
            credential = Credential(name=validation.clean_name(name, None, Credential))
        credential.username = validation.clean_account(options["user"])
        if options["password_stdin"]:
            credential.kind, secret, passphrase = Credential.Kind.PASSWORD, _line_of_input("password"), ""
        else:
            credential.kind, secret = Credential.Kind.PRIVATE_KEY, _read_key(options["key_file"])
            passphrase = _line_of_input("passphrase") if options["passphrase_stdin"] else ""
        store_secret(credential, secret, passphrase)
        store(credential, actor=None, replaced=["secret"])
        return credential

    def _pin_scanned(self, host: Host) -> None:
        try:
            found = scan_host_keys(host.address, host.port)
        except (TargetError, OSError) as error:
            raise CommandError(f"{host.name} was added, but its keys could not be read: {error}") from None
        for key in found:
            pin(host, ParsedKey(key.algorithm, key.fingerprint), HostKey.Source.SCAN, None)
            self.stdout.write(f"{key.fingerprint} {key.algorithm}")


def _line_of_input(what: str) -> str:
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise CommandError(f"expected the {what} on standard input, got nothing")
    return line


def _read_key(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_KEY_BYTES + 1).decode("utf-8", "replace")
    except OSError as error:
        raise CommandError(f"--key-file: {path}: {error.strerror}") from None
