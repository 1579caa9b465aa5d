"""What the cage's processes look like from outside and from inside."""

from __future__ import annotations

import os

from harness import IDENTITIES, Process, Skip, World, children, expect, marked, wait_until

from .suite import PYTHON, suite


@suite.case("a host that shares its mounts gets none of the cage's", identities=[i for i in IDENTITIES if i.uid == 0])
def shared_mounts(world: World) -> str:
    # What systemd makes of / on every ordinary machine; here in a mount namespace of the test's own.
    for policy in ("strict", "standard", "permissive"):
        script = (
            "mount --make-rshared / && sort /proc/self/mountinfo > before && "
            f'"$@" && sort /proc/self/mountinfo > after && cut -d" " -f5 before | sort > a && cut -d" " -f5 after | sort > b && diff a b'
        )
        inside = world.base / f"shared-{policy}"
        inside.mkdir()
        command = list(world.caged("/bin/true", policy=policy))
        result = world.launch(
            ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", f"cd '{inside}' && {script}", "sh", world.binaries.claudine, *command]
        ).wait()
        expect(result.code == 0, f"{policy}: {result}")
        expect((inside / "before").stat().st_size > 0, "the control saw no mounts")
    return "no mount appeared or went"


@suite.case("the worker is never host uid 0 and holds no capability, seen from outside")
def seen_from_outside(world: World) -> str:
    run = world.begin("/bin/sleep", "60")
    workers = wait_until("worker", 20, lambda: [p for p in marked(world.nonce) if p.name == "sleep"])
    for worker in workers:
        uids = (worker.status("Uid") or "0").split()
        expect("0" not in uids, f"uids {uids}")
        if world.identity.uid != 0:
            expect(set(uids) == {str(world.identity.uid)}, f"uids {uids}")
        for key in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
            expect(int(worker.status(key) or "1", 16) == 0, f"{key} {worker.status(key)}")
        expect(worker.status("NoNewPrivs") == "1" and worker.status("Seccomp") == "2", "no_new_privs or seccomp")
        for kind in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup"):
            own, theirs = os.readlink(f"/proc/self/ns/{kind}"), os.readlink(f"/proc/{worker.pid}/ns/{kind}")
            expect(own != theirs, f"shares the {kind} namespace")
    run.popen.terminate()
    run.wait(30)
    return f"uid {workers[0].pid and uids[0]}"


@suite.case("pid 1 says nothing about us")
def first_process(world: World) -> None:
    result = world.run("/bin/sh", "-c", "cat /proc/1/cmdline /proc/1/comm; ls -l /proc/1/exe 2>&1; cat /proc/1/environ 2>/dev/null; true")
    for word in (world.nonce, str(world.base), "--policy", "strict", str(world.binaries.prefix)):
        expect(word.encode() not in result.stdout, f"{word!r} is visible: {result.stdout!r}")
    others = world.run(PYTHON, "-c", "import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))")
    expect(others.code == 0 and len(eval_list(others.text)) <= 3, f"sees processes {others.text}")


def eval_list(text: str) -> list[int]:
    return [int(word) for word in text.strip("[]\n ").split(",") if word.strip()]


@suite.case("the shepherd and pid 1 cannot be attacked by a process of the same user outside the cage either")
def same_user(world: World) -> str:
    if world.identity.uid == 0:
        raise Skip("root may trace everything")
    run = world.begin("/bin/sleep", "60")
    worker = wait_until("worker", 20, lambda: [p for p in marked(world.nonce) if p.name == "sleep"])[0]
    init = Process.of(int(worker.status("PPid") or "0"))
    expect(init is not None and init.pid not in children(run.popen.pid), "the worker's parent is not the cage's init")
    assert init
    result = world.launch(["/bin/cat", f"/proc/{init.pid}/environ", f"/proc/{init.pid}/maps"]).wait()
    expect(result.code != 0 and result.stdout == b"", f"init is dumpable: {result}")
    run.popen.terminate()
    run.wait(30)
    return f"init {init.pid} is not dumpable"
