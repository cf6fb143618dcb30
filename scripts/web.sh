#!/usr/bin/env bash
# Installs what the web parts need and builds the dashboard, each only when something has changed.
# With --install-only it builds nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
need_node
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1

lock=$(sha256sum web/package-lock.json | cut -d' ' -f1)
if [ "$(cat web/node_modules/.installed 2>/dev/null)" != "$lock" ]; then
	echo "installing the web parts' packages"
	(cd web && npm ci --no-audit --no-fund --loglevel=error)
	echo "$lock" >web/node_modules/.installed
fi
[ "${1:-}" = --install-only ] && exit

built=web/dashboard/dist/index.html
if [ ! -e "$built" ] || [ -n "$(find web/dashboard web/packages web/package-lock.json web/tsconfig.base.json \
	\( -name node_modules -o -name dist \) -prune -o -type f -newer "$built" -print -quit)" ]; then
	echo "building the dashboard"
	(cd web && npm run build --silent)
	touch "$built"
fi
