# The few commands everybody needs. The work is in scripts/, so that what runs here and in CI is one.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LISTEN  ?= 127.0.0.1:3000

.PHONY: run build test check bench soak clean

run: build ## serve with the example agents; prints the link that opens the page signed in
	bin/claudeops serve --listen $(LISTEN) --data data --agents examples/agents --print-link

build: ## bin/claudeops, with the page in it
	scripts/web.sh build
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/claudeops ./cmd/claudeops

test: build ## every test: Go with the race detector, TypeScript, a real browser
	scripts/test.sh

check: ## format, lint, types, generated files, other platforms, known vulnerabilities
	scripts/check.sh

bench: build ## figures beside the peers
	scripts/bench.sh

soak: build ## the long fault runs; SOAK=10m sets how long, SEED=n repeats one
	scripts/soak.sh

clean:
	rm -rf bin web/dashboard/dist web/packages/*/dist web/node_modules bench/peers/node/node_modules
