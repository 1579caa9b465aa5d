#!/usr/bin/python3
"""`claudine mcp install`, `uninstall` and `check`: clients' files get the server and keep every other byte, and lose it without a trace."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import select
import stat
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import claude_binary
from harness import Failure, Result, Skip, Suite, World, expect
from harness.world import IDENTITIES

suite = Suite("mcp-setup", __doc__ or "")


@dataclass(frozen=True)
class Place:
    """Where a client looks for its servers, as its documentation says and not as the program does."""

    client: str
    scope: str
    #: Below the home for a user's, below the working directory for a project's.
    path: str
    #: The names that lead to the servers.
    keys: tuple[str, ...]
    comments: bool = False

    @property
    def toml(self) -> bool:
        return self.path.endswith(".toml")

    def file(self, world: World) -> Path:
        return (world.workspace if self.scope == "project" else world.home) / self.path

    def servers(self, world: World, text: bytes) -> dict[str, Any]:
        """The servers that a text names, read by parsers that are not ours."""
        value = parsed(self, text)
        for key in self.names(world):
            value = value[key]
        return dict(value)

    def names(self, world: World) -> list[str]:
        return [str(world.workspace) if key == "DIR" else key for key in self.keys]


PLACES = [
    Place("claude", "user", ".claude.json", ("mcpServers",)),
    Place("claude", "local", ".claude.json", ("projects", "DIR", "mcpServers")),
    Place("claude", "project", ".mcp.json", ("mcpServers",)),
    Place("codex", "user", ".codex/config.toml", ("mcp_servers",)),
    Place("codex", "project", ".codex/config.toml", ("mcp_servers",)),
    Place("cursor", "user", ".cursor/mcp.json", ("mcpServers",), True),
    Place("cursor", "project", ".cursor/mcp.json", ("mcpServers",), True),
    Place("vscode", "user", ".config/Code/User/mcp.json", ("servers",), True),
    Place("vscode", "project", ".vscode/mcp.json", ("servers",), True),
    Place("gemini", "user", ".gemini/settings.json", ("mcpServers",), True),
    Place("gemini", "project", ".gemini/settings.json", ("mcpServers",), True),
]
CLAUDE, CODEX, VSCODE = PLACES[0], PLACES[3], PLACES[8]
#: Who owns a file matters in its own case only: the long tables are run once.
ONCE = [IDENTITIES[-1]]

TOKEN = re.compile(rb'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*\n|/\*.*?\*/)*[}\]])', re.S)


def parsed(place: Place, text: bytes) -> Any:
    text = text.removeprefix(b"\xef\xbb\xbf")
    if place.toml:
        return tomllib.loads(text.decode())
    if place.comments:
        text = TOKEN.sub(lambda match: match[0] if match[0].startswith(b'"') else b" ", text)
    return json.loads(text)


def words(world: World, place: Place, verb: str, *more: str) -> list[str]:
    return ["mcp", verb, "--client", place.client, "--scope", place.scope, *more]


def run(world: World, place: Place, verb: str = "install", *more: str, code: int = 0) -> Result:
    result = world.claudine(*words(world, place, verb, *(more or ("--yes",))))
    expect(result.code == code and (code != 0 or b"error" not in result.stderr), f"{place.client} {place.scope}: {result}")
    return result


def entry(world: World, place: Place, *options: str) -> dict[str, Any]:
    """What has to be written for this world's own server."""
    value: dict[str, Any] = {
        "command": str(world.binaries.claudine),
        "args": ["--state-dir", str(world.state), "--config", str(world.config), "mcp", *options],
    }
    return value if place.client in ("gemini", "codex") else {"type": "stdio", **value}


def everything(world: World) -> dict[str, tuple[int, int, bytes]]:
    """Every file of the world with mode, owner and content."""
    found = {}
    for path in world.base.rglob("*"):
        status = path.lstat()
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_mode, status.st_uid, content)
    return found


def only_changed(world: World, before: dict[str, tuple[int, int, bytes]], file: Path) -> None:
    """Nothing but this file, and folders for it, is other than before."""
    after = everything(world)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    expect(all(path == str(file) or str(file).startswith(path + "/") for path in changed), f"changed besides {file}: {changed}")


@suite.case("a new file for every client and scope, and its end")
def fresh(world: World) -> None:
    for place in PLACES:
        file = place.file(world)
        before = everything(world)
        shown = run(world, place, "install", "--dry-run")
        expect(everything(world) == before and "+++ " in shown.text, f"a dry run: {shown}")
        result = run(world, place)
        expect(shown.text + f"wrote {file}\n" == result.text, f"shown before, and done:\n{shown.text}\n{result.text}")
        found = place.servers(world, file.read_bytes())
        expect(list(found) == ["claudine"], f"{place}: {found}")
        wanted = entry(world, place)
        expect({key: found["claudine"].get(key) for key in wanted} == wanted, f"{place}: {found}")
        expect(file.read_bytes().endswith(b"\n"), f"{place}: no end of the last line")
        mode = stat.S_IMODE(file.stat().st_mode)
        expect(mode == (0o644 if place.scope == "project" else 0o600), f"{place}: mode {mode:o}")
        expect(file.stat().st_uid == world.identity.uid, f"{place}: owner")
        only_changed(world, before, file)
        identity = file.stat().st_ino, file.stat().st_mtime_ns
        again = run(world, place)
        expect("nothing to do" in again.text and identity == (file.stat().st_ino, file.stat().st_mtime_ns), f"a second time: {again}")
        # Without anybody to ask, nothing to do is no question either.
        expect(run(world, place, "install", "--json").json() ==
               {"applied": False, "changes": [{"action": "none", "client": place.client, "file": str(file), "scope": place.scope}]}, "as JSON")
        run(world, place, "uninstall")
        expect(not file.exists(), f"{place}: left behind {file}")
        expect("nothing to do" in run(world, place, "uninstall").text, f"{place}: a second time")
    codex = run(world, CODEX, "install", "--print")
    table = tomllib.loads(codex.text)["mcp_servers"]["claudine"]
    expect("ANTHROPIC_API_KEY" in table["env_vars"] and table["startup_timeout_sec"] > 10 and table["tool_timeout_sec"] > 60, f"{table}")


#: Texts of JSON without comments; what stands at @ is where the servers may be.
STRICT = [
    "{}", "{}\n", "{ }", "{\n}\n", "  {}  \n\n", "", "\n", " \t\n", '{"a":1}', '{"a": 1}', '{ "a": 1 }\n', '{"@": {}}', '{"@":{ }}\n',
    '{\n  "@": {}\n}\n', '{\n  "a": [1, 2.50e+3, "\\u00e9\\"}"],\n  "@": {\n    "other": {\n      "command": "x"\n    }\n  },\n  "z": null\n}',
    '{\n\t"@": {\n\t\t"other": {"url": "http://x"},\n\n\t\t"last": {}\n\t},\n\t"z": {"@": {"claudine": 1}}\n}\n',
    '{\n    "numStartups": 3,\n    "tips": {"a": 1},\n    "oauthAccount": {\n        "x": "y"\n    }\n}', '{"a":1,"@":{"other":{"command":"x"}}}\n',
    '{\n"a": 1,\n"b": 2\n}', '{ "a": 1,\n  "b": 2 }', '{"@":\n{\n"x":\n1}\n}', '{"a": 1   \n}', '{"a": "// no comment, /* none */ }"}',
    '{"é": "🎉", "a": "\\ud83c\\udf89"}', '{"a": 12345678901234567890123, "b": -0.0, "a2": 1E400}',
]
#: And with them.
COMMENTED = [
    '// only a remark\n{}\n', '{\n  // "@": {"claudine": 1}\n  "a": 1 // one\n  // end\n}\n', '{\n\t"@": {},\n\t"inputs": [],\n}\n',
    '{\n  "@": {\n    "a": {"command": "x",}, // it\n    /* b } */\n  },\n}', '{ /* empty */ }', '{"a": 1, /* c */}', '/**/{"@":{/**/}}/**/',
    '{\n  "a": 1 /* one\n  still */\n}', '{"a": 1 // one\n}', '{\n  "@": {\n    // "claudine": {}\n  }\n}\n',
]
TABLES = [
    "", "\n", "# only a remark", 'model = "gpt"\n', 'model = "gpt"', "a = 1\n\n\n", '[mcp_servers]\n', '[mcp_servers.other]\ncommand = "x"\n[mcp_servers.other.env]\nA = "b"',
    'notify = ["a", # why\n "]"]\nwhen = 1979-05-27 07:32:00\n[[hooks.Stop]]\nx = """\n[mcp_servers.claudine]\n"""\n[projects."/a b/c.d"]\ntrust_level = "trusted"\n',
    "[mcp_servers.'claudine-2']\nurl = \"u\"\n\n# the end\n", "text = '''\n'''''\n", 'a.b.c = { d = [{}, {}], e = inf } # f\n',
]


def variants(place: Place, world: World) -> list[bytes]:
    if place.toml:
        texts = TABLES
    else:
        texts = COMMENTED + STRICT[-2:] if place.comments else STRICT
    way = place.names(world)
    if len(way) > 1:
        texts = [text for text in texts if "@" in text] + texts[:2]
    made = []
    for text in texts:
        if len(way) > 1 and "@" in text:
            inner = text.replace("@", way[-1])
            text = json.dumps({way[0]: {way[1]: "INNER", "/elsewhere": {}}}, indent=2).replace('"INNER"', inner)
        made.append(text.replace("@", way[-1]).encode())
    return made + [b"\xef\xbb\xbf" + text for text in made[:4]] + [text.replace(b"\n", b"\r\n") for text in made if b"\n" in text]


def put_in_and_out(world: World, place: Place, text: bytes, *, twice: bool = True, name: str = "claudine") -> None:
    file = place.file(world)
    world.write(file, text, mode=0o640)
    blank = not text.removeprefix(b"\xef\xbb\xbf").strip()
    before = {} if blank and not place.toml else parsed(place, text)
    run(world, place, "install", "--yes", "--name", name)
    after = file.read_bytes()
    servers = place.servers(world, after)
    wanted = entry(world, place)
    expect({key: servers[name].get(key) for key in wanted} == wanted, f"{text!r} became {after!r}")
    # Everything else means what it meant.
    value = parsed(place, after)
    holders = [value]
    for key in place.names(world):
        holders.append(holders[-1][key])
    del holders[-1][name]
    for key, holder in reversed(list(zip(place.names(world), holders[:-1], strict=True))):
        was: Any = before
        for step in place.names(world)[:holders.index(holder)]:
            was = was.get(step, {})
        if not holder[key] and key not in was:
            del holder[key]
    expect(value == before, f"{text!r} became {after!r}")
    if b"\r\n" in text:
        expect(after.count(b"\n") == after.count(b"\r\n"), f"ends of lines: {after!r}")
    expect(stat.S_IMODE(file.stat().st_mode) == 0o640, f"mode of {file}")
    if twice:
        expect("nothing to do" in run(world, place, "install", "--yes", "--name", name).text and file.read_bytes() == after, "a second time")
    run(world, place, "uninstall", "--yes", "--name", name)
    expect(file.read_bytes() == text, f"{text!r} came back as {file.read_bytes()!r}")
    file.unlink()


@suite.case("a file that is there keeps its bytes, and has them again afterwards", identities=ONCE)
def existing(world: World) -> str:
    count = 0
    for place in (CLAUDE, PLACES[1], CODEX, VSCODE):
        for text in variants(place, world):
            put_in_and_out(world, place, text, twice=count % 4 == 0)
            count += 1
    for place in PLACES:
        put_in_and_out(world, place, (TABLES if place.toml else STRICT)[-1].encode())
    return f"{count} texts"


@suite.case("files at random", identities=ONCE)
def at_random(world: World) -> str:
    seed = 20261124
    chance = random.Random(seed)

    def value(depth: int) -> Any:
        match chance.randrange(6 if depth < 3 else 4):
            case 0: return chance.choice([None, True, 0, -1.5, 1e300, 2**60])
            case 1: return chance.choice(["", "a\nb\"\\", "é🎉", "// x", "}{,:"])
            case 2: return chance.choice([[], {}])
            case 3: return [1, {"mcpServers": {"claudine": 1}}]
            case 4: return [value(depth + 1) for _ in range(chance.randrange(3))]
            case _: return {chance.choice("abcdefg") + str(i): value(depth + 1) for i in range(chance.randrange(4))}

    for _ in range(25):
        whole = {f"k{i}": value(0) for i in range(chance.randrange(4))}
        if chance.randrange(2):
            whole["mcpServers"] = {f"s{i}": value(1) for i in range(chance.randrange(3))}
        names = list(whole)
        chance.shuffle(names)
        indent = chance.choice([None, None, 0, 1, 2, 4, "\t"])
        separators = chance.choice([(",", ":"), (", ", ": "), (" , ", " : ")]) if indent is None else (",", ": ")
        text = json.dumps({name: whole[name] for name in names}, indent=indent, separators=separators, ensure_ascii=bool(chance.randrange(2)))
        put_in_and_out(world, CLAUDE, (text + chance.choice(["", "\n", " \n\n"])).encode(), twice=False)
    return f"seed {seed}"


@suite.case("a large file, quickly", identities=ONCE)
def large(world: World) -> str:
    history = {f"/project/{i}": {"history": [{"display": "x" * 200, "n": j} for j in range(20)]} for i in range(500)}
    text = json.dumps({"projects": history, "z": 1}, indent=2).encode()
    began = time.monotonic()
    put_in_and_out(world, CLAUDE, text)
    seconds = time.monotonic() - began
    expect(seconds < 120, f"{len(text)} bytes took {seconds:.0f} s")
    statements = "".join(f"[projects.\"/p/{i}\"]\ntrust_level = \"trusted\"\n\n" for i in range(10_000)).encode()
    put_in_and_out(world, CODEX, statements)
    return f"{len(text) >> 10} KiB in {seconds:.1f} s for three commands"


@suite.case("an entry that is there keeps what else it has")
def present(world: World) -> None:
    text = '{"mcpServers": {"claudine": {"command": "/old", "env": {"A": "b"}, "args": ["serve"], "timeout": 5}, "b": {}}}'
    world.write(CLAUDE.file(world), text)
    run(world, CLAUDE)
    wanted = {**entry(world, CLAUDE), "env": {"A": "b"}, "timeout": 5}
    del wanted["type"]
    found = CLAUDE.servers(world, CLAUDE.file(world).read_bytes())
    expect(found == {"claudine": wanted, "b": {}}, f"{found}")
    run(world, CLAUDE, "install", "--yes", "--", "--max-policy", "strict")
    found = CLAUDE.servers(world, CLAUDE.file(world).read_bytes())
    expect(found["claudine"]["args"][-3:] == ["mcp", "--max-policy", "strict"] and found["claudine"]["timeout"] == 5, f"{found}")
    run(world, CLAUDE, "install", "--yes", "--name", "second")
    expect(list(CLAUDE.servers(world, CLAUDE.file(world).read_bytes())) == ["claudine", "b", "second"], "another name")
    table = '[mcp_servers.claudine] # ours\nargs = [ "a",\n  "b" ] # why\nenabled = false\n\n[mcp_servers.claudine.env]\nA = "b"\n[tui]\nx = 1\n'
    world.write(CODEX.file(world), table)
    run(world, CODEX)
    text = CODEX.file(world).read_text()
    found = CODEX.servers(world, text.encode())["claudine"]
    expect(found == {**entry(world, CODEX), "enabled": False, "env": {"A": "b"}}, f"{found}")
    expect("# ours\n" in text and " # why\n" in text and text.endswith("[tui]\nx = 1\n"), text)
    run(world, CODEX, "uninstall")
    expect(CODEX.file(world).read_text() == "[tui]\nx = 1\n", CODEX.file(world).read_text())
    for place, text in (
        (CLAUDE, '{"mcpServers": {"claudine": {"type": "http", "url": "http://x"}}}'), (VSCODE, '{"servers": {"claudine": {"url": "http://x"}}}'),
        (PLACES[9], '{"mcpServers": {"claudine": {"httpUrl": "http://x"}}}'), (CODEX, '[mcp_servers.claudine]\nurl = "http://x"\n'),
    ):
        world.write(place.file(world), text)
        result = run(world, place, code=1)
        expect("[mcp.unchangeable]" in result.errors and "--name" in result.errors, str(result))
        expect(place.file(world).read_text() == text, "changed all the same")


BROKEN = [
    (CLAUDE, b"{", 1), (CLAUDE, b'{\n"a": 1\n"b": 2}', 3), (CLAUDE, b"[]", 1), (CLAUDE, b'{\n  // a\n}', 2), (CLAUDE, b'{"a": 1,}', 1),
    (CLAUDE, b'{"mcpServers": []}', 1), (CLAUDE, b'{"mcpServers": {},\n"mcpServers": {}}', 2), (CLAUDE, b'{\n"a": "\xff"}', 2),
    (CLAUDE, '{"a": 1}'.encode("utf-16"), 1), (CLAUDE, b"\x00" * 100, 1), (CLAUDE, b'{"a": "\x01"}', 1), (CLAUDE, b"{}\n{}", 2),
    (CLAUDE, b"[" * 100_000, 1), (CLAUDE, b'{"a":' * 100_000, 1), (CLAUDE, b'{"a": "\n"}', 1), (CLAUDE, b"{'a': 1}", 1),
    (CLAUDE, b"<<<<<<< ours\n{}\n", 1), (VSCODE, b"{ /* }", 1), (VSCODE, b'{\n"servers": 1}', 2), (VSCODE, b'{,}', 1),
    (CODEX, b"x", 1), (CODEX, b"a = 1\n[b\n", 2), (CODEX, b'a = "\n"', 1), (CODEX, b"a = '''\n\n", 1), (CODEX, b"\n\xff", 2), (CODEX, b"a = yes", 1),
    (CODEX, b"mcp_servers = {}", 1), (CODEX, b"[mcp_servers]\nclaudine = { command = 'x' }", 2), (CODEX, b"[[mcp_servers.claudine]]", 1),
    (CODEX, b"[mcp_servers.claudine]\n[mcp_servers.claudine]\n", 2), (CODEX, b"a = [" * 100_000, 1), (CODEX, b'{"a": 1}', 1),
]


@suite.case("what cannot be read or changed is refused with its line", identities=ONCE)
def broken(world: World) -> str:
    for place, text, line in BROKEN:
        file = place.file(world)
        for verb in ("install", "uninstall"):
            world.write(file, text)
            result = run(world, place, verb, code=1)
            where = f"{file}, line {line}: " if line else f"{file}: "
            expect(where in result.errors and re.search(r"\[mcp\.(unreadable|unchangeable)\]", result.errors), f"{text[:60]!r}: {result}")
            expect(len(result.errors) < 1000 and "\x00" not in result.errors and "\x01" not in result.errors, f"{text[:60]!r}: {result}")
            expect(file.read_bytes() == text, "changed all the same")
        answer = run(world, place, "install", "--yes", "--json", code=1).json()["error"]
        expect(answer["detail"]["file"] == str(file) and answer["detail"].get("line") == line, f"{answer}")
        file.unlink()
    # One that cannot be read keeps all from being written.
    world.write(CODEX.file(world), "x")
    result = world.claudine("mcp", "install", "--client", "claude", "--client", "codex", "--yes")
    expect(result.code == 1 and not CLAUDE.file(world).exists(), f"half of it was done: {result}")
    return f"{len(BROKEN)} texts"


@suite.case("links, read-only files, other people's, and what is no file")
def files(world: World) -> None:
    file = CLAUDE.file(world)
    real = world.write(world.home / "dotfiles" / "claude.json", "{}\n", mode=0o604)
    file.symlink_to(real)
    result = run(world, CLAUDE)
    expect(file.is_symlink() and f"{file} is a link to {real}" in result.errors, str(result))
    expect("claudine" in real.read_text() and stat.S_IMODE(real.stat().st_mode) == 0o604, "the target was not written")
    answer = run(world, CLAUDE, "uninstall", "--yes", "--json").json()["changes"][0]
    expect(answer["target"] == str(real) and real.read_text() == "{}\n" and file.is_symlink(), f"{answer}")
    file.unlink()

    def refused(reason: str, place: Place = CLAUDE) -> None:
        before = everything(world)
        result = run(world, place, code=1)
        expect("[mcp.file]" in result.errors and reason in result.errors, f"{reason}: {result}")
        expect(everything(world) == before, f"{reason}: something was changed")

    # Where the home itself is one, that is nothing to talk about.
    (world.base / "link").symlink_to(world.home)
    result = world.claudine(*words(world, CLAUDE, "install", "--yes"), env={"HOME": str(world.base / "link")})
    expect(result.code == 0 and result.stderr == b"" and "claudine" in file.read_text(), str(result))
    file.unlink()
    (world.workspace / ".vscode").symlink_to(world.home)
    result = run(world, VSCODE)
    expect(f"is a link to {world.home}/mcp.json" in result.errors and (world.home / "mcp.json").exists(), str(result))
    (world.home / "mcp.json").unlink()
    file.symlink_to(world.home / "nowhere")
    refused("cannot be found")
    file.unlink()
    file.symlink_to(file)
    refused("cannot be found")
    file.unlink()
    world.own(world.write(file, "{}"), 0o444)
    refused("read-only")
    file.chmod(0o600)
    file.unlink()
    file.mkdir()
    refused("no regular file")
    file.rmdir()
    os.mkfifo(file, 0o600)
    world.own(file)
    began = time.monotonic()
    result = run(world, CLAUDE, code=1)
    expect("no regular file" in result.errors and time.monotonic() - began < 10, str(result))
    file.unlink()
    if world.identity.uid == 0:
        # Somebody else's file is his afterwards, too.
        world.write(file, "{}", mode=0o606)
        os.chown(file, 41235, 41236)
        run(world, CLAUDE)
        status = file.stat()
        expect((status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (41235, 41236, 0o606), f"{status}")
        return
    world.write(file, "{}", mode=0o644)
    if os.geteuid() == 0:
        os.chown(file, 41235, 41235)
        refused("belongs to another user (uid 41235)")
        os.chown(file, world.identity.uid, world.identity.gid)
    file.chmod(0o000)
    refused("cannot be read")
    file.chmod(0o600)
    world.home.chmod(0o500)
    refused("Permission denied")
    world.home.chmod(0o700)


@suite.case("a disk that takes no more leaves the file as it was", identities=ONCE)
def full(world: World) -> None:
    text = json.dumps({"a": "x" * 5000}).encode()
    file = world.write(CLAUDE.file(world), text)
    before = everything(world)
    command = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", world.binaries.claudine, *words(world, CLAUDE, "install", "--yes")]
    result = world.launch(command).wait()
    expect(result.code == 1 and "[mcp.file]" in result.errors and "File too large" in result.errors, str(result))
    expect(everything(world) == before and file.read_bytes() == text, "something is left of it")


class Terminal:
    """A command with a terminal of its own at all three streams."""

    def __init__(self, world: World, arguments: Sequence[str]) -> None:
        self.master, slave = pty.openpty()
        self.running = world.start(*arguments, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.seen = ""

    def until(self, text: str) -> None:
        deadline = time.monotonic() + 30
        while text not in self.seen:
            if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"no {text!r} in {self.seen!r}")
            try:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                raise Failure(f"no {text!r} in {self.seen!r}") from None

    def answer(self, text: str) -> tuple[int, str]:
        os.write(self.master, text.encode())
        code = self.running.popen.wait(30)
        while select.select([self.master], [], [], 0.2)[0]:
            try:
                if not (more := os.read(self.master, 65536)):
                    break
            except OSError:
                break
            self.seen += more.decode(errors="replace")
        os.close(self.master)
        return code, self.seen


@suite.case("somebody at a terminal is asked, everybody else is told")
def asked(world: World) -> None:
    file = world.write(CLAUDE.file(world), '{\n  "a": "\x7f"\n}\n')

    def ask(words: Sequence[str], text: str, meanwhile: Callable[[], object] = lambda: None) -> tuple[int, str]:
        terminal = Terminal(world, words)
        terminal.until("[y/N]")
        meanwhile()
        return terminal.answer(text)

    install = words(world, CLAUDE, "install")
    for text in ("n\n", "\n", "no\n", "yesterday\n", "\x04"):
        before = everything(world)
        code, seen = ask(install, text)
        expect(code == 1 and "Nothing was changed" in seen and everything(world) == before, f"{text!r}: {code} {seen!r}")
        expect("\x1b[32m+" in seen and "\x7f" not in seen, f"green for what is new, and nothing raw: {seen!r}")
    for text in ("y\n", "YES \n"):
        code, seen = ask(install, text)
        expect(code == 0 and "wrote" in seen and "claudine" in file.read_text(), f"{text!r}: {code} {seen!r}")
        code, seen = ask(words(world, CLAUDE, "uninstall"), text)
        expect(code == 0 and "\x1b[31m-" in seen and "claudine" not in file.read_text(), f"{text!r}: {code} {seen!r}")
    # A client that writes its file while a person reads does not lose what it wrote.
    code, seen = ask(install, "y\n", lambda: world.write(file, '{"b": 2}'))
    expect(code == 1 and "[mcp.changed]" in seen and file.read_text() == '{"b": 2}', f"{code} {seen!r}")
    before = everything(world)
    result = world.claudine(*install)
    expect(result.code == 1 and "[mcp.notConfirmed]" in result.errors and "--yes" in result.errors and "+++" in result.text, str(result))
    answer = world.claudine(*install, "--json")
    changes = answer.json()["error"]["detail"]["changes"]
    expect(answer.code == 1 and changes[0]["action"] == "change" and "claudine" in changes[0]["diff"], str(answer))
    expect(everything(world) == before, "changed without a yes")
    done = world.claudine(*install, "--json", "--yes").json()
    expect(done["applied"] is True and done["changes"][0]["diff"] == changes[0]["diff"], f"{done}")


@suite.case("what is shown as a difference is one that patch applies", identities=ONCE)
def patches(world: World) -> None:
    for place in (CLAUDE, CODEX, VSCODE):
        for text in variants(place, world)[::2]:
            if not text or b"\r" in text:
                continue
            file = world.write(place.file(world), text)
            shown = run(world, place, "install", "--dry-run").stdout
            run(world, place)
            wanted = file.read_bytes()
            world.write(file, text)
            patch = world.launch(["patch", "-s", "-p0", "-u", file, "-"], stdin=-1)
            result_out, result_err = patch.popen.communicate(shown, timeout=30)
            if b"No such file" in (result_err or b""):
                raise Skip("patch is not installed")
            expect(patch.popen.returncode == 0, f"patch: {result_out!r} {result_err!r} for {shown!r}")
            expect(file.read_bytes() == wanted, f"patch makes {file.read_bytes()!r} of {text!r}, wanted {wanted!r}")
            file.unlink()


@suite.case("without --client: those that are here")
def found(world: World) -> None:
    result = world.claudine("mcp", "install", "--yes")
    expect(result.code == 1 and "[mcp.noClient]" in result.errors and "--client" in result.errors, str(result))
    (world.home / ".codex").mkdir()
    world.own(world.home / ".codex")
    program = world.write(world.base / "bin" / "gemini", "#!/bin/sh\n", mode=0o755)
    path = {"PATH": f"{program.parent}:/usr/bin:/bin"}
    result = world.claudine("mcp", "install", "--yes", env=path)
    expect(result.code == 0 and f"found Codex: {world.home}/.codex" in result.errors and f"found Gemini CLI: {program}" in result.errors, str(result))
    expect(CODEX.file(world).exists() and (world.home / ".gemini/settings.json").exists() and not CLAUDE.file(world).exists(), "the two")
    world.claudine("mcp", "uninstall", "--yes", env=path)
    # Where clients are told to look, by their own variables.
    elsewhere = {name: str(world.home / name.lower()) for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "XDG_CONFIG_HOME")}
    expect(world.claudine("mcp", "install", "--yes", *(word for name in ("claude", "codex", "gemini", "vscode") for word in ("--client", name)), env=elsewhere).code == 0, "elsewhere")
    for name in ("claude_config_dir/.claude.json", "codex_home/config.toml", "gemini_cli_home/.gemini/settings.json", "xdg_config_home/Code/User/mcp.json"):
        expect("claudine" in (world.home / name).read_text(), name)
    for env in ({"HOME": ""}, {"HOME": "relative"}, {"CODEX_HOME": "relative"}):
        result = world.claudine("mcp", "install", "--client", "codex", "--yes", env=env)
        expect(result.code == 1 and "[mcp.unsupported]" in result.errors and "absolute" in result.errors, str(result))


@suite.case("the command line that is written")
def command_line(world: World) -> None:
    secret = "sk-ant-" + "x" * 20
    key = {"ANTHROPIC_API_KEY": "another-key-of-mine"}
    for options in (["--token", secret], [f"--header={secret}"], ["--x=another-key-of-mine"]):
        result = world.claudine(*words(world, CLAUDE, "install", "--yes", "--", *options), env=key)
        expect(result.code == 64 and secret not in result.errors and "of-mine" not in result.errors, str(result))
    result = world.claudine(*words(world, CODEX, "install", "--yes"), env=key)
    expect(result.code == 0 and "of-mine" not in result.text + CODEX.file(world).read_text(), str(result))
    world.write(world.config / "config.toml", '[gateway]\ncredential = "env:MY_OWN_KEY"\n')
    shown = run(world, CODEX, "install", "--print")
    expect("MY_OWN_KEY" in tomllib.loads(shown.text)["mcp_servers"]["claudine"]["env_vars"], str(shown))
    odd = [str(world.workspace / name) for name in ("a b", "\"'\\", "é🎉", "-x", "$1", "${HOME}", "$HOME")]
    for path in odd:
        Path(path).mkdir()
        world.own(Path(path))
    for place in (CLAUDE, CODEX, VSCODE):
        options = [word for path in (odd if place is CODEX else odd[:5]) for word in ("--root", path)]
        run(world, place, "install", "--yes", "--", *options, "--client", "x")
        args = place.servers(world, place.file(world).read_bytes())["claudine"]["args"]
        expect(args[4:] == ["mcp", *options, "--client", "x"], f"{place}: {args}")
    for place, word in ((CLAUDE, odd[5]), (VSCODE, odd[5]), (PLACES[9], odd[5]), (PLACES[9], odd[6])):
        result = run(world, place, "install", "--yes", "--", "--root", word, code=1)
        expect("[mcp.unsupported]" in result.errors and word in result.errors, str(result))
    for options in (["--nonsense"], ["install"], ["--root", "."], ["--http"], ["--http", "127.0.0.1:0"], ["--socket", "/tmp/x"], ["--root", "/no/such/dir"], ["--max-running", "0"], ["--max-policy", "no/such.toml"]):
        result = run(world, CLAUDE, "install", "--yes", "--", *options, code=64)
        expect("[usage]" in result.errors or "[refused.workspace]" in result.errors, str(result))
    result = run(world, CLAUDE, "install", "--yes", "--", "--max-policy", "nosuch", code=78)
    expect("[refused.config]" in result.errors, str(result))
    for name in ("", "a b", "a.b", "a/b", "é", "x" * 33):
        expect(world.claudine("mcp", "install", "--client", "claude", "--yes", "--name", name).code == 64, f"the name {name!r}")
    for bad in (["--client", "emacs"], ["--scope", "world"], ["extra"]):
        expect(world.claudine("mcp", "install", *bad).code == 64, f"{bad}")
    expect("[mcp.unsupported]" in world.claudine("mcp", "install", "--client", "codex", "--scope", "local", "--yes").errors, "codex has no local scope")
    # Directories are written only where they were chosen, and without a step of the way.
    plain = world.launch(
        ["env", "-u", "CLAUDINE_STATE_DIR", "-u", "CLAUDINE_CONFIG_DIR", world.binaries.claudine, "mcp", "install", "--client", "cursor", "--print"]).wait()
    expect(plain.json()["mcpServers"]["claudine"]["args"] == ["mcp"], str(plain))
    relative = world.claudine("--state-dir", "here", "mcp", "install", "--client", "cursor", "--print").json()
    expect(relative["mcpServers"]["claudine"]["args"][:2] == ["--state-dir", str(world.workspace / "here")], f"{relative}")


@suite.case("a project is the main working tree of its repository", identities=ONCE)
def working_trees(world: World) -> None:
    place = PLACES[1]
    main, tree, module = world.base / "main", world.base / "tree", world.base / "main" / "module"
    for folder in (main / ".git" / "worktrees" / "tree", main / "deep" / "er", tree / "deep", module, main / ".git" / "modules" / "module", main / "odd"):
        folder.mkdir(parents=True)
    for path, text in (
        (tree / ".git", f"gitdir: {main}/.git/worktrees/tree\n"), (main / ".git" / "worktrees" / "tree" / "commondir", "../..\n"),
        (module / ".git", "gitdir: ../.git/modules/module\n"), (main / "odd" / ".git", "gitdir: /no/such/place"),
    ):
        path.write_text(text)
    (world.base / "other").symlink_to(main / "deep")
    gone = world.base / "gone"
    gone.mkdir()
    for scope, code in (("local", 1), ("project", 1), ("user", 0)):
        command = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", world.binaries.claudine]
        result = world.launch([*command, "mcp", "install", "--client", "claude", "--scope", scope, "--print"], cwd=gone).wait()
        expect(result.code == code and (code == 0 or "[mcp.unsupported]" in result.errors), f"{scope}: {result}")
        gone.mkdir()
    cases = [
        (main, main), (main / "deep" / "er", main), (tree, main), (tree / "deep", main), (module, module), (main / "odd", main / "odd"),
        (world.base / "other" / "er", main), (world.workspace, world.workspace),
    ]
    for folder, project in cases:
        result = world.claudine(*words(world, place, "install", "--print"), cwd=folder)
        expect(list(result.json()["projects"]) == [str(project)], f"{folder}: {result}")


@suite.case("check is a client of the server in every version, and looks who else is")
def check(world: World) -> str:
    (world.home / ".codex").mkdir()
    world.own(world.home / ".codex")
    (world.home / ".gemini").mkdir()
    world.own(world.home / ".gemini")
    run(world, CODEX)
    world.write(CLAUDE.file(world), json.dumps({"mcpServers": {"claudine": {"command": "/bin/true"}}}))
    before = {path: content for path, content in everything(world).items() if not path.startswith(str(world.state))}
    result = world.claudine("mcp", "check", "--json")
    expect(result.code == 0 and result.stderr == b"", str(result))
    answer = result.json()
    expect(answer["working"] is True and answer["server"] == str(world.binaries.claudine), f"{answer}")
    versions = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
    expect([row["version"] for row in answer["protocol"]] == versions, f"{answer}")
    for row in answer["protocol"]:
        expect(row["tools"] >= 9 and row["firstAnswerMs"] > 0 and set(row["calls"]) == {"PolicyInfo", "TaskStatus"}, f"{row}")
        expect("problem" not in row, f"{row}")
    first = min(row["firstAnswerMs"] for row in answer["protocol"])
    states = {row["client"]: row["state"] for row in answer["clients"]}
    expect(states == {"claude": "other", "codex": "ok", "gemini": "absent"}, f"{states}")
    after = {path: content for path, content in everything(world).items() if not path.startswith(str(world.state))}
    expect(before == after, "a check changes nothing")
    text = world.claudine("mcp", "check")
    expect(text.code == 0 and all(version in text.text for version in versions) and "claudine mcp install --client gemini" in text.text, str(text))
    # What cannot work is said, and by the exit code, too.
    world.write(CLAUDE.file(world), json.dumps({"mcpServers": {"claudine": {"command": "/no/such/program"}}}))
    result = world.claudine("mcp", "check")
    expect(result.code == 1 and "/no/such/program, which cannot be run" in result.text, str(result))
    world.write(CLAUDE.file(world), "{")
    answer = world.claudine("mcp", "check", "--json")
    expect(answer.code == 1 and {row["client"]: row["state"] for row in answer.json()["clients"]}["claude"] == "unreadable", str(answer))
    CLAUDE.file(world).unlink()
    # A server that does not start.
    world.write(world.config / "config.toml", "[queue]\nnonsense = 1\n")
    result = world.claudine("mcp", "check", "--json")
    expect(result.code == 78, str(result))
    (world.config / "config.toml").unlink()
    world.state.chmod(0o777)
    result = world.claudine("mcp", "check", "--json")
    answer = result.json()
    expect(result.code == 1 and answer["working"] is False and all("problem" in row for row in answer["protocol"]), str(result))
    world.state.chmod(0o700)
    return f"first answer after {first} ms"


@suite.case("Claude Code reads what was written", identities=[IDENTITIES[0]])
def real_claude(world: World) -> None:
    try:
        program = claude_binary.find()
    except claude_binary.Unavailable as reason:
        raise Skip(str(reason)) from None

    def claude(*arguments: str, cwd: Path = world.workspace) -> Result:
        return world.launch([program, "mcp", *arguments], cwd=cwd, env={"DISABLE_AUTOUPDATER": "1"}).wait(120)

    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["worktree", "add", "-q", str(world.base / "tree")]):
        world.launch([*git, *command]).wait()
    deep = world.workspace / "deep"
    deep.mkdir()
    for place, folder in ((CLAUDE, deep), (PLACES[1], deep), (PLACES[1], world.base / "tree"), (PLACES[2], deep)):
        expect(world.claudine(*words(world, place, "install", "--yes"), cwd=folder).code == 0, f"{place}")
        result = claude("get", "claudine", cwd=folder)
        expect(str(world.binaries.claudine) in result.text and "stdio" in result.text, f"{place} in {folder}: {result}")
        # Its own health check starts the server and lists the tools; a project's has to be agreed to first.
        expect(place.scope == "project" or "Connected" in result.text, f"{place} in {folder}: {result}")
        expect({"user": "User", "local": "Local", "project": "Project"}[place.scope] in result.text, f"{place}: {result}")
        # And what it wrote itself is found and taken out.
        expect(world.claudine(*words(world, place, "uninstall", "--yes"), cwd=folder).code == 0, f"{place}")
        expect(claude("get", "claudine", cwd=folder).code != 0, f"{place}: still there")
        expect(claude("add", "-s", place.scope, "claudine", "--", "/bin/false", cwd=folder).code == 0, f"{place}")
        run_there = world.claudine(*words(world, place, "uninstall", "--yes"), cwd=folder)
        expect("nothing to do" not in run_there.text and claude("get", "claudine", cwd=folder).code != 0, f"{place}: {run_there}")


if __name__ == "__main__":
    suite.main()
