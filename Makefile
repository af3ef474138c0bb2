# Targets for people and for continuous integration; `make help` lists them. All
# work on a fresh clone with Go 1.26, make, cargo and gcc. Where Debian packages are
# missing, `make tools` (hence `make test`) installs them, for which it has to be root.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GREMLINS    := github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
FUZZTIME    ?= 10s
TESTFLAGS   ?=
# The packages without I/O: what they decide, every client and auditor sees.
MUTATED     ?= ./personality/policy ./warg/internal/protoread ./warg/internal/serde ./warg/api ./warg/proof ./warg/protocol

# The server needs no C; the race detector does, so tests leave cgo alone.
.PHONY: build
build: ## Build the commands into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

# The integration tests take the machine for themselves.
.PHONY: test
test: tools vet lint ## Install what the tests need, then run all checks and all tests
	$(GO) test -timeout 20m $(TESTFLAGS) ./cmd/... ./config/... ./packaging/... ./personality/... ./warg/...
	CGO_ENABLED=1 $(GO) test -timeout 5m -tags pkcs11 -run PKCS11 $(TESTFLAGS) ./cmd/warg-personality
	WARG_TEST_DOCKER= $(GO) test -timeout 50m -p 1 $(TESTFLAGS) ./integration/...
	@if [ "$$WARG_TEST_DOCKER" = 1 ]; then $(MAKE) test-docker; fi

# `make test` does so, too, with WARG_TEST_DOCKER=1. DOCKER_HOST is respected.
.PHONY: test-docker
test-docker: ## Build the images and try the stack on a Docker engine; status 2 where none answers
	@GO="$(GO)" integration/tools/docker.sh

# `make test` has the same tests, with less load around each fault and fewer kills.
.PHONY: test-faults
test-faults: tools ## Try the faults of the stack, kills and promotions with longer loads and more of each
	WARG_TEST_FAULTS=1 $(GO) test -timeout 60m -count 1 -v $(TESTFLAGS) ./integration -run '^(TestStackFaults|TestStackClock|TestKillUnderLoad|TestPromoteIsKilled)$$'

# Building three more Trillians, and running each, takes too long for every time.
.PHONY: test-trillians
test-trillians: tools ## Run and measure a registry beside each Trillian in docs/operations.md's table
	integration/tools/trillians.sh
	WARG_TEST_TRILLIANS=1 WARG_TEST_FAULTS=1 $(GO) test -timeout 60m -count 1 -v $(TESTFLAGS) ./integration -run '^TestTrillians$$'

# One of the others is a module of this repository: integration/readers/program, which
# reads logs with what others have written, is built into .cache/tools/bin.
.PHONY: tools
tools: ## Install what the tests need (Debian packages; the official client and others in the user's cache folder)
	integration/tools/install.sh

# Not part of `make test`: Vitess takes minutes to compile, and runs a dozen processes.
.PHONY: test-vitess
test-vitess: ## Run the registry's database on Vitess: storetest, load, a planned reparent, killed primaries
	integration/tools/vitess.sh
	integration/tools/trillian.sh
	WARG_TEST_VITESS=1 $(GO) test -v -timeout 25m $(TESTFLAGS) ./integration/vitess
	WARG_TEST_VITESS=1 $(GO) test -v -timeout 25m $(TESTFLAGS) -run 'TestStackVitess' ./integration

.PHONY: vet
vet: ## Check formatting and run go vet
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (run gofmt -w):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	cd integration/readers/program && $(GO) vet ./...

.PHONY: lint
lint: ## Run staticcheck, settings in staticcheck.conf
	$(GO) run $(STATICCHECK) ./...
	cd integration/readers/program && $(GO) run $(STATICCHECK) ./...

# go test -fuzz takes one fuzz test of one package at a time.
.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (default 10s)
	@grep -rn --include='*_test.go' -oE '^func Fuzz[A-Za-z0-9_]*' . | sort | \
	while IFS=: read -r file _ match; do \
		name=$${match#func }; dir=$$(dirname "$$file"); \
		echo "fuzz $$dir $$name for $(FUZZTIME)"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null || exit 1; \
	done

# Without -count=1 gremlins takes the time of cached tests for that of real ones.
# A change can make a program that takes all memory there is: it has 8 GiB.
.PHONY: mutation
mutation: ## Change the packages in MUTATED, one place at a time, and list what no test notices
	@ulimit -v 8388608; for package in $(MUTATED); do \
		echo "mutate $$package"; \
		GOFLAGS=-count=1 $(GO) run $(GREMLINS) unleash $$package || exit 1; \
	done

.PHONY: bench
bench: ## Measure a whole registry under load
	$(GO) run ./integration/bench

# 12,000 records a run, so that the tail behind the last post counts for little.
.PHONY: bench-stack
bench-stack: ## Measure personalities on MariaDB and Trillian's own servers under load
	$(GO) run ./integration/bench -only stack,stack-quota,stack-read,stack-latency,stack-failover,stack-hostile,stack-attacks -packages 12000 -runs 7

# One run is the same, byte for byte, as another of the same commit.
.PHONY: dist
dist: ## Build archives, Debian packages, SBOMs and checksums of the commit into dist/
	$(GO) run ./packaging/dist

# As root, on Debian or what is like it: needs debootstrap.
.PHONY: test-dist
test-dist: ## Build dist twice and compare; install, run, upgrade and purge the Debian package in a folder with a Debian
	WARG_TEST_DIST=1 $(GO) test -timeout 60m -v $(TESTFLAGS) ./packaging/...

.PHONY: screenshots
screenshots: ## Make the pictures of the pages in docs/screenshots, in Chromium
	WARG_SCREENSHOTS=$(CURDIR)/docs/screenshots $(GO) test -count=1 -v -run '^TestScreenshots$$' ./integration

.PHONY: validator
validator: ## Rebuild the WebAssembly validator that personality/content embeds
	personality/content/validator/build.sh

.PHONY: clean
clean: ## Remove what was built; downloads and tools in the user's cache folder stay
	rm -rf bin
	$(GO) clean -testcache

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14
