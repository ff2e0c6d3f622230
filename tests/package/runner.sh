#!/bin/bash
# The test runner sees what goes wrong: programs made to fail in every way are counted as such.
. "$(dirname "$0")/lib.sh"

mkdir "$work/project"
cd "$work/project" || exit 1
{
    echo "project('made-to-fail')"
    for name in fine skips fails fewer more silent crashes status hangs; do
        limit=30
        [ "$name" != hangs ] || limit=1
        echo "test('$name', find_program('$name'), timeout: $limit, protocol: 'tap')"
    done
} >meson.build
program() { cat >"$1" && chmod +x "$1"; }
program fine <<<$'#!/bin/sh\necho 1..2; echo noise; echo "ok 1 - one [A-1 B-02]"; echo "ok 2 - two # of many"'
# As cmocka 1.1.5 says it, as later ones do, and as the TAP specification has it.
program skips <<<$'#!/bin/sh\necho 1..3; echo "# skip: a moon"; echo "not ok 1 # SKIP tide [C-1]"; echo "ok 2 # SKIP ebb"; echo "ok 3 - flood # SKIP wants rain"'
program fails <<<$'#!/bin/sh\necho 1..2; echo "ok 1 - good"; echo "not ok 2 - bad [D-1]"; echo "# 1 != 2"; exit 1'
program fewer <<<$'#!/bin/sh\necho 1..2; echo "ok 1 - only"'
program more <<<$'#!/bin/sh\necho 1..1; echo "ok 1 - one"; echo "ok 2 - two"'
program silent <<<$'#!/bin/sh\ntrue'
program crashes <<<$'#!/bin/sh\necho 1..1; echo "ok 1 - before"; kill -SEGV $$'
program status <<<$'#!/bin/sh\necho 1..1; echo "ok 1 - all well"; exit 3'
program hangs <<<$'#!/bin/sh\necho 1..1; echo "ok 1 - before"; sleep 1000'

check "a project of programs made to fail" meson setup "$work/build" || finish
"$root/scripts/run-tests" "$work/build" >"$work/out" 2>&1
status=$?

says() { grep -qF -- "$1" "$work/out" || { cat "$work/out" && return 1; }; }
row() { grep -qxF -- "$(printf '%b' "$1")" "$work/build/test-results.tsv" || {
    cat "$work/build/test-results.tsv" && return 1; }; }
sum() { tail -n 1 "$work/out" | grep -xF "$1" || { cat "$work/out" && return 1; }; }

check "a failure is the status of the run" [ "$status" -ne 0 ]
check "a failing test is named" says "FAILED: bad [D-1]"
check "what it said is shown" says "# 1 != 2"
check "a skip says what it wanted, from cmocka" says "skipped: tide [C-1]: a moon"
check "a skip says what it wanted, from a script" says "skipped: flood: wants rain"
check "tests that were announced and never came" says "announced 2 tests and printed 1"
check "tests that were never announced" says "announced 1 tests and printed 2"
check "a program without a test" says "printed no test"
check "a program that crashes after its last test" says "ended by SIGSEGV"
check "a program that fails outside of its tests" says "exit status 3"
check "a program that is stuck is ended" says "still running after 1 s, ended"
check "ids are kept with a result" row 'fine\tone [A-1 B-02]\tA-1 B-02\tok'
check "a mark that is no skip is part of the name" row 'fine\ttwo # of many\t\tok'
check "ids of a failure are kept" row 'fails\tbad [D-1]\tD-1\tfail'
check "ids of a skip are kept" row 'skips\ttide [C-1]\tC-1\tskip'
check "the last line is the sum" sum "9 passed, 7 failed, 3 skipped"
"$root/scripts/spec-coverage" "$work/build" --no-page >"$work/out" 2>&1
status=$?
check "an id that no requirement has is an error" [ "$status" -ne 0 ]
check "and is named" says "no such requirement: A-1, named by fine: one [A-1 B-02]"
finish
