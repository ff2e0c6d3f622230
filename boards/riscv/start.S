/* QEMU's virt for RISC-V, from reset: one hart, machine mode, no firmware below. */
    .section .text.start, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    la      sp, board_stack_top
    la      t0, trap
    csrw    mtvec, t0
    la      t0, board_bss_start
    la      t1, board_bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  call    board_main

    .balign 4
trap:
    la      sp, board_stack_top
    csrr    a0, mcause
    csrr    a1, mepc
    call    board_trap
