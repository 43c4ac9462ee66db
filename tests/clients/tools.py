"""What the clients need, made once in the user's cache and reused without the network."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def python(client):
    """The interpreter that has a client's requirements."""
    requirements = client / "requirements.txt"

    def make(folder):
        run([sys.executable, "-m", "venv", folder], "install the Debian package python3-venv")
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "-r", requirements], "the first time needs the network")

    return made("python", [requirements], make) / "bin/python"


def jar(client, name):
    """The jar that a Maven project makes."""
    sources = [client / "pom.xml", *sorted((client / "src").rglob("*.java"))]

    def make(folder):
        shutil.copytree(client, folder, ignore=shutil.ignore_patterns("target"))
        hint = "it needs the Debian packages maven and openjdk-17-jdk-headless, and the first time the network"
        run(["mvn", "-q", "-B", "-C", "-f", folder / "pom.xml", "package"], hint)

    return made("java", sources, make) / "target" / name


def made(kind, sources, make):
    """The folder made of these files; made anew when one of them, or Python, is another."""
    recipe = hashlib.sha256(sys.version.encode())
    for source in sources:
        recipe.update(source.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gauntlet/clients"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{kind}-{recipe.hexdigest()[:16]}"
    with (cache / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            make(part)
            part.rename(folder)
    return folder


def run(command, hint):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError as error:
        sys.exit(f"{error}: {hint}")
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed: {hint}\n{done.stdout[-4000:]}")
