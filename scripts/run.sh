#!/usr/bin/env bash
# Builds, serves from ./data with the example agents, and opens the page in
# the browser where there is one. What is given is passed on to serve.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh
# The stand-in plays a session of Claude Code for the example played-session.
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o bin/claude-standin ./internal/testagent/standin/play
PATH="$PWD/bin:$PATH"
exec bin/claudeops serve --data "${CLAUDEOPS_DATA:-data}" --agents "${CLAUDEOPS_AGENTS:-examples/agents}" --print-link --open "$@"
