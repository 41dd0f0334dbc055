"""The parts of `make bench`: see hack/bench/run."""
