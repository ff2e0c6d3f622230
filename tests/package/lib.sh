# Sourced by the scripts beside it: TAP for shell.
# shellcheck shell=bash
set -u
# shellcheck disable=SC2034 # used by those who source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/vq-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
count=0 bad=0

# check NAME COMMAND...: one test; what the command says follows when it fails.
check() {
    local name=$1
    shift
    count=$((count + 1))
    if "$@" >"$work/log" 2>&1 </dev/null; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        tail -n 40 "$work/log" | sed 's/^/# /'
        bad=1
        return 1
    fi
}

# without NAME WANTED: one test that cannot be run here.
without() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP wants $2"
}

finish() {
    echo "1..$count"
    exit "$bad"
}
