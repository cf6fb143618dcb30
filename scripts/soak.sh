#!/usr/bin/env bash
# Faults at random for a long time: the real program, killed, paused and cut off while agents write and
# readers read, with an oracle that counts after every round.
#   scripts/soak.sh [-for SECONDS|Nm|Nh] [-seed N] [-csv FILE] [-crowd CLIENTS] [-dir DIRECTORY]
#                   [-keep-logs TIME] [-keep-executions TIME]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/requirements.sh
need_go
args=()
while [ $# -gt 1 ]; do
	case $1 in
	-for) if [[ $2 =~ ^[0-9]+$ ]]; then args+=("$1" "$2s"); else args+=("$1" "$2"); fi ;;
	-seed | -csv | -crowd | -dir | -keep-logs | -keep-executions) args+=("$1" "$2") ;;
	*) break ;;
	esac
	shift 2
done
if [ $# -gt 0 ]; then
	echo "soak: $1 is none of the options above, or what belongs to it is missing" >&2
	exit 2
fi
# Thousands of clients take two descriptors each in the soak, and one in the server.
ulimit -n "$(ulimit -Hn)"
soak=$(mktemp)
trap 'rm -f "$soak"' EXIT
go build -o "$soak" ./e2e/soak
"$soak" "${args[@]}"
