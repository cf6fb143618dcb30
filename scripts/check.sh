#!/usr/bin/env bash
# Everything about the code that needs no test run.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
step() { echo "== $1"; }
fail() { echo "$1" >&2; failed=1; }

step "format"
unformatted=$(git ls-files '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || fail "not formatted (run gofmt -w on them): $unformatted"

scripts/web.sh build

step "go vet and staticcheck"
go vet ./... || failed=1
go tool staticcheck ./... || failed=1
(cd bench/peers && go vet ./...) || failed=1

step "modules"
go mod tidy -diff >/dev/null || fail "go.mod or go.sum is not tidy: run go mod tidy"

step "generated files"
go generate ./...
stale=$(git status --porcelain -- protocol docs web/packages internal | grep -v '^??' || true)
if [ -n "$stale" ] && ! git diff --quiet -- '*.gen.ts' docs/asyncapi.yaml docs/openapi.json docs/protocol.md; then
  fail "generated files were stale; they are fresh now, commit them: $stale"
fi

step "other platforms"
for target in darwin/amd64 darwin/arm64 linux/arm64; do
  CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go build -o /dev/null ./cmd/claudeops || failed=1
done

step "TypeScript: lint, types, packages"
(cd web && npm run --silent lint && npm run --silent typecheck && npm run --silent check:packages) || failed=1

step "known vulnerabilities"
# Both ask a database on the network; where it can't be had that is said, and no failure.
if out=$(go tool govulncheck ./... 2>&1); then
  echo "Go: none"
elif grep -qE 'dial tcp|no such host|connection refused|i/o timeout|unexpected status|403|404|x509|proxyconnect' <<<"$out" && ! grep -q '^Vulnerability #' <<<"$out"; then
  echo "Go: the database can't be reached from here"
else
  fail "$out"
fi
if out=$(cd web && npm audit --omit=dev 2>&1); then
  echo "npm: none"
elif grep -qE 'audit endpoint|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|E40[0-9]|ENOAUDIT' <<<"$out"; then
  echo "npm: the database can't be reached from here"
else
  fail "$out"
fi
exit $failed
