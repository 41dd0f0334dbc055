"""What the machine says: processes and their cost, cores, settings of the kernel. All from /proc."""

import os
import resource
import socket
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")

# Put back at the end. Cubic is what most nodes run; the others make room for connections that come and go.
SETTINGS = {
    "net/core/somaxconn": "8192",
    "net/ipv4/ip_local_port_range": "10240 65000",
    "net/ipv4/tcp_congestion_control": "cubic",
    "net/ipv4/tcp_max_syn_backlog": "8192",
    "net/ipv4/tcp_tw_reuse": "1",
}


def read(path):
    """A file of /proc, or nothing: its process may be gone."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def fields_of(stat):
    """The fields of a stat file behind the name, which may hold anything."""
    return stat[stat.rindex(")") + 2 :].split() if ")" in stat else []


def tree(root):
    """A process and all its children."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = fields_of(read(f"/proc/{entry}/stat"))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
    found, left = [], [root]
    while left:
        process = left.pop()
        found.append(process)
        left += children.get(process, [])
    return found


def cpu_of_stat(stat):
    """Seconds in user mode and in the kernel, of one stat file. Source: proc(5), utime and stime."""
    fields = fields_of(stat)
    return (int(fields[11]) / TICKS, int(fields[12]) / TICKS) if fields else (0.0, 0.0)


def cpu(processes):
    """Seconds in user mode and in the kernel, of processes together."""
    pairs = [cpu_of_stat(read(f"/proc/{process}/stat")) for process in processes]
    return sum(user for user, _ in pairs), sum(system for _, system in pairs)


def threads(processes):
    """Seconds of each thread."""
    seconds = {}
    for process in processes:
        try:
            names = os.listdir(f"/proc/{process}/task")
        except OSError:
            continue
        for name in names:
            seconds[name] = sum(cpu_of_stat(read(f"/proc/{process}/task/{name}/stat")))
    return seconds


def busy(cores, stat=None):
    """Seconds that cores were not idle, of /proc/stat."""
    ticks = 0
    for line in (stat or read("/proc/stat")).splitlines():
        name, *values = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            user, nice, system, _idle, _wait, interrupts, soft = map(int, values[:7])
            ticks += user + nice + system + interrupts + soft
    return ticks / TICKS


def memory(processes):
    """Most resident memory so far and proportional memory now, in MiB."""
    peak = sum(field(f"/proc/{process}/status", "VmHWM:") for process in processes)
    now = sum(field(f"/proc/{process}/smaps_rollup", "Pss:") for process in processes)
    return peak / 1024, now / 1024


def field(path, name):
    """A number behind a name at the start of a line, or 0."""
    for line in read(path).splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def split_cores():
    """The cores of proxies and those of load and endpoints; the same where there are too few."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        return cores, cores
    return cores[-1:], cores[:-1][:4]


def raise_file_limit(wanted=262144):
    """Lets this process and its children have as many descriptors as may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (wanted, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, hard)))
            return
        except (OSError, ValueError):
            pass


def free_addresses(count):
    """Addresses of loopback that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = ["127.0.0.1:%d" % each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return addresses


class Tuned:
    """Settings of the kernel while it is entered, where they may be changed."""

    def __init__(self, wanted):
        self.wanted, self.old = wanted, {}

    def __enter__(self):
        for name, value in self.wanted.items():
            path = Path("/proc/sys") / name
            try:
                self.old[path] = path.read_text()
                path.write_text(value)
            except OSError as error:
                print(f"cannot set {name}: {error}")
        return self

    def __exit__(self, *_):
        for path, value in self.old.items():
            try:
                path.write_text(value)
            except OSError:
                pass
