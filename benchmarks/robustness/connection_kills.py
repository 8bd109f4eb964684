"""Kills (``-9``) of a connection by ssh at random moments: no file and no process is left.

``python -m benchmarks.robustness.connection_kills --count 50``: a client starts a worker by
OpenSSH's server on 127.0.0.1, sends a large model, runs it and says goodbye; another one sends a
bundle, which is unpacked there. Each kill is at a random moment of one of these phases, in turn,
and hits the client, its ``ssh``, or the server's side of the connection. Then every process on both
sides must end, and no file may be left: of the client's temporary ones, of the model, or of the
bundle, which is there whole or not at all. Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgeq.io.files import sha256_file
from edgeq.targets import bundle, tiny
from tests.end_to_end.sshd import Server, serving, unpacked

PHASES = ("connect", "start", "transfer", "inference", "end", "bundle")
VICTIMS = ("client", "ssh", "connection")
MODEL_BYTES, BUNDLE_BYTES = 120_000_000, 60_000_000
PATIENCE_S = 60.0
MIN_WAIT_S = 0.001

CLIENT = """
import sys
import numpy as np
from pathlib import Path
from edgeq.config.structs import Preprocessing
from edgeq.config.target_kinds import Ssh
from edgeq.run.session import Session
from edgeq.targets import bundle, ssh, tiny
from edgeq.targets.root import Root

def phase(name):
    print(name, flush=True)
    assert sys.stdin.readline()

settings = Ssh(host="board", python=sys.executable, config={config!r}, identity={identity!r})
if {bundled}:
    phase("bundle")
    packed = bundle.Bundle(Path({archive!r}), {sha256!r}, Root(kind="bundle", machine={machine!r}),
                           {folder!r})
    bundle.push("board", packed, ssh._shell(settings, packed.receiving), lambda _: None,
                __import__("os").environ)
else:
    target = ssh.start("board", settings)
    phase("connect")
    Session(target, timeout_s=60, memory_limit=None).close()
    phase("start")
    session = Session(target, timeout_s=60, memory_limit=None)
    phase("transfer")
    loaded = session.load(Path({model!r}), threads=1, kernels="xnnpack")
    phase("inference")
    session.infer(loaded.handle, np.repeat(tiny.pixels(), 2_000, axis=0), Preprocessing())
    phase("end")
    session.close()
    del target, session
print("done", flush=True)
"""


@dataclass(frozen=True)
class Client:
    """A running client, the phases that it comes to, and the pipe that lets it begin each."""

    process: subprocess.Popen[str]
    reached: IO[str]
    permits: IO[str]

    def phases(self) -> Iterator[str]:
        """Yield each phase that it comes to, and let it begin when the next one is drawn."""
        for line in self.reached:
            yield line.strip()
            self.permit()

    def permit(self) -> None:
        """Let it begin its phase."""
        with suppress(BrokenPipeError):
            self.permits.write("\n")
            self.permits.flush()

    def end(self) -> None:
        """Let it go on, as far as it can, until it ends."""
        for _ in self.phases():
            pass
        with suppress(BrokenPipeError):
            self.permits.close()
        self.reached.close()
        self.process.wait(PATIENCE_S)


@dataclass(frozen=True)
class Field:
    """Where clients run: the server, the files that they send, and where they may leave files.

    Attributes:
        temporary: The client's folder for temporary files.
        there: The folder that the bundle is unpacked in.
    """

    server: Server
    model: Path
    archive: Path
    temporary: Path
    there: Path

    def started(self, *, bundled: bool) -> Client:
        """Start a client, which waits for a line before each of its phases."""
        code = CLIENT.format(
            config=str(self.server.config),
            identity=str(self.server.identity),
            bundled=bundled,
            archive=str(self.archive),
            sha256=sha256_file(self.archive) if bundled else "",
            machine=os.uname().machine,
            folder=str(self.there),
            model=str(self.model),
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )
        if process.stdout is None or process.stdin is None:
            raise OSError("no pipe")
        return Client(process, process.stdout, process.stdin)

    def processes(self) -> list[int]:
        """Return what runs because of the clients: what came by ssh, and the clients' own ssh."""
        came = b"SSH_CONNECTION=127.0.0.1 "
        port = f" {self.server.port}\0".encode()
        running = self.server.connections
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                environment = (entry / "environ").read_bytes()
                own = str(self.server.config).encode() in (entry / "cmdline").read_bytes()
                if own or (came in environment and port in environment):
                    running.append(int(entry.name))
        return running

    def victims(self, victim: str, client: Client) -> list[int]:
        """Return the processes that a kill hits."""
        process = client.process
        if victim == "client":
            return [] if process.poll() is not None else [process.pid]
        if victim == "connection":
            return self.server.connections
        return [pid for pid in self.processes() if _parent(pid) == process.pid]

    def files(self) -> list[str]:
        """Return the files that are left: all of a client's, models, parts of a bundle."""
        left = [*self.temporary.rglob("*"), *Path("/var/tmp").glob("tmp*")]  # noqa: S108
        left += self.there.glob("*.part")
        left += [
            place
            for place in self.there.glob("edgeq-*")
            if not place.name.endswith(".part") and not (place / bundle.COMPLETE).exists()
        ]
        return [str(path) for path in left]


def durations(field: Field) -> dict[str, float]:
    """Return how long each phase takes if nothing is killed."""
    seconds: dict[str, float] = {}
    for bundled in (False, True):
        last, begin = "", time.monotonic()
        client = field.started(bundled=bundled)
        for name in client.phases():
            if last:
                seconds[last] = time.monotonic() - begin
            last, begin = name, time.monotonic()
        client.end()
        if last != "done":
            raise SystemExit(f"an undisturbed client ends in its phase {last!r}")
        shutil.rmtree(field.there, ignore_errors=True)
    return seconds


def killed(field: Field, phase: str, victim: str, wait_s: float) -> int:
    """Kill something ``wait_s`` seconds after a client began a phase; return how many were hit."""
    client = field.started(bundled=phase == "bundle")
    for line in client.reached:
        if line.strip() == phase:
            break
        client.permit()
    victims = field.victims(victim, client)
    client.permit()
    time.sleep(wait_s)
    hit = _kill(victims) + _kill(field.victims(victim, client))  # these have been started since
    client.end()
    return hit


def _kill(pids: list[int]) -> int:
    """Kill processes, and return how many there were."""
    hit = 0
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            hit += 1
    return hit


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def left(field: Field, before: set[str]) -> tuple[float, str]:
    """Return the seconds until nothing was left, and what is left after ``PATIENCE_S``."""
    begin = time.monotonic()
    while True:
        running, files = field.processes(), sorted(set(field.files()) - before)
        seconds = time.monotonic() - begin
        if not running and not files:
            return seconds, ""
        if seconds > PATIENCE_S:
            return seconds, f"{len(running)} processes, files: {files}"
        time.sleep(0.1)


def laid_out(folder: Path, server: Server) -> Field:
    """Write a model and a bundle of usual sizes, and return the field."""
    model, archive = folder / "large.tflite", folder / "bundle.tgz"
    model.write_bytes(tiny.model("float32") + bytes(MODEL_BYTES))
    noise = folder / "noise"
    noise.write_bytes(os.urandom(BUNDLE_BYTES))
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(noise, "noise")
        tar.addfile(tarfile.TarInfo(bundle.COMPLETE))
    (folder / "temporary").mkdir()
    return Field(server, model, archive, folder / "temporary", folder / "there")


def main() -> int:
    """Print each kill, and what is left after it; 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311 - a campaign, not a secret
    wrong, slowest = 0, 0.0
    with tempfile.TemporaryDirectory(prefix="edgeq-kills-") as name:
        folder = Path(name)
        with serving(folder, unpacked(folder)) as server:
            field = laid_out(folder, server)
            seconds = durations(field)
            print({phase: round(seconds[phase], 2) for phase in PHASES}, flush=True)
            before = set(field.files())
            turns = itertools.cycle(itertools.product(PHASES, VICTIMS))
            kills = 0
            while kills < arguments.count:
                phase, victim = next(turns)
                wait_s, hit = chance.uniform(0, seconds[phase]), 0
                while not hit and wait_s > MIN_WAIT_S:
                    hit = killed(field, phase, victim, wait_s)
                    wait_s /= 2  # the phase was over
                gone_s, problem = left(field, before)
                shutil.rmtree(field.there, ignore_errors=True)
                kills += bool(hit)
                wrong, slowest = wrong + bool(problem), max(slowest, gone_s)
                state = f"left: {problem}" if problem else "nothing left"
                print(f"{kills} {phase}, {victim}: {hit} killed, {state}", flush=True)
    print(f"{arguments.count} kills, {wrong} left something; gone after {slowest:.1f} s at most")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
