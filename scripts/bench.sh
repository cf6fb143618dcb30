#!/usr/bin/env bash
# The benchmarks: what this server does alone, then beside its peers, one server at a time on one core.
# The tables go into docs/benchmarks.md. ROUNDS and SECONDS_EACH make it longer or shorter.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
need_go
need_node
[ -x bin/claudeops ] || scripts/build.sh
go run ./bench/spine "$@"

[ -d bench/peers/node/node_modules ] || (cd bench/peers/node && npm ci --no-audit --no-fund --loglevel=error)
tables=$(mktemp)
trap 'rm -f "$tables" bin/peers' EXIT
(cd bench/peers && go build -o ../../bin/peers . &&
	../../bin/peers -binary ../../bin/claudeops -rounds "${ROUNDS:-3}" -seconds "${SECONDS_EACH:-4}" -out "$tables")
{
	sed '/<!-- tables -->/q' docs/benchmarks.md
	echo
	cat "$tables"
} >docs/benchmarks.md.new
mv docs/benchmarks.md.new docs/benchmarks.md
