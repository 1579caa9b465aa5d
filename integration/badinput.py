#!/usr/bin/python3
"""Bad input: each kind gets the contract's code, exit code and sentence, changes nothing, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import NONCE, Result, Suite, World, expect

suite = Suite("badinput", __doc__ or "")

SENTENCE = re.compile(r"^claudine: error: \[([a-zA-Z.]+)\] (.+[.!?]?)$", re.MULTILINE)


class Before:
    """What there is before a bad command, to compare with what there is after it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.files = self._files()
        self.mounts = Path("/proc/self/mountinfo").read_text()

    def _files(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for folder, names, files in os.walk(self.world.base):
            for name in names + files:
                path = Path(folder) / name
                facts = path.lstat()
                size = facts.st_size if path.is_file() and not path.is_symlink() else 0
                found[str(path.relative_to(self.world.base))] = (facts.st_mode, facts.st_uid, size)
        return found

    def unchanged(self, attempted: bool = False) -> None:
        """Nothing but the store's own files may have come or changed; a task that was attempted keeps its record's files."""
        after = self._files()
        ours = re.compile(r"state(/(claudine\.db(-wal|-shm)?|[a-z.]*lock|doorbell|machine|(instances|seccomp)(/.*)?|attempts" + ("(/.*)?" if attempted else "") + r"))?$")
        different = [
            name for name in sorted(set(self.files) | set(after)) if self.files.get(name) != after.get(name) and not ours.match(name)
        ]
        expect(not different, f"changed or left behind: {different[:8]}")
        expect(Path("/proc/self/mountinfo").read_text() == self.mounts, "a mount was left behind")
        expect(not self.world.marked(), "a process was left behind")


#: What an error code means for the exit code, where it is not a task's own.
EXITS = {"usage": 64, "refused": 125, "store": 125, "lost": 125, "spawn.notFound": 127, "spawn.notExecutable": 126, "spawn": 125}


def exit_of(code: str) -> int:
    return EXITS.get(code, EXITS.get(code.split(".")[0], -1))


def refused(
    world: World, code: str, command: Sequence[str | bytes | Path], *, names: str = "", attempted: bool = False, **more: Any
) -> Result:
    """Runs `claudine COMMAND…` and checks everything that a refusal owes: exit code, code, a sentence that names the thing, no trace."""
    before = Before(world)
    result = world.claudine(*command, **more)
    found = SENTENCE.search(result.errors)
    expect(found, f"no error line: {result.errors!r}")
    assert found
    expect(re.fullmatch(code, found[1]), f"code {code} expected, got {found[1]}: {found[2]}")
    expect(result.code == exit_of(found[1]), f"{found[1]} means exit {exit_of(found[1])}: {result}")
    expect(names in result.errors, f"{names!r} is not named in: {result.errors!r}")
    expect("Fatal error" not in result.errors and ".swift" not in result.errors, f"a trace: {result.errors!r}")
    expect(result.stdout == b"", f"stdout {result.stdout!r}")
    before.unchanged(attempted)
    return result


def run(world: World, *rest: str | bytes | Path, workspace: Path | None = None) -> list[str | bytes | Path]:
    return ["run", "--policy", "strict", "-C", workspace or world.workspace, "--env", f"{NONCE}={world.nonce}", *rest]


# MARK: prompts and arguments


@suite.case("an empty prompt")
def empty_prompt(world: World) -> None:
    for prompt in ("", "   \n"):
        refused(world, r"usage|refused\.config", run(world, "--agent", "demo", prompt), names="prompt")


@suite.case("neither prompt nor command")
def nothing_to_run(world: World) -> None:
    refused(world, "usage", ["run", "-C", world.workspace])
    refused(world, "usage", ["run", "-C", world.workspace, "--"])


@suite.case("a prompt of 200 KiB works")
def long_prompt(world: World) -> None:
    prompt = world.write(world.base / "prompt", "improve this project " * 10_000)
    result = world.claudine(*run(world, "--agent", "demo", "--stdin", prompt), timeout=120)
    expect(result.code == 0, str(result))
    record = world.record()
    expect(record["agent"] == "demo" and record["state"] == "succeeded", f"{record['agent']} {record['state']}")
    copied = (world.workspace / "claudine-demo.txt").read_bytes()
    expect(copied.count(b"improve this project ") == 10_000, "the agent did not get the whole prompt")


@suite.case("a prompt of 100 MB is refused with the bound")
def huge_prompt(world: World) -> None:
    prompt = world.write(world.base / "prompt", b"")
    os.truncate(prompt, 100 << 20)
    refused(world, "usage", run(world, "--agent", "demo", "--stdin", prompt), names="MiB")


@suite.case("NUL in a prompt, invalid UTF-8 in arguments")
def not_text(world: World) -> None:
    prompt = world.write(world.base / "prompt", b"a prompt with a \0 in it")
    refused(world, r"usage|refused\.config", run(world, "--agent", "demo", "--stdin", prompt), names="NUL")
    refused(world, "usage", run(world, "--agent", "demo", b"invalid \xff\xfe"), names="UTF-8")
    refused(world, "usage", run(world, "--", "/bin/echo", b"\xc3\x28"), names="UTF-8")
    refused(world, "usage", ["status", b"task_\xff"], names="UTF-8")


#: Values without a meaning: usage errors.
MEANINGLESS = {
    "--timeout": ("5", "-5s", "10x", "s", "", "1e3s", "99999999999999999999s", " 5s", "5s ", "٥s", "0x5s", "infinity"),
    "--idle-timeout": ("10", "10 s"),
    "--memory": ("512", "-1M", "4X", "18446744073709551616G", "9223372036854775807G", "1.5G", "NaN"),
    "--output-limit": ("12", "-1K"),
    "--processes": ("many", "99999999999999999999", "1.5", ""),
    "--max-turns": ("few", "1.5"),
    "--budget": ("much", "nan", "inf"),
    "--priority": ("P9", "p0"),
}
#: Values with a meaning that no task could live with: usage errors or refusals.
TOO_LITTLE = {"--timeout": ("0s",), "--memory": ("0M",), "--processes": ("0", "-1"), "--max-turns": ("0", "-3"), "--budget": ("0", "-1")}


@suite.case("limits that are no limits")
def limits(world: World) -> None:
    for table, codes in ((MEANINGLESS, "usage"), (TOO_LITTLE, r"usage|refused\.(config|ceiling)")):
        for option, values in table.items():
            rest = ["--agent", "demo", "x"] if option in ("--budget", "--max-turns") else ["--", "/bin/true"]
            for value in values:
                world.note(f"# {option}={value!r}")
                refused(world, codes, run(world, f"{option}={value}", *rest))
    expect(all(record["state"] == "refused" for record in world.tasks()), "something ran")


@suite.case("a limit above the ceiling is refused, never reduced")
def above_the_ceiling(world: World) -> None:
    for option, value in (("--timeout", "300d"), ("--memory", "900G"), ("--processes", "4000000"), ("--timeout", "unlimited")):
        refused(world, "refused.ceiling", run(world, option, value, "--", "/bin/true"))


@suite.case("environment names that are none")
def environment_names(world: World) -> None:
    for value in ("=x", "A B=x", "1A=x", "A\nB=x", ""):
        before = Before(world)
        result = world.claudine(*run(world, f"--env={value}", "--", "/bin/true"))
        expect(result.code in (64, 125), f"{value!r}: {result}")
        before.unchanged()


@suite.case("a policy that does not exist, is broken, or belongs to others")
def policies(world: World) -> None:
    refused(world, r"refused\.(config|policy)", ["run", "--policy", "nosuch", "-C", world.workspace, "--", "/bin/true"], names="nosuch")
    refused(world, r"refused\.(config|policy)", ["run", "--policy", "../../etc/passwd", "-C", world.workspace, "--", "/bin/true"])
    text = 'schema = 1\nname = "mine"\ndescription = "mine"\nextends = "strict"\n[limits]\nprocesess = 400\n'
    typo = world.write(world.base / "typo.toml", text)
    refused(world, r"refused\.config", ["run", "--policy", typo, "-C", world.workspace, "--", "/bin/true"], names="procesess")
    loose = world.write(world.base / "loose.toml", 'schema = 1\nname = "mine"\n')
    loose.chmod(0o666)
    refused(world, r"refused\.config", ["run", "--policy", loose, "-C", world.workspace, "--", "/bin/true"], names="loose.toml")
    link = world.base / "link.toml"
    link.symlink_to(loose)
    refused(world, r"refused\.config", ["run", "--policy", link, "-C", world.workspace, "--", "/bin/true"], names="link.toml")


# MARK: workspaces


@suite.case("workspaces that cannot be one")
def workspaces(world: World) -> None:
    file = world.write(world.base / "file", "x")
    below = world.state / "below"
    below.mkdir()
    world.own(below)
    places: list[Path] = [world.base / "missing", file, Path("/"), world.home, world.state, below, Path("/proc"), Path("/etc")]
    for number, target in enumerate([Path("/"), world.home, world.state, below]):
        link = world.base / f"link{number}"
        link.symlink_to(target)
        places.append(link)
    places.append(world.workspace / ".." / "home")
    for place in places:
        refused(world, r"refused\.workspace", run(world, "--", "/bin/true", workspace=place))
    # The directories above those are as good as those themselves.
    refused(world, r"refused\.workspace", run(world, "--", "/bin/true", workspace=world.base))
    refused(world, r"refused\.workspace", ["run", "--policy", "strict", "--", "/bin/true"], cwd=world.home)


# MARK: commands


@suite.case("commands that cannot be executed")
def commands(world: World) -> None:
    world.write(world.workspace / "plain", "text\n", mode=0o644)
    world.write(world.workspace / "bad", "#!/no/such/interpreter\n", mode=0o755)
    world.write(world.workspace / "garbage", b"\x7fELF garbage", mode=0o755)
    folder = world.workspace / "folder"
    folder.mkdir()
    world.own(folder)
    refused(world, "spawn.notFound", run(world, "--", "/no/such/command"), names="/no/such/command", attempted=True)
    refused(world, "spawn.notFound", run(world, "--", "no-such-command"), names="no-such-command", attempted=True)
    refused(world, "spawn.notExecutable", run(world, "--", "./folder"), names="folder", attempted=True)
    refused(world, "spawn.notExecutable", run(world, "--", "./plain"), names="plain", attempted=True)
    refused(world, "spawn.(notExecutable|notFound)", run(world, "--", "./bad"), names="bad", attempted=True)
    refused(world, "spawn.notExecutable", run(world, "--", "./garbage"), names="garbage", attempted=True)
    for record in world.tasks():
        expect(record["state"] == "refused" or record["state"] == "failed", f"state {record['state']}")
        expect(str(record["reason"]["code"]).startswith("spawn."), f"reason {record['reason']}")


@suite.case("an agent that is not installed says how to install it")
def missing_agent(world: World) -> None:
    result = refused(world, "spawn.notFound", run(world, "hello"), names="claude", attempted=True)
    expect("hint: " in result.errors, f"no hint: {result.errors!r}")
    refused(world, r"refused\.config|usage|spawn\.notFound", run(world, "--agent", "nobody", "hello"), names="nobody")


# MARK: descriptors


@suite.case("closed standard descriptors")
def closed_descriptors(world: World) -> None:
    words = [os.fsdecode(word) for word in [world.binaries.claudine, *run(world, "--", "/bin/sh", "-c", "exit 7")]]
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        result = world.launch(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *words]).wait()
        expect(result.code == 7, f"{closed}: {result}")
    expect(all(record["exit"] == {"code": 7} for record in world.tasks()), "the records")
    check = sqlite3.connect(world.state / "claudine.db")
    expect(check.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the database was written to")
    check.close()


@suite.case("a key written where its source belongs is repeated nowhere")
def key_as_source(world: World) -> None:
    key = "sk-ant-" + world.nonce
    world.write(world.config / "config.toml", f'[gateway]\ncredential = "{key}"\n')
    result = world.claudine(*run(world, "--", "/bin/true"))
    expect(result.code == 125 and b"refused.config" in result.stderr, str(result))
    check = world.claudine("config", "check")
    expect(check.code == 78, str(check))
    events = world.claudine("events")
    for text in (result.stderr, check.stderr, events.stdout, *(file.read_bytes() for file in world.state.glob("claudine.db*"))):
        expect(key.encode() not in text, "the key is repeated")


@suite.case("a directory as standard input is refused: from it one could walk past the cage's mounts")
def directory_as_input(world: World) -> None:
    for options, source in ((("--stdin", "-"), world.base), (("--stdin", str(world.base)), Path("/dev/null"))):
        handle = os.open(source, os.O_RDONLY)
        try:
            result = world.begin("/bin/ls", "-a", "/proc/self/fd/0/", options=options, stdin=handle).wait(60)
        finally:
            os.close(handle)
        expect(result.code == 64 and b"directory" in result.stderr, str(result))


@suite.case("standard input that never ends")
def endless_input(world: World) -> None:
    endless = world.begin("/bin/true", stdin=subprocess.PIPE)
    expect(endless.wait(30).code == 0, "without --stdin it must not be read")
    with open("/dev/zero", "rb") as zero:
        result = world.begin("/bin/sh", "-c", "head -c 10 | wc -c", options=("--stdin", "-"), stdin=zero).wait(60)
    expect(result.code in (0, 64, 125), str(result))
    expect(result.code == 0 or SENTENCE.search(result.errors), f"no error line: {result.errors!r}")


# MARK: state


def database(world: World) -> Path:
    expect(world.run("/bin/true").code == 0, "the first run")
    base = sqlite3.connect(world.state / "claudine.db")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    return world.state / "claudine.db"


def damaged(world: World, code: str, path: Path) -> None:
    """A refused database stays byte for byte as it was."""
    for name in ("claudine.db-wal", "claudine.db-shm"):
        (world.state / name).unlink(missing_ok=True)
    content = path.read_bytes() if path.is_file() else None
    refused(world, code, run(world, "--", "/bin/true"))
    result = world.claudine("list")
    expect(result.code not in (0, 125) and SENTENCE.search(result.errors), f"list: {result}")
    expect(content is None or path.read_bytes() == content, "the file was changed")


@suite.case("a database of a newer version")
def newer_database(world: World) -> None:
    path = database(world)
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 9999")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    world.own(path)
    damaged(world, "store.newer", path)


@suite.case("a truncated database")
def truncated_database(world: World) -> None:
    path = database(world)
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096 + 100)
    damaged(world, "store.(corrupt|notADatabase)", path)


@suite.case("a file that is no database, a database of somebody else's, a directory")
def foreign_database(world: World) -> None:
    path = world.write(world.state / "claudine.db", "this is no database, " * 1000)
    damaged(world, "store.notADatabase", path)
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.execute("PRAGMA application_id = 1234")
    other.commit()
    other.close()
    world.own(path)
    damaged(world, "store.notADatabase", path)
    path.unlink()
    path.mkdir()
    world.own(path)
    damaged(world, "store.[a-zA-Z]+", path)


@suite.case("a state directory that cannot be written")
def read_only_state(world: World) -> None:
    if world.identity.uid == 0:
        # Modes do not stop root: a read-only mount in a mount namespace of the test's own does.
        script = f"mount --bind '{world.state}' '{world.state}' && mount -o remount,bind,ro '{world.state}' && exec \"$@\""
        words = [os.fsdecode(word) for word in [world.binaries.claudine, *run(world, "--", "/bin/true")]]
        before = Before(world)
        result = world.launch(["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, "sh", *words]).wait()
        expect(result.code == 125 and "[store.readOnly]" in result.errors, str(result))
        before.unchanged()
        return
    world.state.chmod(0o500)
    try:
        refused(world, "store.readOnly", run(world, "--", "/bin/true"))
    finally:
        world.state.chmod(0o700)


@suite.case("a state directory that is full")
def full_state(world: World) -> None:
    script = (
        f"mount -t tmpfs -o size=64k,mode=700,uid={world.identity.uid} none '{world.state}' && "
        f"head -c 1M /dev/zero > '{world.state}/filler' 2>/dev/null; exec \"$@\""
    )
    words = [os.fsdecode(word) for word in [world.binaries.claudine, *run(world, "--", "/bin/true")]]
    spaces = ["/usr/bin/unshare", "-m"] if world.identity.uid == 0 else ["/usr/bin/unshare", "-U", "-m", "--map-root-user"]
    if world.identity.uid != 0:
        script = script.replace(f"uid={world.identity.uid}", "uid=0")
    before = Before(world)
    result = world.launch([*spaces, "/bin/sh", "-c", script, "sh", *words]).wait()
    expect(result.code == 125, str(result))
    expect(re.search(r"\[store\.(full|io|readOnly)\]", result.errors), str(result))
    before.unchanged()


@suite.case("a state directory that others may write to, or that is somebody else's")
def unsafe_state(world: World) -> None:
    world.run("/bin/true")
    world.state.chmod(0o777)
    refused(world, "store.unsafe", run(world, "--", "/bin/true"))
    world.state.chmod(0o700)
    if world.identity.uid == 0:
        os.chown(world.state, 41235, 41235)
        refused(world, "store.unsafe", run(world, "--", "/bin/true"))
        os.chown(world.state, 0, 0)


# MARK: the shepherd


def with_shepherd(world: World, content: str | None) -> None:
    """Gives the world an installation of its own whose shepherd is missing or something else."""
    world.binaries = world.binaries.copy(world.base / "prefix")
    world.binaries.shepherd.unlink()
    if content is not None:
        world.binaries.shepherd.write_text(content)
        world.binaries.shepherd.chmod(0o755)


@suite.case("the shepherd is missing")
def no_shepherd(world: World) -> None:
    with_shepherd(world, None)
    refused(world, r"(spawn|refused|lost)\.[a-zA-Z]+", run(world, "--", "/bin/true"), names="claudine-shepherd", attempted=True)


@suite.case("the shepherd is something else")
def other_shepherd(world: World) -> None:
    original = world.binaries
    for content in (
        "#!/bin/sh\nexit 0\n",
        "#!/bin/sh\nexec sleep 300\n",
        "#!/bin/sh\nhead -c 100000 /dev/urandom >&4; exec sleep 300\n",
        "#!/bin/sh\nprintf '\\377\\377\\377\\377' >&4; exec sleep 300\n",
    ):
        shutil.rmtree(world.base / "prefix", ignore_errors=True)
        world.binaries = original
        with_shepherd(world, content)
        result = world.claudine(*run(world, "--", "/bin/true"), timeout=90)
        expect(result.code == 125, f"{content!r}: {result}")
        expect(re.search(r"\[(spawn|lost)\.[a-zA-Z]+\]", result.errors), f"{content!r}: {result.errors!r}")
        children = [path for path in world.state.rglob("*") if path.name == "stdout" and path.stat().st_size]
        expect(not children, "something ran")


@suite.case("an error with --json is JSON on stdout and nothing else there")
def json_errors(world: World) -> None:
    for words, code in (
        (["run", "--json", "--timeout", "5", "--", "/bin/true"], 64),
        (["status", "--json", "task_" + "a" * 26], 4),
        (["list", "--json", "--limit", "x"], 64),
    ):
        result = world.claudine(*words)
        expect(result.code == code, f"{words}: {result}")
        error = json.loads(result.stdout)["error"]
        expect(error["code"] and error["message"], f"{words}: {error}")


if __name__ == "__main__":
    suite.main()
