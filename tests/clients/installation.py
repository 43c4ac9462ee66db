"""The installation that the check is given: its commands, its processors, clients against it."""

import contextlib
import json
import os
import subprocess
import sys
import time

NEEDED = (
    "GAUNTLET_KAFKA__BOOTSTRAP_SERVERS",
    "GAUNTLET_REGISTRY__URL",
    "GAUNTLET_CQL__NODES",
    "GAUNTLET_CQL__KEYSPACE",
    "GAUNTLET_TOPICS__PREFIX",
    "GAUNTLET_DIR",
    "GAUNTLET_BIN",
)
# A command or client that takes longer hangs.
PATIENCE_SECONDS = 300
# The number of the processors that the check itself starts: far from those that others have.
INSTANCE = "97"


class Installation:
    def __init__(self, binary, environment, scratch):
        self.binary = binary
        self.environment = environment
        self.scratch = scratch

    @staticmethod
    def from_environment(scratch):
        missing = [name for name in NEEDED if not os.environ.get(name)]
        if missing:
            sys.exit(f"not set: {', '.join(missing)}")
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", NO_COLOR="1")
        # The binary takes every GAUNTLET_ variable for a key of its configuration.
        binary = os.path.abspath(environment.pop("GAUNTLET_BIN"))
        if not os.path.isfile(binary):
            sys.exit(f"there is no {binary}: build it with --features cluster, or name another in GAUNTLET_BIN")
        environment["GAUNTLET_DIR"] = os.path.abspath(environment["GAUNTLET_DIR"])
        environment.setdefault("GAUNTLET_LOGGING__LEVEL", "warn")
        return Installation(binary, environment, scratch)

    def gauntlet(self, *args):
        """What a command answers; it has to go well."""
        code, answer, said = self.attempt(*args)
        if code != 0:
            fail(f"gauntlet {' '.join(map(str, args))} ends with {code}: {said}")
        return answer

    def patiently(self, *args):
        """The same, but a refusal may be because processors have not come so far yet."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            code, answer, said = self.attempt(*args)
            if code == 0:
                return answer
            if code not in (1, 2) or time.monotonic() > until:
                fail(f"gauntlet {' '.join(map(str, args))} ends with {code}: {said}")
            time.sleep(1)

    def attempt(self, *args):
        done = self.run([self.binary, "--profile", "cluster", "--json", *args])
        return done.returncode, json.loads(done.stdout) if done.returncode == 0 else None, done.stdout + done.stderr

    def client(self, command, text=None):
        """What a client prints, given this text; it has to go well."""
        done = self.run(command, text)
        if done.returncode != 0:
            fail(f"{' '.join(map(str, command))} ends with {done.returncode}: {done.stderr[-4000:]}")
        return done.stdout

    def run(self, command, text=None):
        try:
            return subprocess.run(
                [str(word) for word in command], env=self.environment, cwd=self.scratch, input=text or "",
                capture_output=True, text=True, timeout=PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            fail(f"{' '.join(map(str, command))} is not done after {PATIENCE_SECONDS} seconds")

    @contextlib.contextmanager
    def processors(self):
        """All processors at work, stopped in an orderly way at the end."""
        run_all = ["run", "all", "--listen", "127.0.0.1:0", "--instance", INSTANCE]
        with self.started("processors", [self.binary, "--profile", "cluster", *run_all]) as running:
            yield
            running.stop(0)

    @contextlib.contextmanager
    def started(self, name, command):
        """A process that goes on while others work; killed at the end if it is still there."""
        said = self.scratch / f"{name}.log"
        with said.open("w") as log:
            process = subprocess.Popen([str(word) for word in command], env=self.environment, cwd=self.scratch,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield Started(name, process, said)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


class Started:
    def __init__(self, name, process, said):
        self.name = name
        self.process = process
        self.said = said

    def awaited(self, text, times=1):
        """Waits until it has said this so often."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.said.read_text().count(text) < times:
            if self.process.poll() is not None or time.monotonic() > until:
                fail(f"{self.name} has not said {text!r} {times} times: {self.said.read_text()[-4000:]}")
            time.sleep(0.02)

    def killed(self):
        self.process.kill()
        self.process.wait()

    def stop(self, code):
        """Stops it in an orderly way."""
        if self.process.poll() is not None:
            fail(f"{self.name} has ended by itself: {self.said.read_text()[-4000:]}")
        self.process.terminate()
        self.ended(code)

    def ended(self, code):
        if self.process.wait(PATIENCE_SECONDS) != code:
            fail(f"{self.name} ends with {self.process.returncode}, not {code}: {self.said.read_text()[-4000:]}")


def say(text):
    print(f"clients: {text}", flush=True)


def fail(text):
    sys.exit(f"clients: {text}")
