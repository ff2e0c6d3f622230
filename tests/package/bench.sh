#!/bin/bash
# vq bench ring draws what it measures, and says it as JSON.
#     bench.sh VQ
. "$(dirname "$0")/lib.sh"
vq=$1

sweep() { "$vq" bench ring --plot "$work/ring.svg" --json --count 640 >"$work/points"; }
points() {
    python3 - "$work/points" <<'PYTHON'
import json, sys
points = [json.loads(line) for line in open(sys.argv[1])]
threads = {p["threads"] for p in points}
assert threads in ({1}, {1, 2}), threads
seen = {(p["threads"], p["format"], p["in_order"], p["batch"]) for p in points}
assert len(seen) == len(points) == 28 * len(threads), len(points)
for p in points:
    assert p["ns_per_buffer"] > 0
    if p["line_round_trip_ns"] is None:
        assert p["round_trips_per_buffer"] is None
    else:
        times = p["ns_per_buffer"] / p["line_round_trip_ns"]
        assert abs(p["round_trips_per_buffer"] - times) < 0.01 + times / 100
PYTHON
}
drawn() {
    python3 - "$1" <<'PYTHON'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "{http://www.w3.org/2000/svg}svg"
points = root.findall(".//{http://www.w3.org/2000/svg}circle")
assert points and len(points) % 28 == 0, len(points)
assert "prefers-color-scheme:dark" in open(sys.argv[1]).read()
PYTHON
}
to_stdout() {
    "$vq" bench ring --plot - --count 64 >"$work/stdout.svg" && drawn "$work/stdout.svg"
}
refused() { ! "$vq" bench ring --plot "$work/none.svg" "$@" 2>/dev/null && [ ! -e "$work/none.svg" ]; }

check "a sweep is measured" sweep
check "each point is an object, as a multiple of the round trip too" points
check "the drawing is SVG for light and dark" drawn "$work/ring.svg"
check "a drawing to standard output is there alone" to_stdout
check "a ring that is too small for it is refused" refused --size 64
check "phases are not drawn" refused --apart
finish
