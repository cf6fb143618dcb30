# Sourced by the other scripts: what has to be on the machine, and how to get it.

# have PROGRAM PACKAGE: makes sure that a program is there. It is installed where this user may; otherwise
# the user is told how.
have() {
	command -v "$1" >/dev/null && return
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "installing $2, for $1"
		{ [ -n "${apt_updated:-}" ] || apt-get -qq update; } >/dev/null && apt_updated=1
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$2" >/dev/null 2>&1 && command -v "$1" >/dev/null && return
		echo "$1 is missing, and apt-get could not install the package $2" >&2
		exit 1
	fi
	echo "$1 is missing; install it with: sudo apt-get install -y $2" >&2
	exit 1
}

need_go() {
	if ! command -v go >/dev/null; then
		echo "go is missing; install Go $(sed -n 's/^go //p' go.mod) or newer from https://go.dev/dl/" >&2
		exit 1
	fi
	if ! go env GOVERSION >/dev/null 2>&1; then
		go env GOVERSION >&2 || true
		echo "this Go is too old: Go $(sed -n 's/^go //p' go.mod) or newer is needed" >&2
		exit 1
	fi
}

need_node() {
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		echo "node or npm is missing; install Node.js 20.19 or newer from https://nodejs.org/" >&2
		exit 1
	fi
	if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
		echo "Node.js $(node --version) is too old: 20.19 or newer is needed" >&2
		exit 1
	fi
}
