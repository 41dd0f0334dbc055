"""A proxy under test, from its start to its end, and the endpoints behind it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import machine

HERE = Path(__file__).resolve().parent.parent


class Failure(Exception):
    """A proxy or a tool did not do what it is there for."""


def pinned(cores, words):
    """A command on some cores, before other work of the machine where that is allowed and wanted."""
    words = ["taskset", "-c", ",".join(map(str, cores)), *map(str, words)]
    is_first = os.geteuid() == 0 and os.environ.get("TUNE") != "0"
    return ["nice", "-n", "-10", *words] if is_first else words


def wait_for(what, process, seconds, condition):
    """Waits until something is true, or the process is gone."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failure(f"{what}: ended with {process.returncode}")
        if condition():
            return
        time.sleep(0.02)
    raise Failure(f"{what}: not within {seconds} s")


def listens(address):
    """Whether a connection is accepted."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 1).close()
        return True
    except OSError:
        return False


def answers(address, host, path):
    """Whether a request is answered with 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    try:
        name, port = address.rsplit(":", 1)
        with socket.create_connection((name, int(port)), 2) as connection:
            connection.settimeout(2)
            connection.sendall(request.encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


class Endpoints:
    """Four endpoints that speak HTTP/1.1 and four that speak HTTP/2, in one process on the cores of the load."""

    def __init__(self, tool, cores, log):
        addresses = machine.free_addresses(8)
        self.of = {"http1": addresses[:4], "http2": addresses[4:]}
        words = [tool, "backend", *(name + "=" + ",".join(each) for name, each in self.of.items())]
        self.process = subprocess.Popen(pinned(cores, words), stdin=subprocess.PIPE, stderr=log)
        wait_for("endpoints", self.process, 20, lambda: all(map(listens, addresses)))

    def stop(self):
        """Ends them."""
        self.process.stdin.close()
        self.process.wait()


class Proxy:
    """One peer with one scenario."""

    def __init__(self, name, scenario, rig):
        self.name, self.folder = name, rig.folder / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.clear, self.tls, admin = machine.free_addresses(3)
        environment = dict(
            os.environ,
            LISTEN=self.clear, TLS_LISTEN=self.tls, ADMIN=admin, BACKENDS=" ".join(rig.endpoints.of[scenario.protocol]),
            PROTOCOL=scenario.protocol, POLICY=scenario.policy, HOSTS=str(scenario.hosts), PATHS=str(scenario.paths),
            ACCESS_LOG=str(self.folder / "access.log") if scenario.access_log else "", WORKERS=str(scenario.workers),
            CERT=str(rig.folder / "cert.pem"), KEY=str(rig.folder / "key.pem"), BIN=str(rig.bin), WEIR=str(rig.weir),
        )
        self.cores = rig.cores_of(scenario)
        words = pinned(self.cores, [HERE / "peers" / name / "start"])
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                words, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.wait(scenario)
        except Failure as failure:
            tail = (self.folder / "log").read_text(errors="replace")[-800:]
            self.stop()
            raise Failure(f"{failure}\n{tail}") from None

    def wait(self, scenario):
        """Waits until it serves; a table of many routes may take its time."""
        seconds = 90 if scenario.hosts else 20
        wait_for(f"{self.name} listens", self.process, seconds, lambda: listens(self.clear))
        if scenario.protocol == "http2":
            return  # an endpoint of HTTP/2 alone answers no plain request; the warm-up shows whether it works
        host, path = ("h0.bench.test", "/p0/1k") if scenario.hosts else ("localhost", "/1k")
        wait_for(f"{self.name} answers", self.process, seconds, lambda: answers(self.clear, host, path))

    def processes(self):
        """It and all its children."""
        return machine.tree(self.process.pid)

    def stop(self):
        """Ends it and what it started, by number."""
        processes = self.processes()
        self.process.terminate()
        try:
            self.process.wait(0.3)
        except subprocess.TimeoutExpired:
            pass
        for process in processes:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                pass
        self.process.wait()
        (self.folder / "access.log").unlink(missing_ok=True)
