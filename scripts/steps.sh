# Sourced by check.sh and test.sh: runs steps, keeps going when one fails, and counts.
#
# CLAUDEOPS_RESULTS, when set, names a file that gets a line "passed failed" for each script.

passed=0
failed=0
notes=()

# step NAME COMMAND…: runs a step that counts as one. Its output is shown when it fails.
step() {
	local name=$1 begun=$SECONDS out
	shift
	out=$(mktemp)
	if "$@" >"$out" 2>&1; then
		passed=$((passed + 1))
		echo "✓ $name ($((SECONDS - begun)) s)"
	else
		failed=$((failed + 1))
		echo "✕ $name ($((SECONDS - begun)) s)"
		sed 's/^/    /' "$out"
	fi
	rm -f "$out"
}

# counted PASSED FAILED: adds tests that a step has counted itself.
counted() {
	passed=$((passed + $1))
	failed=$((failed + $2))
}

# note TEXT: something the reader should know that is no failure.
note() {
	notes+=("$1")
	echo "· $1"
}

# finish NAME: the closing line, and the exit code.
finish() {
	local text
	for text in "${notes[@]}"; do echo "note: $text"; done
	echo "$1: $passed passed, $failed failed"
	if [ -n "${CLAUDEOPS_RESULTS:-}" ]; then echo "$passed $failed" >>"$CLAUDEOPS_RESULTS"; fi
	[ "$failed" = 0 ]
}
