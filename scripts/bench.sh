#!/usr/bin/env bash
# Measures, one server at a time on one core, and writes the tables into docs/benchmarks.md.
# ROUNDS and SECONDS_EACH make it shorter or longer.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v node >/dev/null || { echo "node is missing: the peers on Node need it" >&2; exit 1; }
(cd bench/peers/node && { [ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error; })
(cd bench/peers && go build -o ../../bin/peers .)
tables=$(mktemp)
trap 'rm -f "$tables"' EXIT
(cd bench/peers && ../../bin/peers -binary ../../bin/claudeops -rounds "${ROUNDS:-3}" -seconds "${SECONDS_EACH:-4}" -out "$tables")
head=$(awk '/<!-- tables -->/{exit}{print}' docs/benchmarks.md)
{ printf '%s\n<!-- tables -->\n\n' "$head"; cat "$tables"; } > docs/benchmarks.md.new
mv docs/benchmarks.md.new docs/benchmarks.md
