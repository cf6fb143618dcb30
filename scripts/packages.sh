#!/usr/bin/env bash
# Makes sure that the programs the tests drive are there: packages.sh PROGRAM=PACKAGE…
# Installs what is missing where it may, and otherwise says what to install.
set -euo pipefail
PATH="$PATH:/usr/sbin"
missing=()
for pair in "$@"; do
  command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if sudo -n true 2>/dev/null; then as_root=(sudo -n); else
    echo "these tests need: ${missing[*]}; install with: sudo apt-get install -y ${missing[*]}" >&2
    exit 1
  fi
fi
command -v apt-get >/dev/null || { echo "these tests need: ${missing[*]}; install them with your system's package manager" >&2; exit 1; }
echo "installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
# Services that come with a package are not to start on this machine.
DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
