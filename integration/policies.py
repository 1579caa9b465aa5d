#!/usr/bin/python3
"""Policies from outside: what each built-in one lets run, the commands about them, workspace files, and bad policy files."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Result, Suite, World, expect, wait_until
from harness.binaries import REPOSITORY
from harness.suite import Skip

suite = Suite("policies", __doc__ or "")

BUILT_IN = ["paranoid", "readonly", "strict", "standard", "permissive"]


def policy(world: World, *words: str | Path, code: int = 0) -> Result:
    """Runs `claudine policy …` and checks its exit code."""
    result = world.claudine("policy", *words)
    expect(result.code == code, f"exit {code} expected: {result}")
    return result


def own(world: World, name: str, text: str) -> Path:
    """Writes a policy of the user's own."""
    head = f'schema = 1\nname = "{name}"\ndescription = "a test"\n'
    return world.write(world.config / "policies" / f"{name}.toml", head + text)


def error(result: Result) -> dict[str, Any]:
    return dict(result.json()["error"])


# MARK: the built-in ones


@suite.case("all five can be enforced here, and say so")
def listed(world: World) -> None:
    entries = policy(world, "list", "--json").json()["policies"]
    expect([entry["name"] for entry in entries] == BUILT_IN, f"{entries}")
    for entry in entries:
        expect(entry["enforceable"] == "yes" and entry["source"] == "built-in", f"{entry}")
        expect(re.fullmatch(r"sha256:[0-9a-f]{64}", entry["digest"]), f"{entry}")
    text = policy(world, "list").text
    expect(all(name in text for name in BUILT_IN) and "\x1b" not in text, text)


@suite.case("policies can be asked about before there is a state directory, and none is made")
def without_a_state_directory(world: World) -> None:
    nowhere = world.base / "nothing" / "yet"
    before = sorted(os.listdir("/tmp"))
    for words in (("check",), ("list",), ("show", "strict", "--effective"), ("explain", "strict", "limits.memory"), ("diff", "strict", "strict")):
        result = world.claudine("--state-dir", nowhere, "policy", *words)
        expect(result.code == 0 and "invalid" not in result.text, str(result))
    expect(not nowhere.parent.exists(), "a directory was made")
    left = [name for name in sorted(set(os.listdir("/tmp")) - set(before)) if not name.startswith("claudine-")]
    expect("seccomp" not in left, f"left in /tmp: {left}")


#: Each prints its line only if the tool did its work.
TOOLS = {
    "bash": "for i in 1 2; do n=$((n + i)); done; echo bash $n | sed s/3/works/",
    "git": "cd && git init -q r && cd r && echo x > f && git add f && git -c user.name=a -c user.email=b@c commit -qm m && git log --format='format:git works%n' && git gc -q",
    "python": "/usr/bin/python3 -c 'import ctypes, json, sqlite3, ssl, subprocess, threading, zlib; ssl.create_default_context(); print(subprocess.run([\"echo\", \"python works\"], capture_output=True, text=True).stdout, end=\"\")'",
    "node": "node -e 'const {execSync} = require(\"child_process\"); require(\"os\").cpus(); console.log(execSync(\"echo node works\").toString().trim())'",
}


@suite.case("coding tools run under every policy")
def tools(world: World) -> str:
    missing = [] if Path("/usr/bin/node").exists() else ["node"]
    script = "; ".join(f"({command})" for name, command in TOOLS.items() if name not in missing)
    for name in BUILT_IN:
        result = world.run("/bin/bash", "-c", script, policy=name)
        for tool in TOOLS:
            expect(tool in missing or f"{tool} works\n" in result.text, f"{name}: {tool}: {result}")
        world.claudine("rm", world.tasks()[0]["taskId"])
    return f"without {', '.join(missing)}" if missing else ""


@suite.case("the demo agent runs under paranoid, and nothing it tries is left open")
def demo_in_paranoid(world: World) -> None:
    result = world.claudine("run", "--policy", "paranoid", "-C", world.workspace, "--agent", "demo", "improve this")
    expect(result.code == 0 and "0 were NOT BLOCKED" in result.text, str(result))
    expect(not list(world.workspace.iterdir()), f"the workspace was changed: {list(world.workspace.iterdir())}")


@suite.case("a minimal root has the distribution's programs and little else")
def minimal_root(world: World) -> None:
    script = "ls /etc | tr '\\n' ' '; ls -A /usr/local | wc -l; test -e /opt && echo opt; cat /etc/hosts >/dev/null && echo hosts"
    result = world.run("/bin/sh", "-c", script, policy="paranoid")
    for name in ("ssh", "crontab", "fstab", "sudoers", "hostname", "apt", "systemd"):
        expect(name not in result.text.split(), f"/etc/{name} is there: {result.text}")
    expect(result.text.split()[-2:] == ["0", "hosts"], str(result))


@suite.case("paranoid runs nothing from /tmp, and its calls are fewer")
def paranoid_is_tighter(world: World) -> None:
    script = "cp /bin/true /tmp/t; /tmp/t 2>/dev/null; echo exec $?; /usr/bin/python3 -c 'import os; os.memfd_create(\"x\")' 2>&1 | tail -1"
    result = world.run("/bin/sh", "-c", script, policy="paranoid")
    expect("exec 126" in result.text and "PermissionError" in result.text, str(result))
    control = world.run("/bin/sh", "-c", script, policy="strict")
    expect("exec 0" in control.text and "Error" not in control.text, f"the control shows nothing: {control}")


@suite.case("readonly reads the workspace and changes nothing in it")
def readonly(world: World) -> None:
    world.write(world.workspace / "file", "content\n")
    result = world.run("/bin/sh", "-c", "cat file; echo x > file; echo y > new; rm file", policy="readonly")
    expect(result.text == "content\n" and result.errors.count("Read-only file system") == 3, str(result))
    expect((world.workspace / "file").read_text() == "content\n", "the file was changed")


# MARK: commands


@suite.case("show --effective: every field with its mechanism, every mount with its reason")
def effective(world: World) -> None:
    (world.workspace / ".git" / "hooks").mkdir(parents=True)
    for path in (world.workspace / ".git", world.workspace / ".git" / "hooks"):
        world.own(path)
    shown = policy(world, "show", "strict", "--effective", "--for", world.workspace, "--json").json()
    keys = [field["key"] for field in shown["fields"]]
    expect(len(keys) == len(set(keys)) > 40 and all(field["mechanism"] for field in shown["fields"]), f"{keys}")
    mounts = {mount["path"]: mount for mount in shown["mounts"]}
    expect(all(mount["why"] for mount in mounts.values()), f"{mounts}")
    workspace = str(world.workspace.resolve())
    for path, access, why in [
        ("/usr", "ro", "filesystem.root"), ("/tmp", "private", "filesystem.tmp"), (workspace, "rw", "workspace.mode"),
        ("/home/agent", "rw", "filesystem.home"), (f"{workspace}/.git/hooks", "ro", "workspace.protect"),
        ("/etc/shadow", "hidden", "filesystem.deny: @secrets"),
    ]:
        expect(path in mounts and (mounts[path]["access"], mounts[path]["why"]) == (access, why), f"{path}: {mounts.get(path)}")
    # Inside, the same is to be seen.
    inside = world.run("/bin/sh", "-c", "grep -c . /proc/self/mountinfo >/dev/null; cat /etc/shadow; touch .git/hooks/x; touch here && echo rw")
    expect(inside.text == "rw\n" and "Read-only file system" in inside.errors, str(inside))
    expect(200 < shown["systemCalls"]["allowed"] < shown["systemCalls"]["known"], f"{shown['systemCalls']}")
    expect(re.fullmatch(r"sha256:[0-9a-f]{64}", shown["systemCalls"]["filter"]), f"{shown['systemCalls']}")
    expect({"name": "RLIMIT_CORE", "soft": "0", "hard": "0"} in shown["rlimits"], f"{shown['rlimits']}")
    expect(shown["enforceable"] == "yes" and shown["digest"] == world.record()["policy"]["digest"], f"{shown['digest']}")
    text = policy(world, "show", "strict", "--effective").text
    expect("filesystem.deny" in text and "system calls:" in text and "\x1b" not in text, text)


@suite.case("the effective policy as a file means the same")
def effective_toml(world: World) -> None:
    for name in BUILT_IN:
        text = policy(world, "show", name, "--effective", "--toml").text
        world.write(world.config / "policies" / f"my-{name}.toml", text.replace(f'name = "{name}"', f'name = "my-{name}"'))
        result = policy(world, "diff", name, f"my-{name}", "--json").json()
        expect(result["order"] == "equal", f"{name}: {result}")


@suite.case("check: 0 enforceable, 2 invalid, 3 not enforceable here")
def check(world: World) -> None:
    expect(policy(world, "check").text.count("ok: ") == 5, "not all five are ok")
    expect(policy(world, "check", "strict", "--json").json()["policies"][0]["enforceable"] == "yes", "strict")
    own(world, "newer", 'extends = "strict"\nrequire = { add = ["landlock"] }\n[landlock]\nmin_abi = 16\n')
    finding = policy(world, "check", "newer", "--json", code=3).json()["policies"][0]
    expect(finding["enforceable"] == "no" and finding["error"]["code"] == "refused.policy", f"{finding}")
    expect(finding["error"]["detail"]["layer"] == "landlock" and finding["error"]["hint"], f"{finding}")
    expect(policy(world, "list", "--json").json()["policies"][-1]["enforceable"] == "no", "list")
    path = own(world, "broken", 'extends = "strict"\n[limits]\nmemory = "much"\n')
    for words in (["broken"], [path]):
        failure = error(policy(world, "check", *words, "--json", code=2))
        expect(failure["code"] == "refused.config", f"{failure}")
        expect((failure["detail"]["line"], failure["detail"]["key"], failure["detail"]["found"]) == (6, "limits.memory", "much"), f"{failure}")
    all_of_them = policy(world, "check", code=2).text
    expect("invalid: broken" in all_of_them and "not enforceable here: newer" in all_of_them, all_of_them)
    own(world, "absent", 'extends = "strict"\n[filesystem]\nread = ["/no/such/place"]\n')
    expect("/no/such/place" in policy(world, "check", "absent", code=2).text, "a grant of what is not there")
    for place in (Path("/"), world.home, world.state):
        failure = error(policy(world, "check", "strict", "--for", place, "--json", code=2))
        expect(failure["code"] == "refused.workspace", f"{place}: {failure}")


@suite.case("check: 1 where a policy would run without some layers")
def check_degraded(world: World) -> str:
    if world.identity.uid == 0:
        raise Skip("root is not held without user namespaces")
    bwrap = ["/usr/bin/bwrap", "--dev-bind", "/", "/", "--unshare-user", "--disable-userns", "--"]
    if not Path(bwrap[0]).exists() or world.launch([*bwrap, "/bin/true"]).wait().code != 0:
        raise Skip("bubblewrap with --disable-userns is not to be had")
    result = world.launch([*bwrap, world.binaries.claudine, "policy", "check", "standard", "--json"]).wait()
    expect(result.code == 1, str(result))
    finding = result.json()["policies"][0]
    expect(finding["enforceable"] == "degraded" and "userNamespace" in finding["degraded"], f"{finding}")
    result = world.launch([*bwrap, world.binaries.claudine, "policy", "check", "strict", "--json"]).wait()
    expect(result.code == 3 and result.json()["policies"][0]["enforceable"] == "no", str(result))
    return ", ".join(finding["degraded"])


@suite.case("lints warn about what is valid and unwise")
def lints(world: World) -> None:
    (world.home / "bin").mkdir(mode=0o700)
    world.own(world.home / "bin")
    world.write(world.home / ".ssh" / "id", "secret")
    own(world, "odd", """extends = "permissive"
[process]
wall_time = "5m"
idle_time = "10m"
[limits]
processes = 100
[filesystem]
deny = []
read = ["~/.ssh"]
write = ["~/bin"]
[syscalls]
allow = ["ptrace"]
""")
    result = world.claudine("policy", "check", "odd", "--json", env={"PATH": f"{world.home}/bin:/usr/bin:/bin"})
    found = {lint["key"]: lint["message"] for lint in result.json()["policies"][0]["warnings"]}
    expect(result.code == 0, str(result))
    for key, words in {
        "process.idle_time": "never reached", "limits.processes": "301", "network.mode": ".ssh",
        "filesystem.write": str(world.home / "bin"), "syscalls.allow": "ptrace",
    }.items():
        expect(key in found and words in found[key], f"{key}: {found}")
    own(world, "sockets", f'extends = "strict"\n[filesystem]\nwrite = ["~"]\ndeny = ["~/.ssh", "~/.later"]\n')
    found = {lint["key"]: lint["message"] for lint in policy(world, "check", "sockets", "--json").json()["policies"][0]["warnings"]}
    own(world, "engine", 'extends = "strict"\n[filesystem]\nread = ["/run/docker.sock"]\ndeny = []\n')
    result = world.claudine("policy", "check", "engine", "--json")
    expect("filesystem.read" in {lint["key"] for lint in result.json()["policies"][0]["warnings"]}, str(result))
    expect(".bashrc" in found["filesystem.write"] and ".later" in found["filesystem.deny"], f"{found}")


@suite.case("diff says which is stricter, field by field")
def diff(world: World) -> None:
    same = policy(world, "diff", "strict", "strict", "--json").json()
    expect(same["order"] == "equal" and same["fields"] == [], f"{same}")
    looser = policy(world, "diff", "strict", "standard", "--json", code=1).json()
    fields = {field["key"]: field for field in looser["fields"]}
    expect(looser["order"] == "looser", f"{looser['order']}")
    expect(fields["limits.memory"] == {"key": "limits.memory", "order": "looser", "a": '"4G"', "b": '"8G"'}, f"{fields['limits.memory']}")
    expect(policy(world, "diff", "standard", "strict", "--json", code=1).json()["order"] == "stricter", "the other way")
    own(world, "other", 'extends = "strict"\n[limits]\nmemory = "2G"\nprocesses = 600\n')
    text = policy(world, "diff", "strict", "other", code=1).text
    expect(re.search(r"^stricter +limits.memory +\"4G\" +\"2G\"$", text, re.M), text)
    expect(re.search(r"^looser +limits.processes +512 +600$", text, re.M) and "neither" in text, text)


@suite.case("explain says what a key means and where it is written")
def explain(world: World) -> None:
    path = own(world, "mine", 'extends = "strict"\n[limits]\nmemory = "2G"\n[environment]\ninherit = { add = ["MINE"] }\n')
    answer = policy(world, "explain", "mine", "limits.memory", "--json").json()["fields"][0]
    expect(answer["value"] == '"2G"' and answer["origins"] == [{"file": str(path), "line": 6}], f"{answer}")
    expect(answer["meaning"] and answer["mechanism"] and answer["failure"] and answer["here"], f"{answer}")
    files = [origin["file"] for origin in policy(world, "explain", "mine", "environment.inherit", "--json").json()["fields"][0]["origins"]]
    expect(files == ["built-in strict", str(path)], f"{files}")
    expect(policy(world, "explain", "strict", "limits").text.count("  means") > 8, "a table stands for its keys")
    expect("limits.memory" in policy(world, "explain", "strict", "limits.memry", code=64).errors, "no suggestion")


@suite.case("docs/policies.md has the tables that the program has")
def documentation(world: World) -> None:
    page = (REPOSITORY / "docs" / "policies.md").read_text()
    parts = re.findall(r"<!-- (\w+): begin -->.*?<!-- \1: end -->\n", policy(world, "reference").text, re.S)
    expect(parts == ["policies", "fields", "sets"], f"{parts}")
    for match in re.finditer(r"<!-- (\w+): begin -->.*?<!-- \1: end -->\n", policy(world, "reference").text, re.S):
        expect(match[0] in page, f"the part '{match[1]}' is stale: integration/docs_check.py --write")


# MARK: the workspace's own file


def workspace_file(world: World, text: str) -> Path:
    return world.write(world.workspace / ".claudine.toml", text, mode=0o664)


@suite.case("a workspace's file tightens, and what it tightened is shown")
def tightening(world: World) -> None:
    path = workspace_file(world, '[limits]\nmemory = "1G"\nprocesses = 64\n[network]\nmode = "none"\n[filesystem]\ndeny = ["/usr/share"]\n')
    result = world.run("/bin/sh", "-c", "ls /usr/share; ls /run/claudine; echo done", policy="standard")
    expect(result.code == 0 and result.text == "done\n", str(result))
    expect("tightens policy 'standard'" in result.errors and 'limits.memory ("8G" to "1G")' in result.errors, result.errors)
    record = world.record(world.tasks()[0]["taskId"])
    fields = ["limits.processes", "limits.memory", "filesystem.deny", "network.mode", "credentials.api"]
    expect(record["policy"]["tightenedBy"] == {"file": str(path.resolve()), "fields": fields}, f"{record['policy']}")
    expect(record["limits"]["memoryBytes"] == 1 << 30 and record["limits"]["processes"] == 64, f"{record['limits']}")
    shown = policy(world, "show", "standard", "--for", world.workspace, "--json").json()
    expect(shown["tightenedBy"]["fields"] == fields, f"{shown['tightenedBy']}")
    origins = {field["key"]: field.get("origin", "") for field in shown["fields"]}
    expect(origins["limits.memory"] == str(path.resolve()) and origins["process.nice"].startswith("built-in standard"), f"{origins}")
    workspace_file(world, '[workspace]\nmode = "readonly"\n')
    result = world.run("/bin/sh", "-c", "touch x", policy="standard")
    expect("x" not in os.listdir(world.workspace), f"it was not tightened: {result}")
    expect('workspace.mode ("direct" to "readonly")\n' in result.errors, result.errors)
    workspace_file(world, '[limits]\nmemory = "1G"\n')
    # What is asked for on the command line is held against the tightened value.
    result = world.run("/bin/true", options=("--memory", "2G"), policy="standard")
    expect(result.code == 125 and "refused.ceiling" in result.errors and ".claudine.toml tightens" in result.errors, str(result))
    expect(world.run("/bin/true", options=("--memory", "512M"), policy="standard").code == 0, "less is allowed")


@suite.case("a workspace's file never loosens, and is never ignored")
def loosening(world: World) -> None:
    for text, line, key in [
        ('[limits]\n\nmemory = "unlimited"\n', 3, "limits.memory"), ('network.mode = "open"\n', 1, "network.mode"),
        ('[filesystem]\nwrite = ["~"]\n', 2, "filesystem.write"), ('[environment]\nset = { LD_PRELOAD = "/x" }\n', 2, "environment.set"),
        ('[filesystem]\ndeny = { remove = ["@secrets"] }\n', 2, "filesystem.deny"), ('[syscalls]\nprofile = "off"\n', 2, "syscalls.profile"),
    ]:
        path = workspace_file(world, text)
        result = world.run("/bin/sh", "-c", "touch ran")
        expect(result.code == 125 and f"[refused.ceiling] {path.resolve()}:{line}: {key}: " in result.errors, f"{text!r}: {result}")
        reason = world.tasks()[0]["reason"]
        expect(reason["code"] == "refused.ceiling" and reason["detail"]["field"] == key and reason["detail"]["bound"], f"{reason}")
        expect(error(policy(world, "check", "strict", "--for", world.workspace, "--json", code=2))["code"] == "refused.ceiling", key)
    for text in ("not toml", 'extends = "permissive"\n', 'name = "strict"\n', "[limits]\nmemory = 1\n", "\0", "x = " + "[" * 100_000):
        workspace_file(world, text)
        result = world.run("/bin/sh", "-c", "touch ran")
        expect(result.code == 125 and "[refused.config]" in result.errors, f"{text[:40]!r}: {result}")
    expect(not (world.workspace / "ran").exists(), "a refused task ran")


@suite.case("whatever stands in the place of a workspace's file is refused at once")
def odd_workspace_files(world: World) -> None:
    path = world.workspace / ".claudine.toml"
    makers: list[Callable[[], object]] = [
        lambda: os.mkfifo(path), path.mkdir, lambda: path.symlink_to("/dev/zero"), lambda: path.symlink_to("/nowhere"),
        lambda: os.truncate(world.write(path, ""), 1 << 40),
    ]
    if world.identity.uid == 0:
        makers.append(lambda: os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5)))
    for make in makers:
        make()
        began = time.monotonic()
        result = world.run("/bin/sh", "-c", "touch ran")
        expect(result.code == 125 and "[refused.config]" in result.errors and ".claudine.toml" in result.errors, str(result))
        expect(time.monotonic() - began < 10, f"it took {time.monotonic() - began:.1f} s")
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    expect(not (world.workspace / "ran").exists(), "a refused task ran")


@suite.case("a workspace's file hides a part of the workspace itself")
def hidden_part(world: World) -> None:
    world.write(world.workspace / "fixtures" / "private", "canary-815\n", mode=0o644)
    world.write(world.workspace / ".env", "canary-815\n", mode=0o644)
    workspace = world.workspace.resolve()
    hidden = json.dumps([f"{workspace}/fixtures", f"{workspace}/.env"])
    script = "cat .env fixtures/private; ls fixtures; mv fixtures elsewhere; mv .env elsewhere; cat elsewhere/private; true"
    workspace_file(world, f"[filesystem]\ndeny = {hidden}\n")
    result = world.run("/bin/sh", "-c", script)
    expect(result.code == 0 and "canary" not in result.text, str(result))
    (world.workspace / ".claudine.toml").unlink()
    expect("canary" in world.run("/bin/sh", "-c", script).text, "the control shows nothing")


@suite.case("an agent cannot change the file that tightens the next task")
def protected_file(world: World) -> None:
    for name in ("standard", "permissive"):
        path = workspace_file(world, '[limits]\nprocesses = 64\n')
        world.run("/bin/sh", "-c", "echo > .claudine.toml; rm -f .claudine.toml; mv .claudine.toml x", policy=name)
        expect(path.read_text() == '[limits]\nprocesses = 64\n', f"{name}: it was changed")


# MARK: a policy that changes under a task


@suite.case("a policy that is changed, deleted or swapped while a task runs: the task keeps its own")
def frozen(world: World) -> None:
    text = 'extends = "strict"\n[limits]\nprocesses = 100\n[filesystem]\ndeny = { add = ["/usr/share"] }\n'
    swaps: list[Callable[[Path], object]] = [
        lambda path: own(world, "mine", 'extends = "permissive"\n'), lambda path: path.unlink(),
        lambda path: (path.unlink(), path.symlink_to("/nowhere")),
    ]
    for swap in swaps:
        path = own(world, "mine", text)
        digest = [entry["digest"] for entry in policy(world, "list", "--json").json()["policies"] if entry["name"] == "mine"][0]
        for name in ("ready", "go"):
            (world.workspace / name).unlink(missing_ok=True)
        run = world.begin("/bin/sh", "-c", "touch ready; while ! test -e go; do sleep 0.05; done; ls /usr/share", policy="mine")
        wait_until("command up", 30, lambda: (world.workspace / "ready").exists())
        swap(path)
        world.write(world.workspace / "go", "")
        result = run.wait()
        expect(result.stdout == b"" and result.code != 0, f"what was hidden is seen: {result}")
        record = world.record(world.tasks()[0]["taskId"])
        expect(record["policy"]["digest"] == digest and record["limits"]["processes"] == 100, f"{record['policy']}")
        path.unlink(missing_ok=True)


# MARK: bad policy files


def mistakes(text: str, seed: int, count: int) -> list[tuple[str, int, str]]:
    """Copies of a policy with one mistake each: the text, its line, and what was done."""
    chance = random.Random(seed)
    lines = text.splitlines()
    sections: dict[int, str] = {}
    settings = []
    for number, line in enumerate(lines):
        if match := re.match(r"\[(.+)\]$", line):
            sections[number] = match[1]
        if re.match(r"\w+ = \S", line):
            settings.append(number)
    found = []
    for _ in range(count):
        number = chance.choice(settings)
        key, value = re.match(r"(\w+) = (.*?)\s*(#.*)?$", lines[number]).groups()[:2]  # type: ignore[union-attr]
        wrong = {"\"": "5", "[": "7", "{": "7", "t": "\"no\"", "f": "\"no\""}.get(value[0], "\"x\"")
        kind, changed = chance.choice([
            ("wrong type", [f"{key} = {wrong}"]),
            ("unknown key", [f"{key[:-1]}_ = {value}"]),
            ("twice", [lines[number], f"{key} = {value}"]),
            ("no value", [f"{key} ="]),
            ("no equals sign", [f"{key} {value}"]),
            ("open string", [f"{key} = \"{chance.choice(['a', '4G', ''])}"]),
            ("open list", [f"{key} = [{chance.choice(['', '1', chr(34) + 'a' + chr(34)])}"]),
            ("a date", [f"{key} = 2026-01-01"]),
            ("rubbish", [f"{key} = {''.join(chance.choice('@$%^&|~<>') for _ in range(9))}"]),
            ("control character", [f"{key} = \"{chr(chance.choice([0, 1, 8, 27, 127]))}\""]),
            ("negative", [f"{key} = -{chance.randrange(1, 1 << 40)}"]),
            ("too large", [f"{key} = {'9' * chance.randrange(17, 60)}"]),
            ("fraction", [f"{key} = 0.5"]),
            ("nested", [f"{key} = {'{a = ' * chance.randrange(1, 40)}1"]),
        ])
        at = number + len(changed)
        found.append(("\n".join([*lines[:number], *changed, *lines[number + 1:]]) + "\n", at, f"{key}: {kind}"))
    return found


@suite.case("200 malformed policies: each is refused with its line and key, none takes 100 ms", alone=True)
def malformed(world: World) -> str:
    text = policy(world, "show", "strict").text.replace('name = "strict"', 'name = "bad"')
    slowest = 0.0
    for changed, line, what in mistakes(text, seed=3, count=200):
        path = world.write(world.config / "policies" / "bad.toml", changed)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = world.claudine("policy", "show", "bad", "--json")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        slowest = max(slowest, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        expect(result.code == 78, f"{what}: {result}")
        failure = error(result)
        detail = failure["detail"]
        expect(failure["code"] == "refused.config" and detail["file"] == str(path), f"{what}: {failure}")
        # A list or table that is not closed ends where the next line does not fit.
        last = line + 3 if "open list" in what else line
        expect(line <= int(detail["line"]) <= last and detail["key"] and detail["bound"], f"{what} in line {line}: {failure}")
    expect(slowest < 0.1, f"the slowest took {slowest * 1000:.0f} ms of processor time")
    return f"the slowest took {slowest * 1000:.0f} ms"


@suite.case("policies as large and as deep as a file can be", alone=True)
def large(world: World) -> str:
    head = 'schema = 1\nname = "big"\ndescription = ""\nextends = "strict"\n'
    slowest = 0.0
    for what, text in {
        "one key of 1 MB": "a" * (1 << 20) + " = 1\n", "one key of 250 KB": "a" * 250_000 + " = 1\n",
        "one string of 1 MB": head[:15] + 'name = "' + "a" * (1 << 20) + '"\n', "deep lists": "x = " + "[" * 200_000,
        "deep tables": "x = " + "{a = " * 50_000, "deep keys": ".".join(["a"] * 100_000) + " = 1\n",
        "24,000 keys": "[x]\n" + "".join(f"a{i} = 1\n" for i in range(24_000)),
        "15,000 tables": "".join(f"[a.b.c{i}]\n" for i in range(15_000)),
        "20,000 paths": head + "[filesystem]\nread = [" + ", ".join(f'"/a{i}"' for i in range(15_000)) + "]\n",
        "nothing": "", "only spaces": " " * 200_000, "no line end": "#" * 200_000,
    }.items():
        path = world.write(world.config / "policies" / "big.toml", text)
        began = time.monotonic()
        result = world.claudine("policy", "check", path, "--json")
        slowest = max(slowest, time.monotonic() - began)
        expect(result.code == 2 and error(result)["code"] == "refused.config", f"{what}: {str(result)[:500]}")
        expect(len(result.stdout) < 8_000, f"{what}: an answer of {len(result.stdout)} bytes")
        expect(time.monotonic() - began < 5, f"{what}: {time.monotonic() - began:.1f} s")
    return f"the slowest took {slowest * 1000:.0f} ms"


@suite.case("a policy that is a device, a FIFO, a directory, a link, or another's")
def odd_files(world: World) -> None:
    folder = world.config / "policies"
    own(world, "base", 'extends = "strict"\n')
    path = folder / "odd.toml"
    makers: list[Callable[[], object]] = [
        lambda: os.mkfifo(path), path.mkdir, lambda: path.symlink_to("base.toml"), lambda: path.symlink_to("/dev/zero"),
        lambda: own(world, "odd", 'extends = "strict"\n').chmod(0o666),
    ]
    if world.identity.uid == 0:
        makers += [
            lambda: os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5)),
            lambda: os.chown(own(world, "odd", 'extends = "strict"\n'), 12345, 12345),
        ]
    for make in makers:
        make()
        if world.identity.uid != 0 and not path.is_symlink():
            world.own(path)
        for words in (["odd"], [path]):
            failure = error(policy(world, "check", *words, "--json", code=2))
            expect(failure["code"] == "refused.config" and failure["detail"]["file"] == str(path), f"{failure}")
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    for device in ("/dev/zero", "/dev/null", "/dev/tty", "/proc/self/mem", "/dev/../dev/zero.toml"):
        expect(policy(world, "check", device, code=2).errors.startswith("claudine: error: [refused.config]"), device)
    own(world, "odd", 'extends = "strict"\n')
    folder.chmod(0o777)
    failure = error(policy(world, "check", "odd", "--json", code=2))
    expect(failure["hint"] == f"chmod go-w {folder}", f"{failure}")


@suite.case("names that are none, and circles")
def names(world: World) -> None:
    for name in ("../../x", "/", ".", "..", "a b", "ü", "STRICT", "a" * 65, "\n", "x.toml", "../x.toml", "strict.toml", ""):
        failure = error(policy(world, "check", "--json", "--", name, code=2))
        expect(failure["code"] == "refused.config" and failure["message"], f"{name!r}: {failure}")
    for base in ("../../x", "/etc/passwd", "nobody", "a.toml", "", "circle"):
        own(world, "circle", f"extends = {json.dumps(base)}\n")
        failure = error(policy(world, "check", "circle", "--json", code=2))
        expect(failure["code"] == "refused.config", f"{base!r}: {failure}")
    own(world, "left", 'extends = "right"\n')
    own(world, "right", 'extends = "left"\n')
    expect("extends itself" in error(policy(world, "check", "left", "--json", code=2))["message"], "a circle of two")


@suite.case("a denied path stays hidden, however it or the grant is spelt")
def deny_wins(world: World) -> None:
    secret = world.base / "data" / "secret"
    world.write(secret / "file", "canary-4711\n", mode=0o644)
    (world.base / "data").chmod(0o755)
    secret.chmod(0o755)
    (world.base / "link").symlink_to(world.base / "data")
    (world.base / "straight").symlink_to(secret)
    spellings = [secret, f"{secret}/", f"{secret}/.", f"/{secret}", f"{world.base}/data/x/../secret", f"{world.base}/link/secret", f"{world.base}/straight"]
    script = f"cat {secret}/file {world.base}/link/secret/file {world.base}/straight/file; true"
    for number, denied in enumerate(spellings):
        grants = json.dumps([str(world.base / "data")])
        own(world, "hiding", f'extends = "standard"\n[filesystem]\nread = {grants}\ndeny = {{ add = [{json.dumps(str(denied))}] }}\n')
        result = world.run("/bin/sh", "-c", script, policy="hiding")
        expect(result.code == 0 and "canary" not in result.text, f"deny {denied}: {result}")
        granted = spellings[(number + 3) % len(spellings)]
        own(world, "hiding", f'extends = "standard"\n[filesystem]\nread = [{json.dumps(str(granted))}]\ndeny = {{ add = [{json.dumps(str(denied))}] }}\n')
        result = world.run("/bin/sh", "-c", script, policy="hiding")
        expect(result.code == 125 and "which filesystem.deny hides" in result.errors, f"deny {denied}, read {granted}: {result}")
    own(world, "hiding", f'extends = "standard"\n[filesystem]\nread = {grants}\n')
    expect("canary" in world.run("/bin/sh", "-c", script, policy="hiding").text, "the control shows nothing")


if __name__ == "__main__":
    suite.main()
