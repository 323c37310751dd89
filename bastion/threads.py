"""Threads for what would block the event loop: a pool for each thing that can hang, so that none starves another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections

T = TypeVar("T")

# Looking whether sessions may go on must never wait for hosts' names or for disks.
_database = ThreadPoolExecutor(max_workers=16, thread_name_prefix="database")
_disk = ThreadPoolExecutor(max_workers=8, thread_name_prefix="disk")
_hosts = ThreadPoolExecutor(max_workers=64, thread_name_prefix="hosts")
_endings = ThreadPoolExecutor(max_workers=16, thread_name_prefix="endings")


async def ask_database(function: Callable[..., T], *arguments: Any) -> T:
    """Run what reads or writes the database."""
    return await asyncio.get_running_loop().run_in_executor(_database, _with_connection, function, arguments)


async def wait_for_disk(function: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_disk, function, *arguments)


async def wait_for_host(function: Callable[..., T], *arguments: Any) -> T:
    """Run what waits for a name, a connection, or a host that does not read."""
    return await asyncio.get_running_loop().run_in_executor(_hosts, function, *arguments)


async def let_go(function: Callable[..., T], *arguments: Any) -> T:
    """Run what ends a connection; it must work also while every other thread waits for hosts."""
    return await asyncio.get_running_loop().run_in_executor(_endings, function, *arguments)


def with_database(function: Callable[..., T], *arguments: Any) -> T:
    """Call `function` in a thread that is not Django's, without leaving its connection behind."""
    return _with_connection(function, arguments)


def _with_connection(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    close_old_connections()
    try:
        return function(*arguments)
    finally:
        close_old_connections()
