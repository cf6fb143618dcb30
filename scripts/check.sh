#!/usr/bin/env bash
# What can be checked without running it.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
. scripts/steps.sh
need_go
need_node

formatted() {
	local wrong
	wrong=$(find . -name '*.go' -not -path '*/node_modules/*' -print0 | xargs -0 gofmt -l)
	[ -z "$wrong" ] || { echo "run gofmt -w on:"; echo "$wrong"; return 1; }
}

generated() {
	local wrote
	wrote=$(go run ./protocol/gen) || return
	go test ./internal/run/agent ./cmd/claudeops -run '^(TestDocs_|TestSchema_file_is_fresh)' || return
	[ -z "$wrote" ] || { echo "stale; written anew now, commit them:"; echo "$wrote"; return 1; }
}

darwin() { GOOS=darwin GOARCH=$1 CGO_ENABLED=0 go build -o /dev/null ./... && GOOS=darwin GOARCH=$1 CGO_ENABLED=0 go vet ./...; }

scripts_parse() {
	local file
	for file in scripts/*.sh .ci/run; do bash -n "$file" || return; done
}

in_web() { (cd web && "$@"); }

# vulnerable NAME COMMAND…: a look into a database on the net. Without a way there it is noted, not counted.
vulnerable() {
	local name=$1 out code
	shift
	out=$("$@" 2>&1)
	code=$?
	if [ "$code" != 0 ] && grep -qiE 'no such host|dial tcp|connection refused|i/o timeout|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|40[0-9] (Forbidden|Not Found|Method)|audit endpoint returned an error|fetching vulnerabilities|proxyconnect|TLS handshake' <<<"$out"; then
		note "$name: its database can't be reached from here, so it was not asked"
		return
	fi
	show() { echo "$out"; return "$code"; }
	step "$name" show
}

step "gofmt" formatted
step "go mod verify" go mod verify
step "go vet" go vet ./...
step "staticcheck" go tool staticcheck ./...
step "import rules" go test ./internal/layout
step "generated files" generated
step "macOS on amd64" darwin amd64
step "macOS on arm64" darwin arm64
step "scripts" scripts_parse
step "web packages installed" scripts/web.sh --install-only
step "biome" in_web npm run --silent lint
step "web packages build" in_web npm run --silent build
step "types" in_web npm run --silent typecheck
step "packed packages" in_web npm run --silent check:packages
vulnerable "govulncheck" go tool govulncheck ./...
vulnerable "npm audit" in_web npm audit --omit=dev
finish check
