# Sourced by the heavier checks: counts what they find, and says it as one last line
# "N passed, N failed, N skipped", with an exit status to match.
# shellcheck shell=bash
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
BUILD=${BUILD:-build}
passed=0 failed=0 skipped=0
log=$(mktemp "${TMPDIR:-/tmp}/check.XXXXXX")

pass() { passed=$((passed + 1)) && echo "ok: $*"; }
fail() { failed=$((failed + 1)) && echo "FAILED: $*"; }
skip() { skipped=$((skipped + 1)) && echo "skipped: $*"; }

# try NAME COMMAND...: one thing that passes or fails; its output only matters when it fails.
try() {
    local name=$1
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        pass "$name"
    else
        fail "$name"
        tail -n "${LINES_SHOWN:-60}" "$log" | sed 's/^/    /'
        return 1
    fi
}

# suite NAME COMMAND...: something that ends in a count of its own, which is added up.
suite() {
    local name=$1 status count
    shift
    echo "== $name"
    "$@" </dev/null 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    count=$(grep -xE '[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped' "$log" | tail -n 1)
    if [ -z "$count" ]; then
        fail "$name: ended without a count (status $status)"
        return 1
    fi
    # shellcheck disable=SC2086 # the words of the count
    set -- $count
    passed=$((passed + $1)) failed=$((failed + $3)) skipped=$((skipped + $5))
    [ "$status" -eq 0 ] || [ "$3" -gt 0 ] || fail "$name: status $status"
}

finish() {
    rm -f "$log"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}
