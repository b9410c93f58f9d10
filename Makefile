# snatctl. `make help` lists the targets; `make demo` and `make test` do everything on a fresh machine.
SHELL := /bin/bash
GO ?= go
BIN := bin/snatctl
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10s
SOAKTIME ?= 10m
SOAK ?= 1

.PHONY: help demo demo-fleet build deps test-deps test unit integration golden docs generate fuzz soak kernels bench compare screenshots packages test-packages quarter-hour release-files lint check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: deps build ## install what is missing, build, and show the main job on a gateway in namespaces (root)
	@$(GO) build -o bin/demo ./internal/demo
	@exec bin/demo -snatctl $(BIN) -policy examples/policy.yaml

demo-fleet: build ## the same for a fleet: three gateways, etcd, a router; a canary that fails, a death, a drain (root)
	@./scripts/deps.sh fleet
	@$(GO) build -o bin/demo ./internal/demo
	@exec bin/demo -fleet -snatctl $(BIN)

build: ## build bin/snatctl
	@mkdir -p bin
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $(BIN) ./cmd/snatctl

deps: ## install the programs that the demo calls (Debian, root)
	@./scripts/deps.sh

test-deps: ## and those that the tests call
	@./scripts/deps.sh test

test: test-deps lint unit integration ## everything: linters, unit tests, golden files, real packets

unit: ## tests that need no second host
	$(GO) test $(shell $(GO) list ./... | grep -v /integration)

integration: ## real packets between namespaces (root, or unshare -rn)
	$(GO) test -count=1 -timeout 25m ./integration

golden: ## rewrite the golden files; review them like code
	$(GO) test ./policy/... ./compiler ./nft ./translate/... ./cmd/snatctl/... -update

docs: ## rewrite the pages that are made from the code: docs/commands.md, logs.md, metrics.md, rfc.md, lint.md, policy.md, policy.schema.json, the table in migrate.md
	$(GO) test ./cmd/snatctl ./policy/words ./agent/journal ./agent/metrics ./policy/rfc ./translate -run '^(TestCommandsPage|TestLogsPage|TestMetricsPage|TestRFCPage|TestReference|TestSchemaDocument|TestTableOfConstructs)$$' -update

generate: ## compile the programs that run in the kernel (clang, llvm, libbpf-dev)
	$(GO) generate ./toa/toalink

fuzz: ## fuzz each target for FUZZTIME
	@for t in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$t/*_test.go | cut -c6-); do \
	    $(GO) test $$t -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s || exit 1; done; done

soak: ## the long faults: kills of apply and agent, foreign writers, full disks, hostile values; each fuzz target for SOAKTIME (root; SOAK=0.1 for a tenth)
	SNATCTL_SOAK=$(SOAK) $(GO) test -count=1 -timeout 0 -v ./integration -run '^(TestKilledApply|TestForeignWriters|TestHistoryFaults|TestBootBesideAWriter|TestAddressesKilled|TestAgentKilled|TestAgentKilledUnderHealth|TestLawKernelStates|TestFleetPublisherKilled|TestActiveDeath|TestPairManyFlows|TestPairTakeover|TestPairFaults)$$'
	SNATCTL_SOAK=$(SOAK) $(GO) test -count=1 -timeout 0 -v ./cmd/snatctl -run '^TestHostile'
	SNATCTL_SOAK=$(SOAK) $(GO) test -count=1 -timeout 0 -v ./ct -run '^TestStaleLaw$$'
	SNATCTL_SOAK=$(SOAK) $(GO) test -count=1 -timeout 0 -v ./fleet/store
	SNATCTL_SOAK=$(SOAK) $(GO) test -count=1 -timeout 0 -v ./internal/nstest -run '^TestManyRoutes$$'
	$(MAKE) fuzz FUZZTIME=$(SOAKTIME)

kernels: ## run the tests on Debian's kernels in virtual machines (KERNEL=6.1 NFT=1.0.6 KERNELS_FLAGS=-quick)
	@$(GO) build -o bin/boot ./internal/kernels/boot
	@exec bin/boot -kernel '$(KERNEL)' -nft '$(NFT)' $(KERNELS_FLAGS)

# A virtual machine runs these programs, too.
bench: export CGO_ENABLED := 0
bench: deps build ## measure against nft, hand-written rules and others; prints medians and ratios (root; BENCH_FLAGS='-only lc')
	@$(GO) build -trimpath -o bin/bench ./internal/bench
	@exec bin/bench -snatctl $(BIN) $(BENCH_FLAGS)

compare: export CGO_ENABLED := 0
compare: deps build ## measure beside nftlb, iptables, IPVS and others; writes docs/compare.md (root; COMPARE_FLAGS='-only zones')
	@$(GO) build -trimpath -o bin/compare ./internal/compare
	@exec bin/compare -snatctl $(BIN) -docs docs $(COMPARE_FLAGS)

packages: ## build dist/*.deb and dist/*.rpm (VERSION=v1.4.0 ARCH=arm64); docs/packages.md
	@VERSION='$(VERSION)' packaging/build.sh

test-packages: ## install, update, remove and boot the packages in Debian under systemd, and build the container (root; minutes)
	@./scripts/deps.sh packages
	SNATCTL_PACKAGES=1 $(GO) test -count=1 -timeout 60m -v ./internal/packages

quarter-hour: ## do what docs/operations.md says on a fresh Debian under systemd, block by block (root; minutes)
	@./scripts/deps.sh packages
	SNATCTL_PACKAGES=1 $(GO) test -count=1 -timeout 60m -v ./internal/packages -run '^TestQuarterHour$$'

release-files: ## what is in the packages of dist (CycloneDX), and SHA256SUMS
	@for program in dist/snatctl-*64; do \
	  $(GO) tool -modfile=packaging/tools/go.mod cyclonedx-gomod bin -json -licenses -std -version '$(VERSION)' \
	    -output "dist/snatctl_$(VERSION)_$${program##*-}.cdx.json" "$$program" || exit 1; done
	@cd dist && sha256sum *.deb *.rpm *.cdx.json > SHA256SUMS

screenshots: test-deps ## draw the pictures of the status page in docs: a real agent with traffic, seen by chromium (root)
	SNATCTL_REQUIRE_NETNS=1 $(GO) test -count=1 ./integration -run '^TestScreenshots$$' -update

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

check: lint unit ## quick checks, no root

clean: ## remove what was built
	rm -rf bin dist
