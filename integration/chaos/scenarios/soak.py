"""96: faults of every kind at random moments, on tasks of every kind, while others ask, cancel and remove. Repeated by its seed."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness import Process, Result, Running, expect, wait_until

from ..ground import TERMINAL, Ground, Task
from ..register import DAEMON, FOREGROUND, FULL, SMOKE, SOAK, scenario

#: Seconds of faults in one episode.
SHORT, LONG = 6.0, 20.0
#: Attempts at a time under the daemon, and tasks that are begun and not ended at a time.
SLOTS, TASKS = 4, 8

#: What an agent does, and how it ends if nobody hinders it.
LIVES: list[tuple[list[str | int], str]] = [
    (["exit", 0], "succeeded"),
    (["print", 20000, "sleep", 200], "succeeded"),
    (["print", 500000, "complain", 500000, "spawn", "holder", "sleep", 100], "succeeded"),
    (["deaf", "spawn", "daemon", "spawn", "clean", "sleep", 600], "succeeded"),
    (["rubbish", "emoji", 100, "sleep", 300, "exit", 7], "failed exit.nonzero"),
    (["spawn", "group", "sleep", 400, "die", 11], "failed exit.signal"),
    (["storm", 60], "succeeded"),
    (["drip", 50, 20], "succeeded"),
]


@dataclass
class Episode:
    ground: Ground
    tasks: list[tuple[Task, str]] = field(default_factory=list)
    #: Tasks that may have been lost, or asked to stop, by what was done.
    endangered: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    stopped: list[Process] = field(default_factory=list)
    asked: list[Running] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    #: Of whoever waited for the task's end.
    results: dict[str, Result] = field(default_factory=dict)

    def live(self) -> list[Task]:
        return [task for task, _ in self.tasks if task.running.popen.poll() is None and task.find()]

    def some_task(self) -> Task | None:
        live = self.live()
        return self.ground.chance.choice(live) if live else None

    # MARK: what may happen

    def begin(self) -> None:
        if len(self.live()) >= TASKS:
            return
        # Who is stopped in a transaction lets nobody else write.
        self.go_on()
        words, end = self.ground.chance.choice(LIVES)
        self.tasks.append((self.ground.agent(*words, options=["--json", "--processes", "100"]), end))

    def kill_supervisor(self) -> None:
        if task := self.some_task():
            self.endangered |= {other.name for other, _ in self.tasks} if self.ground.daemon else {task.name}
            if process := self.supervisor(task):
                process.signal(signal.SIGKILL)

    def kill_shepherd(self) -> None:
        if (task := self.some_task()) and (process := self.shepherd(task)):
            self.endangered.add(task.name)
            process.signal(signal.SIGKILL)

    def kill_both(self) -> None:
        if task := self.some_task():
            process = self.shepherd(task)
            self.kill_supervisor()
            self.endangered.add(task.name)
            if process:
                process.signal(signal.SIGKILL)

    def stop_shepherd(self) -> None:
        if (task := self.some_task()) and (process := self.shepherd(task)) and process.signal(signal.SIGSTOP):
            self.stopped.append(process)

    def stop_supervisor(self) -> None:
        if (task := self.some_task()) and (process := self.supervisor(task)) and process.signal(signal.SIGSTOP):
            self.stopped.append(process)

    def go_on(self) -> None:
        for process in self.stopped:
            process.signal(signal.SIGCONT)
        self.stopped = []

    def cancel(self) -> None:
        if task := self.some_task():
            self.cancelled.add(task.name)
            force = ["--force"] if self.ground.chance.random() < 0.3 else []
            self.asked.append(self.ground.world.start("cancel", *force, task.id))

    def look(self) -> None:
        task = self.some_task()
        questions = [["list"], ["events"], ["status"], *([["logs", task.id], ["status", task.id]] if task else [])]
        self.asked.append(self.ground.world.start(*self.ground.chance.choice(questions)))

    def remove(self) -> None:
        ended = [task for task, _ in self.tasks if task.outcome().split()[0] in TERMINAL]
        if ended:
            task = self.ground.chance.choice(ended)
            self.tasks = [(other, end) for other, end in self.tasks if other is not task]
            self.asked.append(self.ground.world.start("rm", task.id))

    def another_daemon(self) -> None:
        if self.ground.daemon and (first := self.ground.daemon_process()):
            self.go_on()
            second = self.ground.world.start("serve")
            # The first one may have been killed a moment ago: then this is the next one, or comes second to it.
            wait_until("one of two daemons to be gone", 20, lambda: second.popen.poll() is not None or not first.alive)
            if second.popen.poll() is None:
                self.ground.daemon = second
            else:
                result = second.wait()
                expect(result.code == 75, f"a second daemon: {result}")

    def supervisor(self, task: Task) -> Process | None:
        return self.ground.daemon_process() if self.ground.daemon else task.running.process

    def shepherd(self, task: Task) -> Process | None:
        found = self.ground.query("SELECT shepherd_pid FROM attempt WHERE task_id = ? AND ended_at IS NULL", task.id)
        process = Process.of(int(found[0][0])) if found and found[0][0] else None
        return process if process and process.name.startswith("claudine-sh") else None

    # MARK: the whole

    def run(self, seconds: float) -> str:
        actions: list[tuple[Callable[[], None], int]] = [
            (self.begin, 10), (self.kill_supervisor, 2), (self.kill_shepherd, 3), (self.kill_both, 1), (self.stop_shepherd, 2),
            (self.stop_supervisor, 1), (self.go_on, 3), (self.cancel, 3), (self.look, 3), (self.remove, 1), (self.another_daemon, 1),
        ]
        self.begin()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            action = self.ground.chance.choices([action for action, _ in actions], [weight for _, weight in actions])[0]
            self.ground.revive()
            action()
            self.faults[action.__name__] += 1
            time.sleep(self.ground.chance.choice([0.0, self.ground.chance.uniform(0, 0.05), self.ground.chance.uniform(0, 0.4)]))
        self.go_on()
        self.ground.revive()
        for running in self.asked:
            result = running.wait(30)
            expect(result.code in (0, 4, 5, 64, 75), f"a question failed: {result}")
        self._end()
        return f"{len(self.tasks)} tasks, " + ", ".join(f"{count} × {name}" for name, count in sorted(self.faults.items()))

    def _end(self) -> None:
        for task, _ in self.tasks:
            # A `claudine run` that was killed is dead; whoever waits for the others hears of the end.
            self.results[task.name] = task.running.wait(60)

        def settled() -> bool:
            self.ground.world.tasks()
            return all(task.outcome().split()[0] in {*TERMINAL, "none"} for task, _ in self.tasks)

        wait_until("all tasks have ended", 40, settled)
        for task, end in self.tasks:
            outcome = task.outcome()
            allowed = {end}
            if task.name in self.endangered:
                allowed |= {"lost lost.supervisor", "lost lost.shepherd"}
                if not self.ground.daemon:
                    # Killed before it had written anything down.
                    allowed.add("none")
            if task.name in self.cancelled:
                allowed |= {"cancelled cancelled.user"}
            expect(outcome in allowed, f"{task.name} ended as {outcome}, possible were {sorted(allowed)}: {self.results[task.name]}")
            expect(task.starts() <= 1, f"{task.name} began {task.starts()} times")


@scenario(96, name="random faults, composed", kind=SMOKE, ways=(FOREGROUND, DAEMON), slots=SLOTS * 4, exempt=("I7", "I8"))
def short(ground: Ground) -> str:
    # I7, I8: a stopped daemon neither reaps nor lets go of what it holds.
    return Episode(ground).run(SHORT)


@scenario(96, name="random faults, composed, for longer", kind=FULL, ways=(FOREGROUND, DAEMON), slots=SLOTS * 4, exempt=("I7", "I8"))
def longer(ground: Ground) -> str:
    # I7, I8: as above.
    return Episode(ground).run(LONG)


@scenario(96, name="soak: random faults, composed", kind=SOAK, ways=(FOREGROUND, DAEMON), slots=SLOTS * 4, exempt=("I7", "I8"))
def soak(ground: Ground) -> str:
    # I7, I8: as above.
    return Episode(ground).run(LONG)
