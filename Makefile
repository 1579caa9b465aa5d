# What there is to do here; `make help` lists it. Everything works from a clean clone with a Swift 6.3 toolchain.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 3600

# swiftbuild, the other build system, cannot build Embedded Swift.
SWIFT_BUILD := swift build --build-system native
# Not the first python3 on the PATH: tests run it as an ordinary user, too.
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3) -B
# Unit tests with deadlines, which those that compute for a minute would keep from the processors.
CLOCKED := ^(GatewayTests|MCPTests|MCPHTTPTests)\.
RELEASE := CLAUDINE_BIN=$(CURDIR)/.build/release

.DEFAULT_GOAL := help
.PHONY: help deps build release install test unit integration demo bench chaos soak hostile peers e2e-claude fuzz format lint docs clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "make %-12s %s\n", $$1, $$2 }'

deps: ## install the missing system packages (apt-get; sudo if not root)
	@integration/deps.sh

build: deps ## build everything (debug)
	$(SWIFT_BUILD)

# Two calls: --static-swift-stdlib holds for a whole build, and Embedded Swift cannot be built with it.
release: deps ## build the executables for use
	$(SWIFT_BUILD) -c release --product claudine --static-swift-stdlib
	$(SWIFT_BUILD) -c release --product claudine-shepherd
	$(SWIFT_BUILD) -c release --product claudine-battery

install: release ## install into PREFIX (default /usr/local)
	install -D -m 755 .build/release/claudine "$(DESTDIR)$(PREFIX)/bin/claudine"
	install -D -m 755 .build/release/claudine-shepherd "$(DESTDIR)$(PREFIX)/libexec/claudine/claudine-shepherd"
	install -D -m 755 .build/release/claudine-battery "$(DESTDIR)$(PREFIX)/libexec/claudine/claudine-battery"
	install -D -m 644 docs/claudine.service "$(DESTDIR)$(PREFIX)/lib/systemd/user/claudine.service"
	sed -i 's|^ExecStart=.*|ExecStart=$(abspath $(PREFIX))/bin/claudine serve|' "$(DESTDIR)$(PREFIX)/lib/systemd/user/claudine.service"

test: deps lint unit integration ## everything a merge must pass

# One debug build is both: the unit tests, and the executables that the whole-program tests run.
unit: deps
	$(SWIFT_BUILD) --build-tests
	swift test --build-system native --skip-build --disable-xctest --filter '$(CLOCKED)'
	swift test --build-system native --skip-build --disable-xctest --skip '$(CLOCKED)'

integration:
	$(PYTHON) integration/run_all.py

demo: build ## run the bundled agent in a strict cage and show what came of it
	@$(PYTHON) integration/demo.py

bench: release ## measure beside bubblewrap, firejail, a bare spawn; with 100,000 tasks; as an MCP server beside the SDK
	$(RELEASE) $(PYTHON) integration/bench.py
	$(RELEASE) $(PYTHON) integration/scale.py
	$(RELEASE) $(PYTHON) integration/throughput.py
	$(RELEASE) $(PYTHON) integration/mcp_bench.py

chaos: build ## faults of every kind, with an observer that never stops looking
	$(PYTHON) integration/chaos.py --class full
	$(PYTHON) integration/orphans.py

soak: build ## faults at random for as long as you like (SOAK_SECONDS=3600)
	$(PYTHON) integration/chaos.py --class soak --until $(SOAK_SECONDS)

hostile: build ## attack the cage from inside, under every policy
	$(PYTHON) integration/hostile.py --seconds 60
	$(PYTHON) integration/policytest.py
	$(PYTHON) integration/workflows.py
	$(PYTHON) integration/leftovers.py --tasks 200

peers: build ## the same attacks on other sandboxes; writes docs/hostile.md
	$(PYTHON) integration/peers.py --write

e2e-claude: build ## the real Claude Code against a scripted API
	$(PYTHON) integration/e2e_claude.py

fuzz: build ## fuzz what decodes bytes from elsewhere (FUZZ_SECONDS=60)
	$(PYTHON) integration/fuzz.py --seconds $(FUZZ_SECONDS)

format: ## format the Swift sources in place
	swift format --in-place --parallel --recursive Package.swift Sources Tests integration/fuzz integration/mcp

lint: ## check the formatting and the style of the Swift sources
	swift format lint --strict --parallel --recursive Package.swift Sources Tests integration/fuzz integration/mcp

docs: build ## check the documentation: links, paths, and the tables that the program prints
	$(PYTHON) integration/docs_check.py

clean: ## remove what was built
	rm -rf .build .build-standard
