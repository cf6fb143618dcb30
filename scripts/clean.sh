#!/usr/bin/env bash
# Removes what was built and installed here. Data stays.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf bin web/dashboard/dist web/packages/*/dist web/test-results web/playwright-report test-results web/node_modules web/*/node_modules web/packages/*/node_modules examples/nextjs/node_modules examples/nextjs/.next
find web -name '*.tsbuildinfo' -not -path '*/node_modules/*' -delete
