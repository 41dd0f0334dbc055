"""The load tools: their commands, and what they say at the end."""

import json
import re

PROGRAMS = {"wrk": "wrk", "h2load": "h2load", "own": "bench-tool"}
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def command(scenario, programs, values):
    """The command of a scenario; `programs` says where each tool is."""
    words = [str(programs[scenario.tool])]
    for argument in scenario.arguments:
        for name, value in values.items():
            argument = argument.replace("{" + name + "}", str(value))
        words.append(argument)
    return words


def number(pattern, text, default=0.0):
    """The number that a pattern finds."""
    found = re.search(pattern, text)
    return float(found.group(1)) if found else default


def milliseconds(text):
    """A time of wrk, such as 1.23ms."""
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    return float(found.group(1)) * UNITS[found.group(2)] if found else None


def parse(tool, text):
    """Requests, errors and requests per second, of what a tool printed."""
    return {"wrk": wrk, "h2load": h2load, "own": own}[tool](text)


def wrk(text):
    """Latencies of a closed loop say how long the queue is, and are left out."""
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = sum(map(int, sockets.groups())) if sockets else 0
    errors += int(number(r"Non-2xx or 3xx responses: (\d+)", text))
    requests = int(number(r"(\d+) requests in", text))
    return {"requests": requests, "errors": errors, "rps": number(r"Requests/sec:\s+([\d.]+)", text)}


def h2load(text):
    """What was under way when the time was over is no error."""
    good = int(number(r"status codes: (\d+) 2xx", text))
    done = int(number(r"requests: \d+ total, \d+ started, (\d+) done", text))
    return {"requests": good, "errors": max(0, done - good), "rps": number(r"finished in [^,]*, ([\d.]+) req/s", text)}


def own(text):
    """What was due and not sent in time is an error: the proxy did not keep the rate."""
    value = json.loads(text.strip().splitlines()[-1])
    result = {"requests": value["requests"], "errors": value["errors"] + value["unsent"], "rps": value["rps"]}
    return result | {name: value[name] for name in ("p50", "p99", "p99.9", "first_error") if value.get(name) is not None}
