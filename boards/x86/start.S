/*
 * A PC, 32 and 64 bits. QEMU's -kernel starts it in 32-bit protected mode with flat
 * segments: the 32-bit program by multiboot, the 64-bit one by the PVH note, after
 * which it maps the first 4 GiB one to one and enters long mode.
 */
#define MAGIC 0x1badb002

#if !defined(__x86_64__)                    /* with it, QEMU wants a 32-bit program */
    .section .multiboot, "a"
    .balign 4
    .long   MAGIC, 0, -MAGIC
#endif

    .section .note.pvh, "a", @note
    .balign 4
    .long   4, 4, 18                        /* "Xen", XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .long   _start

    .code32
    .section .text.start, "ax"
    .globl _start
_start:
    cli
    cld
    mov     $board_stack_top, %esp
    xor     %eax, %eax
    mov     $board_bss_start, %edi
    mov     $board_bss_end, %ecx
    sub     %edi, %ecx
    rep stosb

#if defined(__x86_64__)
    /* Four tables of 512 pages of 2 MiB, below one table, below one table. */
    mov     $tables + 0x2000, %edi
    mov     $0x83, %eax                     /* present, writable, large */
    mov     $2048, %ecx
1:  mov     %eax, (%edi)
    add     $0x200000, %eax
    add     $8, %edi
    loop    1b
    mov     $tables + 0x1000, %edi
    mov     $tables + 0x2003, %eax
    mov     $4, %ecx
2:  mov     %eax, (%edi)
    add     $0x1000, %eax
    add     $8, %edi
    loop    2b
    movl    $tables + 0x1003, tables

    mov     $tables, %eax
    mov     %eax, %cr3
    mov     %cr4, %eax
    or      $0x20, %eax                     /* PAE */
    mov     %eax, %cr4
    mov     $0xc0000080, %ecx               /* EFER.LME */
    rdmsr
    or      $0x100, %eax
    wrmsr
    mov     %cr0, %eax
    or      $0x80000001, %eax               /* paging */
    mov     %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $8, $3f

    .code64
3:  mov     $16, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     $board_stack_top, %rsp
    xor     %ebp, %ebp
#endif
    call    board_main

#if defined(__x86_64__)
    .section .rodata
    .balign 8
gdt:
    .quad   0
    .quad   0x00af9b000000ffff              /* code, 64 bits */
    .quad   0x00cf93000000ffff              /* data */
gdt_pointer:
    .word   23
    .long   gdt

    .bss
    .balign 4096
tables:
    .space  6 * 4096
#endif
    .section .note.GNU-stack, "", @progbits
