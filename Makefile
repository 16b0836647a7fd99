# Bare `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
CARGO ?= cargo
FUNCTIONS := logs_forwarder log_group_created domain_access
ARCHIVES := target/functions
# Tests use the binary as `cargo build` makes it; the functions are built as they are shipped.
BIN := target/debug/logctl
# Tests of the system wait more than they work.
export RUST_TEST_THREADS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## Build the command
	$(CARGO) build --locked --workspace

functions: ## Build the functions and pack them into target/functions
	@set -e; for function in $(FUNCTIONS); do $(CARGO) build --locked --profile dist --package $$function; done
	@python3 stack/package.py target/dist $(ARCHIVES)

dist: functions ## Build the command as it is shipped, with the functions inside
	LOGCTL_FUNCTIONS=$(CURDIR)/$(ARCHIVES) $(CARGO) build --locked --profile dist --package logctl --features embedded-functions

demo: build functions ## Set up everything and show the main job, without an AWS account
	@sandbox/demo $(BIN)

quick: ## What a change must pass every few minutes: formatting, lints, unit tests; no function is built
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings
	INSTA_UPDATE=no $(CARGO) test --locked --workspace --lib --bins --test cli --test layers --test redaction --test formats

test: functions lint-template ## Set up everything and run every test
	INSTA_UPDATE=no $(CARGO) test --locked --workspace
	$(CARGO) test --locked --package logctl-core --lib # With the features that the functions have.

test-long: functions ## Run the tests that need minutes; PART=outage runs one of them
	@tests/long $(PART)

bench: dist ## Measure the forwarder beside the function that AWS generates, and the command; writes benches/RESULTS.md
	$(CARGO) build --locked --profile dist --package logctl-benches
	@target/dist/logctl-benches

lint: lint-template ## Formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings

check: lint test ## Everything that a change must pass
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check bans licenses sources; else echo "cargo-deny is not installed: licences and sources are not checked"; fi

lint-template: ## Check the CloudFormation templates with cfn-lint
	@test -x target/lint/bin/cfn-lint || { python3 -m venv target/lint && target/lint/bin/pip install --quiet --disable-pip-version-check cfn-lint==1.58.0; }
	target/lint/bin/cfn-lint stack/template.yaml stack/artifacts.yaml

man: build ## Write the manual pages anew
	$(BIN) man man

docs: ## Write the pages anew that tests make
	WRITE_DOCS=1 $(CARGO) test --locked --workspace --test redaction --test formats

clean: ## Stop the demo's sandbox and delete what was built
	-sandbox/sandbox down --name demo
	$(CARGO) clean

.PHONY: help build functions dist demo quick test test-long bench lint check lint-template man docs clean
