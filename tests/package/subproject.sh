#!/bin/bash
# Another meson project takes the freestanding floors, or all of the library, as a subproject.
. "$(dirname "$0")/lib.sh"

cp -r "$root/tests/package/subproject" "$work/project"
cp "$root/tests/package/consumer/consumer.c" "$work/project"
mkdir "$work/project/subprojects"
ln -s "$root" "$work/project/subprojects/vq"
setup() { meson setup "$work/$1" "$work/project" --wrap-mode=nodownload "${@:2}"; }

check "a project takes the freestanding floors" setup free -Dvq:hosted=false &&
    check "it builds" ninja -C "$work/free" firmware &&
    check "it runs" "$work/free/firmware"
nothing_hosted() { ! ninja -C "$work/free" -t targets all | grep -E "vhost_user|libvq\\.so|vq/tests/"; }
check "nothing hosted, and no test, is built for it" nothing_hosted

check "a project takes the whole library" setup whole -Dwhole=true &&
    check "it builds" ninja -C "$work/whole" &&
    check "it runs" "$work/whole/hosted"
finish
