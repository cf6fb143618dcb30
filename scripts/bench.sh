#!/usr/bin/env bash
# The benchmarks. Each also runs by itself: see bench/.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
need_go
go run ./bench/spine "$@"
