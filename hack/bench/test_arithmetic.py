"""The arithmetic of the bench: what it reads from /proc and from the tools, ratios and tables.

python3 -m unittest discover --pattern 'test_*.py'; tests/bench.rs runs it.
"""

import os
import subprocess
import unittest
from xml.etree import ElementTree

from rig import machine, tools
from rig.picture import draw
from rig.report import Results, replaced, report
from rig.scenarios import ALL, SCENARIOS, USUAL


def run(proxy, number, value, scenario="h1_64", **more):
    return {
        "kind": "run", "proxy": proxy, "round": number, "scenario": scenario, "per_cpu_second": value, "rps": value,
        "peak_mib": 10.0, "errors": 0, "requests": 1,
    } | more


class Ratios(unittest.TestCase):
    def test_they_are_paired_within_a_round(self):
        # The machine is twice as fast in the second round; who is compared with whom does not change.
        results = Results([
            run("weir", 0, 110), run("nginx", 0, 100), run("envoy", 0, 30),
            run("weir", 1, 240), run("nginx", 1, 200), run("envoy", 1, 60),
            run("weir", 2, 130), run("nginx", 2, 90), run("envoy", 2, 100),
        ])
        self.assertAlmostEqual(results.ratio("weir", "h1_64", "per_cpu_second"), 1.2)
        self.assertAlmostEqual(results.ratio("nginx", "h1_64", "per_cpu_second"), 1.0)
        self.assertEqual(results.median("weir", "h1_64", "per_cpu_second"), 130)

    def test_the_least_is_the_best_latency(self):
        results = Results([run("weir", 0, 1, "rate", p99=3.0), run("nginx", 0, 1, "rate", p99=2.0), run("envoy", 0, 1, "rate", p99=9.0)])
        self.assertAlmostEqual(results.ratio("weir", "rate", "p99", min), 1.5)

    def test_without_a_peer_in_the_round_there_is_none(self):
        results = Results([run("weir", 0, 1), run("nginx", 1, 1), run("nginx", 0, 1, "h2c")])
        self.assertIsNone(results.ratio("weir", "h1_64", "per_cpu_second"))
        self.assertIsNone(results.ratio("weir", "h2c", "per_cpu_second"))

    def test_failures_are_told_and_not_counted(self):
        results = Results([run("weir", 0, 5), {"kind": "run", "proxy": "sozu", "round": 0, "scenario": "h1_64", "failure": "no"}])
        self.assertIsNone(results.median("sozu", "h1_64", "rps"))
        self.assertIn("Not served: h1_64 by sozu.", report(results))


class Proc(unittest.TestCase):
    STAT = "42 (a) name (x) S 1 42 42 0 -1 4194560 1 2 3 4 250 150 7 8 20 0 4 0 1 2 3"

    def test_a_name_may_hold_anything(self):
        user, system = machine.cpu_of_stat(self.STAT)
        self.assertEqual((user * machine.TICKS, system * machine.TICKS), (250, 150))
        self.assertEqual(machine.cpu_of_stat(""), (0.0, 0.0))

    def test_a_core_is_not_busy_while_it_waits(self):
        stat = "cpu  9 9 9 9 9 9 9\ncpu0 1 2 3 1000 2000 4 5 0\ncpu1 100 0 0 0 0 0 0 0\nintr 1\n"
        self.assertEqual(machine.busy([0], stat) * machine.TICKS, 1 + 2 + 3 + 4 + 5)

    def test_children_count(self):
        with subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True) as parent:
            child = int(parent.stdout.readline())
            self.assertEqual(set(machine.tree(parent.pid)), {parent.pid, child})
            os.kill(child, 9)

    def test_work_costs(self):
        before = sum(machine.cpu([os.getpid()]))
        while sum(machine.cpu([os.getpid()])) < before + 0.05:
            sum(range(10000))
        self.assertGreater(machine.memory([os.getpid()])[0], 1)


class Tools(unittest.TestCase):
    def test_wrk(self):
        text = "  1000 requests in 2.00s, 1MB read\n  Socket errors: connect 1, read 2, write 0, timeout 3\n" \
            "  Non-2xx or 3xx responses: 4\nRequests/sec:    500.50\n"
        self.assertEqual(tools.parse("wrk", text), {"requests": 1000, "errors": 10, "rps": 500.5})

    def test_h2load(self):
        text = "finished in 2.00s, 123.45 req/s, 1MB/s\nrequests: 300 total, 310 started, 300 done, 290 succeeded, 10 failed, " \
            "0 errored, 0 timeout\nstatus codes: 290 2xx, 0 3xx, 0 4xx, 10 5xx\n"
        self.assertEqual(tools.parse("h2load", text), {"requests": 290, "errors": 10, "rps": 123.45})

    def test_our_own(self):
        text = '{"requests":10,"errors":1,"unsent":2,"rps":5.0,"p50":0.5,"p99":null,"p99.9":null}\n'
        self.assertEqual(tools.parse("own", text), {"requests": 10, "errors": 3, "rps": 5.0, "p50": 0.5})

    def test_every_scenario_is_a_whole_command(self):
        values = dict.fromkeys(("clear", "tls", "address", "seconds", "rate", "data", "load"), "1")
        for name, scenario in SCENARIOS.items():
            words = tools.command(scenario, tools.PROGRAMS, values)
            self.assertFalse([word for word in words if "{" in word], name)
        self.assertLessEqual(set(USUAL), set(ALL))


class Pages(unittest.TestCase):
    def test_only_what_is_between_the_markers_changes(self):
        page = "a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n"
        self.assertEqual(replaced(page, ["new"]), "a\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nb\n")

    def test_the_picture_is_xml_with_a_dot_for_each(self):
        results = Results([run("weir", 0, 3), run("nginx", 0, 2), run("envoy", 0, 1)])
        tree = ElementTree.fromstring(draw(results))
        titled = [each for each in tree.iter("{http://www.w3.org/2000/svg}circle") if len(each)]
        self.assertEqual(len(titled), 6)


if __name__ == "__main__":
    unittest.main()
