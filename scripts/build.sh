#!/usr/bin/env bash
# Builds bin/claudeops with the dashboard in it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
need_go
scripts/web.sh

version=$(git describe --tags --match 'v*' --dirty 2>/dev/null || echo 0.1.0-dev)
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || true)
date=$(git log -1 --format=%cI 2>/dev/null || true)
CGO_ENABLED=0 go build -trimpath -buildvcs=false \
	-ldflags "-s -w -X main.version=$version -X main.commit=$commit -X main.date=$date" \
	-o bin/claudeops ./cmd/claudeops
echo "bin/claudeops $version"
