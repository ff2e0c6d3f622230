/* QEMU's virt for AArch64: exception level 1, MMU and caches off. */
    .section .text.start, "ax"
    .globl _start
_start:
    ldr     x0, =board_stack_top
    mov     sp, x0
    ldr     x0, =vectors
    msr     vbar_el1, x0
    ldr     x0, =board_bss_start
    ldr     x1, =board_bss_end
1:  cmp     x0, x1
    b.hs    2f
    str     xzr, [x0], #8
    b       1b
2:  bl      board_main

    .balign 2048
vectors:
    .rept   16
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    bl      board_trap
    .balign 128
    .endr
