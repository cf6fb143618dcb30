#!/usr/bin/env bash
# Runs every test. What is missing is installed or named; nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/packages.sh chromium=chromium nginx=nginx-light caddy=caddy
scripts/web.sh
[ -x bin/claudeops ] || { echo "bin/claudeops is missing: run make build" >&2; exit 1; }

report=$(mktemp)
trap 'rm -f "$report"' EXIT

echo "== Go, with the race detector"
go tool gotestsum --format pkgname --jsonfile "$report" -- -race -timeout 15m ./...
if grep -q '"Action":"skip".*"Test":' "$report"; then
  echo "a test was skipped; a missing part must fail it, with the command that installs the part:" >&2
  grep -o '"Action":"skip".*"Test":"[^"]*"' "$report" >&2
  exit 1
fi
passed=$(grep -c '"Action":"pass".*"Test":' "$report" || true)

echo "== TypeScript"
(cd web && npx vitest run)

echo "== a real browser"
(cd web && npx playwright test --config e2e/playwright.config.ts)

echo
echo "$passed passed, 0 failed"
