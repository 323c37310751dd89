"""Sessions as a year of operations leaves them, for the search: the same at every run.

Logs, listings, JSON with UUIDs, paths, hashes, stack traces, and Chinese in one of twelve sessions. Lengths are
lognormal: most sessions are short, a few have megabytes.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

HOSTS: Final = 500
USERS: Final = 60
YEAR: Final = 365 * 86_400
# Bytes of text in a closed segment, at most: 30 seconds of somebody who works.
_SEGMENT: Final = 64_000
_MEAN: Final = 25_000
_SIGMA: Final = 1.4
_CHINESE_SHARE: Final = 1 / 12

_SYLLABLES: Final = (
    "con",
    "de",
    "re",
    "ter",
    "in",
    "pro",
    "se",
    "ver",
    "ment",
    "tion",
    "al",
    "er",
    "is",
    "or",
    "ar",
    "le",
    "ri",
    "ca",
    "da",
    "to",
    "li",
    "na",
    "mo",
    "su",
    "per",
    "vi",
    "co",
    "ta",
    "ge",
    "ne",
    "po",
    "lo",
    "ra",
    "ble",
    "sta",
    "tra",
    "cli",
    "ent",
    "han",
    "dle",
)
_TERMS: Final = (
    "the",
    "to",
    "of",
    "and",
    "error",
    "connection",
    "request",
    "server",
    "timeout",
    "failed",
    "user",
    "host",
    "session",
    "file",
    "for",
    "started",
    "stopped",
    "service",
    "kernel",
    "device",
    "network",
    "packet",
    "system",
    "update",
    "install",
    "package",
    "version",
    "config",
    "port",
    "listening",
    "accepted",
    "denied",
    "permission",
    "root",
    "password",
    "key",
    "certificate",
    "expired",
    "valid",
    "token",
    "cache",
    "miss",
    "hit",
    "memory",
    "disk",
    "full",
    "free",
    "used",
)
_CHINESE: Final = (
    "用户",
    "登录",
    "成功",
    "失败",
    "系统",
    "日志",
    "文件",
    "连接",
    "超时",
    "服务",
    "启动",
    "停止",
    "配置",
    "错误",
    "内存",
    "磁盘",
    "网络",
    "请求",
    "处理",
    "完成",
    "数据",
    "备份",
    "恢复",
    "权限",
    "拒绝",
    "更新",
    "安装",
    "版本",
    "端口",
    "监听",
)
_LEVELS: Final = ("INFO", "INFO", "INFO", "WARN", "ERROR", "DEBUG")
_UNITS: Final = ("sshd", "nginx", "systemd", "kernel", "cron", "dockerd", "postgres", "kubelet")
_COMMANDS: Final = (
    "ls -la {path}",
    "cd {path}",
    "tail -f /var/log/{word}.log",
    "systemctl restart {word}",
    "journalctl -u {word} --since today",
    "kubectl logs {word}-{hex8} -n {word}",
    "grep -rn {word} {path}",
    "vim {path}",
    "git checkout {hex8}",
    "docker exec -it {hex12} sh",
    "curl -s http://{ip}:8080/{word}",
    "sudo rm -rf {path}",
)


@dataclass(frozen=True, slots=True)
class RecordedText:
    """What the indexer finds in one session; each segment is (lines of output, commands), with their seconds."""

    host: int
    user: int
    started: float
    segments: Sequence[tuple[list[tuple[float, str]], list[tuple[float, str]]]]


def record_text(size: int, commands: int) -> Iterator[RecordedText]:
    """Yield sessions in order of time, with about `size` bytes of output and `commands` commands in all."""
    choose = random.Random(11)  # noqa: S311 - nothing secret
    writer = _Writer(choose)
    lengths = list(_lengths(choose, size))
    busy = list(accumulate(1 / (rank + 3) for rank in range(HOSTS)))
    for number, length in enumerate(lengths):
        host = bisect(busy, choose.random() * busy[-1])
        user = int(choose.random() ** 2 * USERS)
        started = YEAR * number / len(lengths)
        typed = round(commands * (number + 1) / len(lengths)) - round(commands * number / len(lengths))
        yield RecordedText(host, user, started, writer.write(length, typed))


def _lengths(choose: random.Random, size: int) -> Iterator[int]:
    left = size
    while left > 0:
        length = min(int(choose.lognormvariate(math.log(_MEAN) - _SIGMA**2 / 2, _SIGMA)) + 200, left, 20_000_000)
        yield length
        left -= length


class _Writer:
    def __init__(self, choose: random.Random) -> None:
        self._choose = choose
        coined = ["".join(choose.choices(_SYLLABLES, k=choose.randint(2, 4))) for _ in range(12_000)]
        self._words = [*_TERMS, *coined]
        self._weights = list(accumulate(1 / (rank + 2) for rank in range(len(self._words))))
        self._lines: tuple[tuple[Callable[[], str], ...], ...] = (
            (self._log, self._log, self._log, self._syslog, self._access),
            (self._access, self._access, self._json),
            (self._listing, self._listing, self._syslog, self._prose),
            (self._json, self._log),
            (self._trace, self._log, self._log),
            (self._hash, self._listing, self._prose),
        )

    def write(self, length: int, typed: int) -> list[tuple[list[tuple[float, str]], list[tuple[float, str]]]]:
        """Return segments with `length` bytes of output and `typed` commands."""
        choose, t = self._choose, 0.0
        makers = self._lines[choose.randrange(len(self._lines))]
        if choose.random() < _CHINESE_SHARE:
            makers = (*makers, self._chinese, self._chinese)
        segments: list[tuple[list[tuple[float, str]], list[tuple[float, str]]]] = []
        count = -(-length // _SEGMENT)
        for number in range(count):
            lines: list[tuple[float, str]] = []
            left = min(_SEGMENT, length - number * _SEGMENT)
            maker = makers[0]
            while left > 0:
                if choose.random() < 0.1:  # noqa: PLR2004 - output comes in runs of one sort
                    maker = choose.choice(makers)
                    t += choose.random() * 5
                line = maker()
                left -= len(line) + 1 if line.isascii() else len(line.encode()) + 1
                lines.append((round(t, 6), line))
            here = typed * (number + 1) // count - typed * number // count
            commands = [(lines[len(lines) * n // here][0], self._command()) for n in range(here)]
            segments.append((lines, commands))
        return segments

    def _word(self) -> str:
        return self._words[bisect(self._weights, self._choose.random() * self._weights[-1])]

    def _prose(self) -> str:
        picked = self._choose.choices(self._words, cum_weights=self._weights, k=self._choose.randint(4, 14))
        return " ".join(picked)

    def _hex(self, digits: int) -> str:
        return f"{self._choose.getrandbits(4 * digits):0{digits}x}"

    def _uuid(self) -> str:
        text = self._hex(32)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _ip(self) -> str:
        bits = self._choose.getrandbits(20)
        return f"10.{bits & 15}.{bits >> 4 & 255}.{bits >> 12}"

    def _path(self) -> str:
        root = self._choose.choice(("/var/lib", "/etc", "/home/deploy", "/opt", "/srv/www"))
        return f"{root}/{self._word()}/{self._word()}.{self._choose.choice(('log', 'py', 'conf', 'json', 'so'))}"

    def _stamp(self) -> str:
        bits = self._choose.getrandbits(40)
        return f"2026-{1 + bits % 12:02d}-{1 + bits % 28:02d}T{bits % 24:02d}:{bits % 59:02d}:{bits % 53:02d}"

    def _log(self) -> str:
        level = self._choose.choice(_LEVELS)
        return f"{self._stamp()}.{self._choose.randrange(1000):03d}Z {level} [{self._word()}-{self._choose.randrange(16)}] {self._prose()}"  # noqa: E501

    def _syslog(self) -> str:
        bits = self._choose.getrandbits(30)
        unit = self._choose.choice(_UNITS)
        return f"Nov {1 + bits % 28:2d} {bits % 24:02d}:{bits % 59:02d}:{bits % 53:02d} web-{bits % HOSTS:03d} {unit}[{bits % 32768}]: {self._prose()}"  # noqa: E501

    def _access(self) -> str:
        bits = self._choose.getrandbits(30)
        return f'{self._ip()} - - [{self._stamp()} +0000] "GET /{self._word()}/{self._word()}?id={bits % 100_000} HTTP/1.1" {(200, 200, 200, 304, 404, 500)[bits % 6]} {bits % 60_000} "-" "curl/7.88.1"'  # noqa: E501

    def _json(self) -> str:
        return f'{{"id":"{self._uuid()}","user":"{self._word()}","ip":"{self._ip()}","path":"{self._path()}","took":{self._choose.random():.4f}}}'  # noqa: E501

    def _listing(self) -> str:
        bits = self._choose.getrandbits(30)
        return f"-rw-r--r-- 1 root root {bits % 999_999:8d} Nov {1 + bits % 28:2d} {bits % 24:02d}:{bits % 59:02d} {self._word()}-{self._word()}.conf"  # noqa: E501

    def _trace(self) -> str:
        return f'  File "{self._path()}", line {self._choose.randrange(900)}, in {self._word()}_{self._word()}'

    def _hash(self) -> str:
        return f"{self._hex(64)}  {self._path()}"

    def _chinese(self) -> str:
        picked = self._choose.choices(_CHINESE, k=self._choose.randint(3, 9))
        return f"{self._stamp()} {''.join(picked)}：{self._word()} {self._ip()}"

    def _command(self) -> str:
        form = self._choose.choice(_COMMANDS)
        return form.format(path=self._path(), word=self._word(), hex8=self._hex(8), hex12=self._hex(12), ip=self._ip())
