#!/usr/bin/env bash
# Every test. What the tests need and this user may install is installed; otherwise it is said how.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
. scripts/steps.sh
need_go
need_node
have gcc gcc # the race detector links with it
have chromium chromium
have nginx nginx-light
have caddy caddy
have perl perl

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

if ! scripts/build.sh; then
	counted 0 1
	finish test
	exit 1
fi

# counted_by FILE: takes the two numbers that a step has left, or counts it as one failure.
counted_by() {
	local p f
	if read -r p f <"$1" 2>/dev/null; then counted "$p" "$f"; else counted 0 1; fi
}

echo "— Go"
CGO_ENABLED=1 go run ./scripts/gotest -counts "$results/go" -- -race -p 2 -timeout 15m ./...
counted_by "$results/go"

echo "— TypeScript"
(cd web && npx --no-install vitest run --reporter=default --reporter=json --outputFile="$results/vitest.json")
code=$?
node -e '
	const r = JSON.parse(require("fs").readFileSync(process.argv[1]));
	const skipped = r.numPendingTests + (r.numTodoTests ?? 0);
	if (skipped) console.log(`${skipped} tests were skipped`);
	let failed = r.numFailedTests + r.numFailedTestSuites * (r.numFailedTests === 0) + skipped;
	if (Number(process.argv[2]) !== 0 && failed === 0) failed = 1;
	require("fs").writeFileSync(process.argv[3], `${r.numPassedTests} ${failed}\n`);
' "$results/vitest.json" "$code" "$results/vitest"
counted_by "$results/vitest"

echo "— The page in Chromium, and a Next.js app with its pieces"
step "the Next.js example builds" scripts/nextjs.sh
(cd web && CI=1 PLAYWRIGHT_JSON_OUTPUT_NAME="$results/playwright.json" npx --no-install playwright test -c e2e/playwright.config.ts --reporter=list,json)
code=$?
node -e '
	const s = JSON.parse(require("fs").readFileSync(process.argv[1])).stats;
	if (s.skipped) console.log(`${s.skipped} tests were skipped`);
	let failed = s.unexpected + s.flaky + s.skipped;
	if (Number(process.argv[2]) !== 0 && failed === 0) failed = 1;
	require("fs").writeFileSync(process.argv[3], `${s.expected} ${failed}\n`);
' "$results/playwright.json" "$code" "$results/playwright"
counted_by "$results/playwright"

finish test
