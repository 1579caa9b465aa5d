#!/usr/bin/python3
"""The configuration file: every key with every kind of garbage is refused with file, line and key, and what is shown is what is in force."""

from __future__ import annotations

import json
import os
import random
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from harness import NONCE, Result, Suite, World, expect
from harness.world import IDENTITIES

suite = Suite("configuration", __doc__ or "")

#: Who owns a file matters in its own case only: the long tables are run once.
ONCE = [IDENTITIES[-1]]


@dataclass(frozen=True)
class Key:
    """What this test knows of a key, which is what the documentation says and not what the program does."""

    #: Values that are taken, each as TOML; the bounds are among them.
    good: tuple[str, ...]
    #: Values of the right type that are not.
    bad: tuple[str, ...]


def number(least: int, most: int, *words: str) -> Key:
    beyond = (least - 1, most + 1, -1, -most, 2**31, 2**63 - 1, -(2**63))
    return Key((str(least), str(most), *(f'"{word}"' for word in words)), tuple(str(value) for value in beyond))


def quantity(good: str, bad: str) -> Key:
    always = ("", " ", "5", "-5", "-5s", "5 s", " 5s", "5s ", "5x", "s", "1e3s", "1.5s", "1.5G", "0x5s", "٥s", "infinity", "none", "null",
              "9" * 30 + "s", "9" * 30 + "G", "18446744073709551615d", "18446744073709551615T", "1h30m", "1s\\u0000")
    return Key(tuple(f'"{value}"' for value in good.split()), tuple(f'"{value}"' for value in (*always, *bad.split())))


def choice(words: str) -> Key:
    first = words.split()[0]
    bad = ("", " ", first.upper(), first.capitalize(), first + " ", first[:-1], f"{first},{first}", "unlimited", "0", "é")
    return Key(tuple(f'"{word}"' for word in words.split()), tuple(f'"{word}"' for word in bad))


def text(good: str, bad: tuple[str, ...]) -> Key:
    return Key(tuple(f'"{value}"' for value in good.split()), tuple(f'"{value}"' for value in ("", *bad)))


KEYS = {
    "defaults.policy": text("strict standard", ("nosuch", "Strict", "../strict", "/no/such/file.toml", " ", "a\\nb")),
    "defaults.agent": text("claude demo", ("nosuch", "Claude", " ", "command")),
    "gateway.upstream": text(
        "http://localhost:1 https://[::1]/v1",
        ("localhost", "ftp://localhost", "http://", "http://a b", "http://user:word@host", "http://host:0", "http://host:65536", "http://host/../x", "http://host?x", "é")),
    "gateway.credential": text("auto", ("key", "sk-ant-something", "env:", "env:1A", "env:A B", "env:NOT_SET_AT_ALL", "file:relative", "file:/no/such/file", "Auto")),
    "queue.max_running": number(1, 256),
    "queue.max_length": number(1, 100_000),
    "queue.retention": quantity("1m 60s 3650d unlimited", "59s 0s 59999ms Unlimited 60K"),
    "admission.memory_reserve": quantity("1M 1T 1024K", "0K 1023K 2T 1025G unlimited 1m"),
    "admission.disk_reserve": quantity("1M 1T", "0K 1K 2T unlimited"),
    "admission.memory_pressure": number(1, 100, "unlimited"),
    "admission.cpu_pressure": number(1, 100, "unlimited"),
    "admission.io_pressure": number(1, 100, "unlimited"),
    "admission.start_rate": number(1, 1000, "unlimited"),
    "admission.start_burst": number(1, 256),
    "serve.idle_exit": quantity("1s 1000ms 365d", "999ms 0s 366d unlimited 10M"),
    "serve.on_stop": choice("drain stop requeue"),
    "serve.log_level": choice("trace debug info notice warning error critical"),
}
SECTIONS = sorted({name.split(".")[0] for name in KEYS})

#: What is of the wrong type for every key, or no value at all.
GARBAGE = ("true", "false", "1.5", "-0.0", "1e400", "[]", "[1]", '["a"]', "{}", "{ a = 1 }", "nan", "inf", "unlimited", "", "=", "''", "'''x'''",
           '"\\q"', '"\\u0000"', '"open', "1979-05-27", "99999999999999999999", "0x", "1_", "01", "\x00")
#: For those that take numbers, and for those that take texts.
NO_NUMBER = ('""', '"1"', '"5s"', '"Unlimited"', '"-1"')
NO_TEXT = ("0", "1", "-1", "5")


def check(world: World, content: str | bytes, *more: str) -> tuple[Result, Path]:
    path = world.write(world.config / "config.toml", content)
    return world.claudine("config", "check", *more), path


def refused(world: World, content: str | bytes, key: str, line: int | None = None) -> None:
    """Checks everything that a refusal owes: exit 78, the code, the file, the line, the key, a sentence, and nothing else."""
    result, path = check(world, content)
    found = re.fullmatch(r"claudine: error: \[refused\.config\] (.+?):(\d+): (?:(\S+): )?(.+)\n(hint: .+\n)?", result.errors)
    expect(result.code == 78 and found and result.stdout == b"", f"{content!r}: {result}")
    assert found
    expect(found[1] == str(path), f"{content!r}: the file in {result.errors!r}")
    expect(line is None or int(found[2]) == line, f"{content!r}: line {line} expected: {result.errors!r}")
    expect((found[3] or "").startswith(key), f"{content!r}: the key {key} in {result.errors!r}")
    expect("Fatal error" not in result.errors and ".swift" not in result.errors, f"{content!r}: {result.errors!r}")


@suite.case("every key is in this test, in the documentation, and nowhere else", identities=ONCE)
def complete(world: World) -> None:
    shown = world.claudine("config", "show", "--effective", "--json").json()
    expect([key["key"] for key in shown["keys"]] == list(KEYS), f"keys {shown['keys']}")
    expect(all("line" not in key for key in shown["keys"]) and "file" not in shown, f"without a file: {shown}")
    page = (Path(__file__).resolve().parents[1] / "docs" / "configuration.md").read_text()
    for name in KEYS:
        expect(f"| `{name.split('.')[1]}` |" in page, f"{name} is not in docs/configuration.md")


def garbage(section: str) -> None:
    @suite.case(f"garbage in every key of [{section}]", identities=ONCE)
    def case(world: World) -> None:
        tried = 0
        for name, key in KEYS.items():
            if not name.startswith(section + "."):
                continue
            short = name.split(".")[1]
            takes_numbers = key.good[0].isdigit()
            for value in (*key.bad, *GARBAGE, *(NO_NUMBER if takes_numbers else NO_TEXT)):
                before = "# a line\n" * (tried % 3)
                refused(world, f"{before}[{section}]\n{short} = {value}\n", name, line=tried % 3 + 2)
                tried += 1
            first = key.good[0]
            refused(world, f"[{section}]\n{short} = {first}\n\n{short} = {first}\n", name, line=4)
            refused(world, f"{name} = {first}\n{name} = {first}\n", name, line=2)
            refused(world, f"[{section}.{short}]\n", name)
            refused(world, f"[{section}]\n{short}.x = {first}\n", name, line=2)
        refused(world, f"[{section}]\nno_such_key = 1\n", f"{section}.no_such_key", line=2)
        refused(world, f"[{section}.deeper]\nkey = 1\n", f"{section}.deeper")
        refused(world, f"[{section}]\n[{section}]\n", section, line=2)
        refused(world, f"\n[[{section}]]\n", section, line=2)
        for value in ("1", "true", '"text"', "[]", "1.5"):
            refused(world, f"{section} = {value}\n", section, line=1)
        result, path = check(world, f"[{section}]\nno_such_key = 1\n", "--json")
        detail = json.loads(result.stdout)["error"]["detail"]
        expect((detail["file"], detail["line"], detail["key"]) == (str(path), 2, f"{section}.no_such_key"), f"{detail}")


for _section in SECTIONS:
    garbage(_section)


@suite.case("garbage in an agent's table, and keys that nobody knows", identities=ONCE)
def agents(world: World) -> None:
    for line, key in (
        ("agents = 1", "agents"), ("[agents]\nx = 1", "agents.x"), ("[agents.X]\nargv = ['a', '{prompt}']", "agents.X"),
        ("[agents.claude]\nargv = ['a', '{prompt}']", "agents.claude"), ("[agents.x]\nargv = 'a'", "agents.x.argv"),
        ("[agents.x]\nargv = ['a', 1]", "agents.x.argv"), ("[agents.x]\nargv = []", "agents.x.argv"),
        ("[agents.x]\nargv = ['a', '{prompt}']\nenv = ['1']", "agents.x.env"), ("[agents.x]\nargv = ['a', '{prompt}']\nprompt = 'x'", "agents.x.prompt"),
        ("[agents.x]\nargv = ['a', '{prompt}']\nresult = 1", "agents.x.result"), ("[agents.x]\nargv = ['a', '{prompt}']\nx = 1", "agents.x.x"),
    ):
        refused(world, line + "\n", key)
    refused(world, "[unknown]\n", "unknown", line=1)
    refused(world, "\nunknown = 1\n", "unknown", line=2)
    refused(world, "[queue]\nmax_running = 0\nmax_runing = 1\n", "queue.max_runing", line=3)


@suite.case("values at their bounds are taken, and shown with their line", identities=ONCE)
def bounds(world: World) -> None:
    for number in range(max(len(key.good) for key in KEYS.values())):
        lines = [f"{name} = {key.good[min(number, len(key.good) - 1)]}" for name, key in KEYS.items()]
        result, path = check(world, "\n".join(lines) + "\n")
        expect(result.code == 0, str(result))
        shown = world.claudine("config", "show", "--effective", "--json").json()
        expect(shown["file"] == str(path), f"{shown['file']}")
        for line, (name, entry) in enumerate(zip(KEYS, shown["keys"], strict=True), 1):
            given = KEYS[name].good[min(number, len(KEYS[name].good) - 1)]
            # Quantities are shown in their shortest form: they are compared in the next round.
            wanted = json.loads(given)
            expect(entry["key"] == name and entry["line"] == line, f"{entry}, line {line}")
            expect(entry["value"] == wanted or wanted in ("60s", "1024K", "1000ms"), f"{entry} is not {given}")
        again = "".join(f"{entry['key']} = {json.dumps(entry['value'])}\n" for entry in shown["keys"])
        check(world, again)
        expect(world.claudine("config", "show", "--effective", "--json").json()["keys"] == shown["keys"], "what is shown is not what it means")
    text = world.claudine("config", "show", "--effective").text
    expect(re.search(r"^queue\.max_length +100000 +line 6$", text, re.MULTILINE), text)


@suite.case("a broken file starts nothing, and a secret in it is not repeated")
def nothing_runs(world: World) -> None:
    for content in ("[queue]\nmax_running = 0\n", "[serve]\non_stop = 'never'\n", "[admission]\n???\n", '[gateway]\nupstream = "no"\n'):
        world.write(world.config / "config.toml", content)
        result = world.run("/bin/true")
        expect(result.code == 125 and "[refused.config]" in result.errors and "config.toml:2" in result.errors, str(result))
    secret = "sk-ant-" + world.nonce
    world.write(world.config / "config.toml", f'[gateway]\ncredential = "{secret}"\n')
    for words in (("config", "check"), ("config", "show", "--effective"), ("config", "show", "--effective", "--json"), ("config", "check", "--json")):
        result = world.claudine(*words)
        expect(result.code == 78 and secret.encode() not in result.stdout + result.stderr, str(result))


@suite.case("the daemon says what it is configured to, and nothing of a task's own words")
def log(world: World) -> None:
    secret = "word" + world.nonce[::-1]
    for level in ("trace", "error"):
        world.write(world.config / "config.toml", f"[serve]\nlog_level = '{level}'\n")
        daemon = world.start("serve")
        for words in (("--agent", "demo", "--name", secret, f"a prompt with {secret}"), ("--label", secret, "--", "/bin/sh", "-c", f": {secret}; exit 3"), ("--", f"/no/such/{secret}")):
            options = ["--detach", "--policy", "strict", "-C", world.workspace, "--env", f"{NONCE}={world.nonce}", "--env", f"WORD={secret}"]
            task = world.claudine("run", *options, *words).text.strip()
            world.claudine("wait", task)
        daemon.popen.send_signal(signal.SIGTERM)
        result = daemon.wait()
        expect(result.code == 0 and result.stdout == b"", str(result))
        lines = [json.loads(line) for line in result.errors.splitlines()]
        said = [line["event"] for line in lines]
        expect(secret not in result.errors and "/bin/sh" not in result.errors, f"a task's words are in the log: {result.errors!r}")
        if level == "error":
            expect(not said, f"said although nothing went wrong: {said}")
            continue
        expect(said[0] == "daemon.started" and said[-1] == "daemon.leaving", f"{said}")
        for event, count in (("attempt.claimed", 3), ("attempt.ended", 3), ("daemon.ready", 1), ("daemon.stopping", 1), ("signal.received", 1)):
            expect(said.count(event) == count, f"{count} {event} expected: {said}")
        expect([line.get("state") for line in lines if line["event"] == "attempt.ended"] == ["succeeded", "failed", "failed"], f"{lines}")
        expect(lines == sorted(lines, key=lambda line: str(line["time"])), "the lines are not in the order of their times")
    world.write(world.config / "config.toml", "[serve]\nlog_level = 'loud'\n")
    result = world.claudine("serve")
    expect(result.code == 78 and "config.toml:2: serve.log_level" in result.errors, str(result))


@suite.case("files that cannot be trusted or read")
def files(world: World) -> None:
    path = world.config / "config.toml"
    good = "[queue]\nmax_running = 1\n"

    def refused_for(reason: str) -> None:
        result = world.claudine("config", "check")
        expect(result.code == 78 and str(path) in result.errors and reason in result.errors, f"{reason}: {result}")

    for mode in (0o620, 0o602, 0o666):
        world.write(path, good, mode=mode)
        path.chmod(mode)
        refused_for("written by others")
    path.chmod(0o600)
    other = path.rename(world.config / "other.toml")
    path.symlink_to(other)
    refused_for("symbolic link")
    path.unlink()
    path.symlink_to(world.config / "nowhere")
    refused_for("symbolic link")
    path.unlink()
    path.mkdir()
    world.own(path)
    refused_for("regular file")
    path.rmdir()
    os.mkfifo(path, 0o600)
    world.own(path)
    refused_for("regular file")
    path.unlink()
    world.write(path, "# " + "x" * (256 << 10) + "\n")
    refused_for("too long")
    for content in (b"\xff\xfe", good.encode("utf-16")):
        world.write(path, content)
        refused_for("UTF-8")
    for content in (b"\xef\xbb\xbf" + good.encode(), good.encode() + b"\x00", b"\x1b[2J", b"\r" + good.encode()):
        world.write(path, content)
        result = world.claudine("config", "check")
        expect(result.code == 78 and b"\x1b" not in result.stderr, f"{content!r}: {result}")
    world.write(path, good.replace("\n", "\r\n"))
    expect(world.claudine("config", "check").code == 0, "lines may end as they do elsewhere")
    world.write(path, "")
    expect(world.claudine("config", "check").code == 0, "an empty file is every default")
    if world.identity.uid == 0:
        world.write(path, good)
        os.chown(path, 41235, 41235)
        refused_for("belongs to uid")


@suite.case("a file that was changed at random is read or refused", identities=ONCE)
def mutations(world: World) -> str:
    seed = 20261123
    chance = random.Random(seed)
    whole = "".join(f"[{section}]\n" + "".join(
        f"{name.split('.')[1]} = {key.good[0]}\n" for name, key in KEYS.items() if name.startswith(section + ".")) for section in SECTIONS).encode()
    taken = 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 2)):
            at = chance.randrange(len(content))
            end = at + chance.randint(1, 30)
            match chance.randrange(5):
                case 0: content[at] = chance.randrange(256)
                case 1: del content[at:end]
                case 2: content[at:at] = content[at:end]
                case 3: del content[at:]
                case _: content[at:at] = chance.choice([b"[", b"]", b'"', b"=", b"{", b"\n", b"#", b".", b"'''", b"unlimited", b"-", b"9" * 40])
            content = content or bytearray(b"\n")
        result, _ = check(world, bytes(content))
        expect(result.code in (0, 78), f"{bytes(content)!r}: {result}")
        expect((result.code == 0) == (b"[refused.config]" not in result.stderr), f"{bytes(content)!r}: {result}")
        taken += result.code == 0
    expect(0 < taken < 150, f"{taken} of 150 were taken")
    return f"seed {seed}, {taken} of 150 taken"


if __name__ == "__main__":
    suite.main()
