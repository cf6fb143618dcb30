# What people do here. Each target is a script that CI runs too.
#
#   make run      build, and serve with the example agents on http://127.0.0.1:3000 (ARGS="--listen …")
#   make build    bin/claudeops, with the dashboard in it
#   make check    format, vet, lints, types, generated files, other platforms, known vulnerabilities
#   make test     every test: Go with the race detector, TypeScript, the page in Chromium
#   make bench    the benchmarks, beside their peers (ARGS="…")
#   make soak     faults at random for a long time (ARGS="-for 1h -seed 7")
#   make clean    remove what was built

.PHONY: build run check test bench soak clean
.DEFAULT_GOAL := build

build:
	@scripts/build.sh

run:
	@scripts/run.sh $(ARGS)

check:
	@scripts/check.sh

test:
	@scripts/test.sh

bench:
	@scripts/bench.sh $(ARGS)

soak:
	@scripts/soak.sh $(ARGS)

clean:
	@scripts/clean.sh
