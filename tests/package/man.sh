#!/bin/bash
# Every command has a manual page, which is installed, renders, and names what --help names.
#     man.sh VQ
. "$(dirname "$0")/lib.sh"
vq=$1

options() { grep -oE -- '--[a-z][a-z-]*' | grep -vxe --help | LC_ALL=C sort -u; }
# mdoc has "Fl Fl json" for what man has as "\-\-json".
page_options() { sed -E 's/Fl Fl /\n--/g; s/\\-/-/g' "$1" | options; }
agrees() {
    local what
    {
        "$vq" help "$1"
        # What a command in turn can do may have options of its own.
        for what in $("$vq" help "$1" | awk '/^  [a-z]+   / { print $1 }'); do
            "$vq" "$1" "$what" --help
        done
    } 2>&1 | options >"$work/help"
    page_options "$2" >"$work/page"
    [ -s "$work/help" ] && ! LC_ALL=C comm -23 "$work/help" "$work/page" | sed 's/^/not in the page: /' | grep . &&
        ! LC_ALL=C comm -13 "$work/help" "$work/page" | sed 's/^/not in --help: /' | grep .
}
renders() { ! groff -mandoc -Tutf8 -ww -z "$1" 2>&1 | grep .; }
installed() { grep -qF "docs/man/$(basename "$1")'" "$root/tools/meson.build"; }

commands=$("$vq" --help | awk '/^  [a-z]+   / { print $1 }')
check "there are commands" [ -n "$commands" ]
for command in $commands; do
    page=$root/docs/man/vq-$command.1
    check "vq $command has a page" [ -f "$page" ] || continue
    check "which names the options that its --help names" agrees "$command" "$page"
done
for page in "$root"/docs/man/*; do
    check "$(basename "$page") is installed" installed "$page"
    if command -v groff >/dev/null; then
        check "$(basename "$page") renders" renders "$page"
    else
        without "$(basename "$page") renders" "groff"
    fi
done
finish
