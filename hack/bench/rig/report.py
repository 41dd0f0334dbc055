"""From lines of results to ratios and tables."""

import json
from collections import defaultdict
from pathlib import Path
from statistics import median

from .scenarios import SCENARIOS

US = "weir"


class Results:
    """What was measured: about the machine, and a line for each proxy in each scenario and round."""

    def __init__(self, lines):
        self.machine = next((line for line in lines if line["kind"] == "machine"), {})
        runs = [line for line in lines if line["kind"] == "run"]
        self.failed = [run for run in runs if run.get("failure")]
        self.runs = [run for run in runs if not run.get("failure")]
        self.proxies = list(dict.fromkeys(run["proxy"] for run in runs))
        self.scenarios = [name for name in SCENARIOS if any(run["scenario"] == name for run in self.runs)]

    @classmethod
    def read(cls, path):
        """Reads lines of JSON."""
        return cls([json.loads(line) for line in Path(path).read_text().splitlines()])

    def values(self, proxy, scenario, key):
        """A figure in each round that has it."""
        return {
            run["round"]: run[key]
            for run in self.runs
            if run["proxy"] == proxy and run["scenario"] == scenario and run.get(key) is not None
        }

    def median(self, proxy, scenario, key):
        """The median of a figure over rounds, or None."""
        values = self.values(proxy, scenario, key).values()
        return median(values) if values else None

    def ratio(self, proxy, scenario, key, best=max):
        """The median over rounds of a proxy's figure by that of the best peer in the same round.

        Within a round all ran within a minute, so that what the machine does over an hour cancels out. Weir is
        no peer of itself."""
        peers = [each for each in self.proxies if not each.startswith(US)]
        by_round = defaultdict(list)
        for peer in peers:
            for number, value in self.values(peer, scenario, key).items():
                by_round[number].append(value)
        own = self.values(proxy, scenario, key)
        ratios = [value / best(by_round[number]) for number, value in own.items() if by_round[number] and best(by_round[number])]
        return median(ratios) if ratios else None


def plain(value):
    """A figure with as many digits as say something."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(results, key, scenarios, best=None):
    """Lines of a table: a row for each scenario, a column for each proxy."""
    lines = ["| scenario | " + " | ".join(results.proxies) + " |", "| --- |" + " ---: |" * len(results.proxies)]
    for scenario in scenarios:
        cells = []
        for proxy in results.proxies:
            value, ratio = results.median(proxy, scenario, key), None
            if best and value is not None:
                ratio = results.ratio(proxy, scenario, key, best)
            cell = plain(value) + (f" ({ratio:.2f})" if ratio is not None else "")
            cells.append(f"**{cell}**" if proxy.startswith(US) and ratio is not None else cell)
        if any(cell != "–" for cell in cells):
            lines.append(f"| {scenario} | " + " | ".join(cells) + " |")
    return lines


def report(results):
    """Everything, as Markdown."""
    throughput = [name for name in results.scenarios if not SCENARIOS[name].is_latency]
    latency = [name for name in results.scenarios if SCENARIOS[name].is_latency]
    lines = about(results.machine)
    lines += ["", "Requests per second of the proxy's CPU; in brackets by the best peer of the same round:", ""]
    lines += table(results, "per_cpu_second", throughput, max)
    for name in latency:
        rates = {run["rate"] for run in results.runs if run["scenario"] == name and run.get("rate")}
        rate = " and ".join(f"{value:,.0f}" for value in sorted(rates))
        for key in ("p50", "p99", "p99.9"):
            lines += ["", f"{key} in ms at {rate} requests per second; in brackets by the best peer:", ""]
            lines += table(results, key, [name], min)
    lines += ["", "Requests per second; the load's core may be the limit:", ""]
    lines += table(results, "rps", throughput)
    lines += ["", "Most resident memory, MiB:", ""]
    lines += table(results, "peak_mib", results.scenarios)
    lines += ["", *troubles(results)]
    return lines


def about(machine):
    """When, where and what."""
    if not machine:
        return []
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        f"Measured {machine['date']} at commit {machine['commit']}: {machine['cpu']}, {machine['cores']} cores, "
        f"Linux {machine['kernel']}; {machine['rounds']} rounds of {machine['seconds']:g} s. {versions}."
    ]
    if machine["missing"]:
        lines += ["", "Not installed: " + ", ".join(machine["missing"]) + "."]
    return lines


def troubles(results):
    """Errors and what could not be run."""
    errors = defaultdict(int)
    for run in results.runs:
        errors[run["proxy"], run["scenario"]] += run["errors"]
    told = [f"{proxy} {count:,} in {scenario}" for (proxy, scenario), count in errors.items() if count]
    lines = ["Errors: " + (", ".join(told) or "none") + "."]
    failed = sorted({(run["scenario"], run["proxy"]) for run in results.failed})
    if failed:
        lines += ["", "Not served: " + ", ".join(f"{scenario} by {proxy}" for scenario, proxy in failed) + "."]
    noisy = sum(run.get("other", 0) > 0.3 for run in results.runs)
    if noisy:
        lines += ["", f"In {noisy} of {len(results.runs)} runs something else took more than 30 % of the proxy's core."]
    return lines


def replaced(page, lines, name="bench"):
    """A page with what stands between two markers replaced."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, rest = page.split(begin, 1)
    _, tail = rest.split(end, 1)
    return head + begin + "\n" + "\n".join(lines) + "\n" + end + tail
