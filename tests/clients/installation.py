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

    def client(self, command):
        """What a client prints; it has to go well."""
        done = self.run(command)
        if done.returncode != 0:
            fail(f"{' '.join(map(str, command))} ends with {done.returncode}: {done.stderr[-4000:]}")
        return done.stdout

    def run(self, command):
        try:
            return subprocess.run(
                [str(word) for word in command], env=self.environment, cwd=self.scratch, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=PATIENCE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            fail(f"{' '.join(map(str, command))} is not done after {PATIENCE_SECONDS} seconds")

    @contextlib.contextmanager
    def processors(self):
        """All processors at work, stopped in an orderly way at the end."""
        said = self.scratch / "processors.log"
        command = [self.binary, "--profile", "cluster", "run", "all", "--listen", "127.0.0.1:0", "--instance", INSTANCE]
        with said.open("w") as log:
            running = subprocess.Popen(command, env=self.environment, cwd=self.scratch, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
        try:
            yield
            if running.poll() is not None:
                fail(f"the processors have ended by themselves: {said.read_text()}")
            running.terminate()
            if running.wait(PATIENCE_SECONDS) != 0:
                fail(f"the processors end with {running.returncode}: {said.read_text()}")
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()


def say(text):
    print(f"clients: {text}", flush=True)


def fail(text):
    sys.exit(f"clients: {text}")
