#!/usr/bin/python3
"""Golden workflows under `strict`: what coding agents do all day works, and the cage refuses none of it.

"Refused" is what the record says in `violations`; the exit codes and what was made decide whether it worked.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from harness import Skip, Suite, World, expect
from harness.binaries import readable_by_all

suite = Suite("workflows", __doc__ or "")


def need(*programs: str) -> None:
    for program in programs:
        found = shutil.which(program, path="/usr/local/bin:/usr/bin:/bin")
        if found is None:
            raise Skip(f"{program} is not installed for everybody")


def refused(record: dict[str, Any]) -> list[str]:
    """What the cage refused, in words. A protected name that was made is reported, too, but nothing was in its way."""
    entries = [entry for entry in record.get("violations") or [] if entry["mechanism"] != "workspace"]
    return [f"{entry['mechanism']} {entry['what']} ×{entry['count']} ({entry.get('program', '?')})" for entry in entries]


def work(world: World, script: str, *made: str, policy: str = "strict", timeout: float = 120) -> str:
    """Runs a script to its end, and looks at the record."""
    world.write(world.workspace / "work.sh", "set -eu\n" + script)
    result = world.run("/bin/sh", "work.sh", timeout=timeout, policy=policy)
    expect(result.code == 0, str(result))
    record = world.record()
    expect(not refused(record), f"refused: {', '.join(refused(record))}")
    for name in made:
        expect((world.workspace / name).exists(), f"{name} was not made: {result}")
    return f"{record['wallMs'] / 1000:.1f} s"


@suite.case("control: what is refused is seen")
def control(world: World) -> None:
    result = world.run("/usr/bin/unshare", "-U", "/bin/true")
    expect(result.code != 0, str(result))
    found = refused(world.record())
    expect(any("unshare" in line for line in found), f"only {found}")


GIT = """
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.invalid GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.invalid
git init -q -b main origin && cd origin
for n in 1 2 3; do echo $n > file$n; git add .; git commit -q -m "commit $n"; done
cd .. && git clone -q origin copy && cd copy
git checkout -q -b topic HEAD~1 && echo t > topic && git add . && git commit -q -m topic && git rebase -q origin/main
git worktree add -q ../tree -b other && (cd ../tree && echo w > tree && git add . && git commit -q -m tree)
git stash list; git tag v1; git gc -q; git fsck --no-progress; git push -q origin topic
git bundle create -q ../all.bundle --all; git log --oneline | wc -l; git diff HEAD~1 --stat; git worktree remove ../tree
"""


@suite.case("git: init, clone, commit, rebase, worktree, gc, push")
def git(world: World) -> str:
    need("git")
    return work(world, GIT, "copy/topic", "all.bundle")


WHEEL = """
import base64, hashlib, zipfile
files = {
    "golden.py": b"def answer():\\n    return 42\\n",
    "golden-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: golden\\nVersion: 1.0\\n",
    "golden-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}
record = ""
for name, data in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record += f"{name},sha256={digest},{len(data)}\\n"
files["golden-1.0.dist-info/RECORD"] = (record + "golden-1.0.dist-info/RECORD,,\\n").encode()
with zipfile.ZipFile("golden-1.0-py3-none-any.whl", "w") as wheel:
    for name, data in files.items():
        wheel.writestr(name, data)
"""


@suite.case("python: venv, pip install of a local wheel, threads, processes, tests")
def python(world: World) -> str:
    need("python3")
    if not Path("/usr/lib/python3/dist-packages").exists() and not shutil.which("python3", path="/usr/bin"):
        raise Skip("no python3 of the system")
    world.write(world.workspace / "wheel.py", WHEEL)
    world.write(world.workspace / "test_it.py", "import golden, unittest, threading, multiprocessing, asyncio, sqlite3, ssl\n\nclass T(unittest.TestCase):\n    def test_pool(self):\n        with multiprocessing.Pool(2) as p:\n            self.assertEqual(p.map(abs, [-1, -2]), [1, 2])\n    def test_async(self):\n        self.assertEqual(asyncio.run(asyncio.sleep(0, 7)), 7)\n    def test_answer(self):\n        self.assertEqual(golden.answer(), 42)\n    def test_sqlite(self):\n        sqlite3.connect('a.db').execute('create table t (x)')\n")
    script = "/usr/bin/python3 wheel.py\n/usr/bin/python3 -m venv --without-pip env 2>&1\n"
    pip = "/usr/bin/python3 -m pip --version >/dev/null 2>&1"
    script += f"if {pip}; then /usr/bin/python3 -m pip --python env/bin/python install -q --no-index ./golden-1.0-py3-none-any.whl\n"
    script += "else /usr/bin/python3 -m zipfile -e golden-1.0-py3-none-any.whl env/lib/python3*/site-packages; fi\n"
    return work(world, script + "env/bin/python -m unittest -q test_it", "a.db")


NODE = """
const { execFileSync, spawn } = require('child_process'), fs = require('fs'), http = require('http'), os = require('os');
const { Worker } = require('worker_threads'), crypto = require('crypto'), zlib = require('zlib');
fs.writeFileSync('out.json', JSON.stringify({ cpus: os.cpus().length, sum: crypto.createHash('sha256').update('x').digest('hex') }));
console.log(execFileSync('git', ['--version']).toString().trim(), zlib.gzipSync('x'.repeat(1000)).length);
fs.watch('.', () => {}).close();
WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) || process.exit(3);
new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true }).on('message', () => {
  const server = http.createServer((q, a) => a.end('hi')).listen(0, '127.0.0.1', () => {
    http.get({ port: server.address().port, host: '127.0.0.1' }, answer => { answer.resume(); answer.on('end', () => { server.close(); fs.writeFileSync('done', ''); }); });
  });
});
"""


@suite.case("node: files, children, workers, WebAssembly, a server of its own")
def node(world: World) -> str:
    need("node", "git")
    world.write(world.workspace / "it.js", NODE)
    return work(world, "node it.js", "done", "out.json")


@suite.case("C and C++: make with two jobs, a library, a debug build")
def make(world: World) -> str:
    need("make", "gcc", "ar")
    world.write(world.workspace / "Makefile", "CFLAGS = -g -O1 -Wall\nall: prog\nprog: a.o lib.a\n\t$(CC) -pthread -o $@ a.o lib.a\nlib.a: b.o\n\tar rcs $@ b.o\nclean:\n\trm -f *.o\n")
    world.write(world.workspace / "a.c", "#include <stdio.h>\n#include <pthread.h>\nint b(void);\nstatic void *t(void *x) { return x; }\nint main(void) { pthread_t p; pthread_create(&p, 0, t, 0); pthread_join(p, 0); printf(\"%d\\n\", b()); return 0; }\n")
    world.write(world.workspace / "b.c", "int b(void) { return 7; }\n")
    return work(world, "make -j2 CC=gcc && test \"$(./prog)\" = 7 && strip prog && ./prog && make clean", "prog")


def toolchain() -> Path:
    """Where the real cargo is: rustup's stands for it and lies in somebody's home."""
    found = shutil.which("cargo")
    if found is None:
        raise Skip("no cargo on the PATH")
    rustup = shutil.which("rustup")
    if rustup is None:
        return Path(found).resolve().parents[1]
    named = subprocess.run([rustup, "which", "cargo"], capture_output=True, text=True, check=False)
    if named.returncode != 0:
        raise Skip("rustup has no toolchain")
    return Path(named.stdout.strip()).parents[1]


@suite.case("rust: cargo builds and tests offline")
def cargo(world: World) -> str:
    tools = toolchain()
    if world.identity.uid != 0 and not readable_by_all(tools / "bin/cargo"):
        raise Skip(f"cargo is in {tools}, which is not for everybody")
    # The same filter; a toolchain in a home has to be shown.
    world.write(world.config / "policies/rust.toml", RUST.format(tools=tools))
    world.write(world.workspace / "Cargo.toml", "[package]\nname = \"golden\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
    world.write(world.workspace / "src/main.rs", "fn main() { println!(\"42\"); }\n#[test]\nfn works() { assert_eq!(6 * 7, 42); }\n")
    script = f"export PATH={tools}/bin:$PATH\ncargo build -q --offline\ncargo test -q --offline\ntest \"$(target/debug/golden)\" = 42"
    return work(world, script, "target/debug/golden", policy="rust", timeout=240)


RUST = """schema = 1
name = "rust"
description = "strict, with a toolchain that lies in a home"
extends = "strict"

[filesystem]
read = ["{tools}"]
"""


@suite.case("swift: a package is built", alone=True)
def swift(world: World) -> str:
    found = shutil.which("swift")
    if found is None:
        raise Skip("no swift on the PATH")
    real = Path(found).resolve()
    if not str(real).startswith(("/usr/", "/opt/")):
        raise Skip(f"swift is in {real.parent}, which strict does not show")
    world.write(world.workspace / "Package.swift", "// swift-tools-version: 5.9\nimport PackageDescription\nlet package = Package(name: \"golden\", targets: [.executableTarget(name: \"golden\")])\n")
    world.write(world.workspace / "Sources/golden/main.swift", "print(6 * 7)\n")
    script = f"export PATH={real.parent}:$PATH\nswift build --disable-sandbox --build-system native 2>&1 | tail -3\ntest \"$(.build/debug/golden)\" = 42"
    return work(world, script, ".build/debug/golden", timeout=400)


@suite.case("the shell: pipes, archives, search, here-documents, job control")
def shell(world: World) -> str:
    need("tar", "gzip", "find", "sed", "awk", "bash")
    script = """
mkdir -p deep/a/b && printf 'one\\ntwo\\n' > deep/a/b/f && cp -a deep copy && tar czf all.tgz deep && mkdir x && tar xzf all.tgz -C x
grep -rn two deep | sed s/two/three/ | awk -F: '{ print $3 }' | sort | uniq -c | tee out > /dev/null
find . -type f -newer Makefile 2>/dev/null | xargs -r ls -l > /dev/null; ln -s deep link; readlink -f link; chmod 755 out; touch -d yesterday out
bash -c 'sleep 0.2 & wait; cat <(echo process) <<< here; trap "echo term" TERM; kill -TERM $$' ; mktemp -d; df . > /dev/null; ps ax > /dev/null; date; id; nproc
timeout 5 true; nohup true 2>/dev/null; nice true; time -p true 2>/dev/null || true; diff -r deep copy; sha256sum all.tgz; dd if=/dev/urandom of=r bs=1k count=64 2>/dev/null
"""
    return work(world, script, "out", "all.tgz", "r")


@suite.case("Claude Code: Bash, Write, Read, Edit, Grep and Glob")
def claude(world: World) -> str:
    from claude_scene import Scene, bash, tool

    path = "${WORKSPACE}/written.txt"
    turns = [
        bash("echo from-bash > bash.txt; git init -q . ; ls -la; python3 -c 'print(1)' || true"), tool("Write", file_path=path, content="one two\n"),
        tool("Read", file_path=path), tool("Edit", file_path=path, old_string="two", new_string="three"), tool("Grep", pattern="three"),
        tool("Glob", pattern="*.txt"), {"text": "Done."},
    ]
    with Scene(world, *turns) as scene:
        record = scene.run().expect(0, "succeeded").record
    expect((world.workspace / "written.txt").read_text() == "one three\n", "Write and Edit did not write")
    expect(not refused(record), f"refused: {', '.join(refused(record))}")
    return f"{record['wallMs'] / 1000:.1f} s"


if __name__ == "__main__":
    suite.main()
