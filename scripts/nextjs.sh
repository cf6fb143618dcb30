#!/usr/bin/env bash
# Installs what the Next.js example needs and builds it with the packages as they are here, each only when
# something has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
need_node
scripts/web.sh
export NEXT_TELEMETRY_DISABLED=1
cd examples/nextjs

sum() { find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }

wanted=$(sum package-lock.json ../../web/packages/{client,model,react}/package.json)
if [ "$(cat node_modules/.installed 2>/dev/null)" != "$wanted" ]; then
	echo "installing the Next.js example's packages"
	npm ci --no-audit --no-fund --loglevel=error
	echo "$wanted" >node_modules/.installed
fi
# They were copied when they were installed; what has been built since takes their place.
for name in client model react; do
	rm -rf "node_modules/@claudeops/$name/dist"
	cp -R "../../web/packages/$name/dist" "node_modules/@claudeops/$name/dist"
done

wanted=$(sum package-lock.json next.config.ts tsconfig.json environment.ts proxy.ts app node_modules/@claudeops/*/dist)
if [ "$(cat .next/.built 2>/dev/null)" != "$wanted" ]; then
	echo "building the Next.js example"
	npm run build --silent
	echo "$wanted" >.next/.built
fi
