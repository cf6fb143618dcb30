#!/usr/bin/env bash
# Faults at random for a long time: the tests from outside that kill and break things, again and again,
# each round with the next seed.
#   scripts/soak.sh [-for SECONDS|Nm|Nh] [-seed N]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
need_go
for=10m seed=$(date +%s)
while [ $# -gt 1 ]; do
	case $1 in
	-for) for=$2 ;;
	-seed) seed=$2 ;;
	*) break ;;
	esac
	shift 2
done
if [ $# -gt 0 ]; then
	echo "soak: $1 is neither -for TIME nor -seed N" >&2
	exit 2
fi
case $for in
*h) seconds=$((${for%h} * 3600)) ;;
*m) seconds=$((${for%m} * 60)) ;;
*) seconds=${for%s} ;;
esac

tests=$(mktemp)
trap 'rm -f "$tests"' EXIT
go test -c -o "$tests" ./e2e
rounds=0
until=$((SECONDS + seconds))
while [ "$rounds" = 0 ] || [ "$SECONDS" -lt "$until" ]; do
	echo "— round $((rounds + 1)), seed $seed"
	(cd e2e && "$tests" -test.v -test.timeout 10m -test.run 'Killed|HardToKill|Following' -seed "$seed") | grep -E 'acked|^--- |^\s+--- FAIL|panic:|_test.go.*want' ||
		{ echo "failed; again with: go test ./e2e -run 'Killed|HardToKill|Following' -seed $seed" >&2 && exit 1; }
	rounds=$((rounds + 1)) seed=$((seed + 1))
done
echo "$rounds rounds passed"
