# `make` alone lists the targets. CI calls the same words.

# Builds go to the cache, outside the clone, and are shared by all targets.
XDG_CACHE_HOME ?= $(HOME)/.cache
export CARGO_TARGET_DIR ?= $(XDG_CACHE_HOME)/weir/target
IMAGE ?= weir:dev

.DEFAULT_GOAL := help
.PHONY: help demo test check build lint fmt doc deny generate golden picture fuzz soak apiserver-test cluster-test bench bench-quick microbench image kind-up setup clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## Try Weir with simulated backends, on loopback only
	cargo run --locked -- demo $(ARGS)

test: ## Run every test, building what it needs
	hack/test

check: lint doc ## Lint, build the documentation, run every test
	hack/test

build: ## Build the program as it is released
	cargo build --profile dist --locked

lint: ## Refuse wrong formatting and clippy's warnings
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings

fmt: ## Format the code
	cargo fmt

doc: ## Build the code's documentation, refusing broken links
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --document-private-items

deny: ## Check licences and sources of dependencies, building cargo-deny once
	hack/deny

generate: ## Write anew what is generated from the code
	hack/tools/build >/dev/null
	hack/tools/monitoring-crds >/dev/null
	WEIR_REQUIRE_HELM=1 WEIR_GENERATE=1 cargo test --locked --test generated --test chart --test metrics --test hostile -- --nocapture

golden: ## Write the golden files anew; then read the difference
	WEIR_GENERATE=1 cargo test --locked --test golden --test cases -- --nocapture

picture: ## Draw the dashboard anew from five minutes of real traffic (needs prometheus)
	WEIR_PICTURE_SECONDS=300 WEIR_REQUIRE_PROMTOOL=1 cargo test --locked --test monitoring the_dashboard

fuzz: ## Look for inputs that break a promise, FUZZ_SECONDS (600) for each target
	hack/fuzz $(ARGS)

soak: ## A mixed load while all around changes, SOAK_SECONDS (3600) long
	hack/soak

apiserver-test: ## Run the tests that need a real API server
	hack/k8s/build >/dev/null
	WEIR_REQUIRE_APISERVER=1 cargo test --locked --test apiserver

bench: ## Measure Weir beside its peers; PEERS, SCENARIOS, ROUNDS, SECONDS (docs/performance.md)
	hack/bench/install >/dev/null
	[ -n "$(WEIR)" ] || cargo build --profile dist --locked
	hack/bench/run

bench-quick: ## The same once, for a second each, to see that it works
	ROUNDS=1 SECONDS=1 DRAW=0 $(MAKE) bench

microbench: ## Measure parts of the program: routes, picks, header fields, translation
	cargo bench --locked

image: ## Build the container image into an archive, with its SBOM beside it
	hack/image/sbom "$$(hack/image/build --tag $(IMAGE)).cdx.json"

cluster-test: ## Run the tests on a real node (needs root)
	hack/k8s/build >/dev/null && hack/tools/build >/dev/null && hack/cluster/build >/dev/null
	hack/image/build --profile release >/dev/null
	WEIR_REQUIRE_CLUSTER=1 cargo test --locked --test cluster

kind-up: ## From nothing to a served request, with Docker and kind
	hack/kind-up

setup: ## Check formatting and layers before each commit
	git config core.hooksPath .githooks

clean: ## Remove what was built, but not the Kubernetes programs
	cargo clean
