#!/bin/bash
# tests/peers/pci_remote.sh: the PCI drivers of Debian's cloud kernel, and before them the firmware's,
# against the device's end of PCI, in a QEMU that passes every access to its registers on
# (x-pci-proxy-dev). QEMU translates (TCG), and only its KVM takes interrupts from there: the guest
# looks for them itself, at each tick of its clock (irqpoll).
# Prints TAP. QUICK=1 takes one case, ONLY=text those whose name has it.
# shellcheck source=tests/peers/tap.sh
. "$(dirname "$0")/tap.sh"
guest_workdir
limit=120
remote=$BUILD/tests/peers/pci-remote

missing=""
prepare() {
    local cache=$BUILD/guests/kernel
    if ! command -v qemu-system-x86_64 >/dev/null; then
        missing="qemu-system-x86_64 (install qemu-system-x86)"
    elif ! qemu-system-x86_64 -device help 2>/dev/null | grep -q x-pci-proxy-dev; then
        missing="a QEMU with x-pci-proxy-dev"
    elif [ ! -x "$remote" ]; then
        missing="$remote, which is built on Linux"
    elif ! command -v busybox >/dev/null; then
        missing="busybox (install busybox-static)"
    elif ! "$repo/scripts/guest/cloud-kernel" "$cache" 2>"$work/kernel.log"; then
        missing="Debian's cloud kernel: $(tail -n 1 "$work/kernel.log")"
    elif ! "$repo/scripts/initramfs" "$work/initramfs" "$cache/modules" virtio_pci virtio_blk ext4 2>"$work/kernel.log"; then
        missing="an initramfs: $(tail -n 1 "$work/kernel.log")"
    fi
}
prepare

# One boot: KIND of the function, rings that it offers, queues, what the driver must say of the ring,
# PCI device id, and whether the function is the disk that the firmware boots from.
boot() {
    local before attempt
    [ -z "$missing" ] || { why=$missing; return 77; }
    random_disk disk 16
    for attempt in first second; do
        before=$(sum_of disk)
        : >console
        setsid "$remote" disk "$1" "$2" "$3" -- qemu-system-x86_64 -nodefaults -no-user-config \
            -machine pc,memory-backend=mem -accel tcg -m 256M -display none -monitor none -no-reboot \
            -object memory-backend-memfd,id=mem,size=256M,share=on -serial file:console \
            -kernel "$BUILD/guests/kernel/vmlinuz" -initrd "$work/initramfs" \
            -append "console=ttyS0 noapic nolapic irqpoll nohz=off highres=off no_timer_check panic=-1 quiet vq.do=raw" \
            -device x-pci-proxy-dev,fd=3 </dev/null >server.log 2>&1 &
        guest_pid=$!
        guest_wait $limit && break
        [ $attempt = first ] && guest_clock_stopped || return 1
        note "the guest's clock stopped; once more"
    done
    negotiated_is "$4" 1 1 || return 1
    expect "PCI device id" "$(fact pci device)" "$5" || return 1
    expect "queues in the guest" "$(fact disk queues)" 1 || return 1
    note "$(sed -n 's/^pci_remote: //p' server.log)"
    same_both_ways disk "$before"
}

test_case "Linux on a modern PCI device" boot modern split 1 split 0x1042
if [ -z "${QUICK:-}" ]; then
    test_case "Linux on a modern PCI device, packed rings" boot modern packed 1 packed 0x1042
    test_case "Linux on a transitional PCI device" boot transitional split 1 split 0x1001
    test_case "Linux on a legacy PCI device" boot legacy split 1 legacy 0x1001
    test_case "Linux on a modern PCI device with more queues than processors" boot modern split 4 split 0x1042
fi
tap_end
