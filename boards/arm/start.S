/* QEMU's virt for 32-bit ARM: the processor in ARM state, MMU and caches off. */
    .section .text.start, "ax"
    .arm
    .globl _start
_start:
#if defined(__ARMEB__)
    setend  be
#endif
    ldr     sp, =board_stack_top
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0          /* VBAR */
#if defined(__ARMEB__)
    mrc     p15, 0, r0, c1, c0, 0           /* SCTLR.EE: traps are big-endian too */
    orr     r0, r0, #(1 << 25)
    mcr     p15, 0, r0, c1, c0, 0
#endif
    ldr     r0, =board_bss_start
    ldr     r1, =board_bss_end
    mov     r2, #0
1:  cmp     r0, r1
    bhs     2f
    str     r2, [r0], #4
    b       1b
2:  bl      board_main
    .ltorg

/* Each mode has a stack of its own, which nobody set up: fetch this program's. */
    .macro  trap number
    ldr     sp, =board_stack_top
    mov     r0, #\number
    mov     r1, lr
    bl      board_trap
    .ltorg
    .endm

    .balign 32
vectors:
    b       .
    b       1f
    b       .
    b       3f
    b       4f
    b       .
    b       .
    b       .
1:  trap    1
3:  trap    3
4:  trap    4
