#!/usr/bin/env bash
# Sets up the TypeScript side, and with "build" builds it: the two packages, then the dashboard.
set -euo pipefail
cd "$(dirname "$0")/../web"

command -v npm >/dev/null || { echo "npm is missing: install Node 20 or later (on Debian: apt-get install -y nodejs npm)" >&2; exit 1; }
node -e 'const [a,b]=process.versions.node.split(".").map(Number); process.exit(a>20||a===20&&b>=19?0:1)' ||
  { echo "Node $(node --version) is too old: 20.19 or later is needed" >&2; exit 1; }

# npm leaves its own copy of the lock file behind when it has installed all of it.
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
if ! cmp -s package-lock.json node_modules/.claudeops-lock; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.claudeops-lock
fi

if [ "${1:-}" = build ]; then
  # Building takes a while and most changes are elsewhere: it is left out when no source is newer.
  if [ ! -f dashboard/dist/index.html ] || [ -n "$(find packages/*/src packages/*/package.json dashboard/src dashboard/index.html dashboard/*.json dashboard/*.ts dashboard/public package-lock.json tsconfig.base.json -newer dashboard/dist/index.html -print -quit 2>/dev/null)" ]; then
    npm run --silent build
    touch dashboard/dist/index.html
  fi
fi
