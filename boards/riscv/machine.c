/*
 * QEMU's virt machine for RISC-V, 32 and 64 bits: an NS16550 as console, the
 * test device that ends the machine, the timer of the interrupt controller.
 */
#include "../board.h"

#define UART           UINT32_C(0x10000000)
#define UART_STATUS    5u
#define UART_EMPTY     0x20u
#define TEST           UINT32_C(0x00100000)
#define TEST_PASS      0x5555u
#define TEST_FAIL      (1u << 16 | 0x3333u)
#define PLIC_PRIORITY  UINT32_C(0x0c000000)
#define PLIC_ENABLE    UINT32_C(0x0c002000) /* for machine mode of the first hart */
#define PLIC_THRESHOLD UINT32_C(0x0c200000)
#define PLIC_CLAIM     UINT32_C(0x0c200004)
#define MTIME          UINT32_C(0x0200bff8) /* 10 MHz */

static const struct board virt = {
    .name = sizeof(void *) == 8 ? "riscv64" : "riscv32",
    .slots = {.base = 0x10001000, .step = 0x1000, .count = 8},
    .pci =
        {
            .present = true,
            .ecam = 0x30000000,
            .io = 0x03000000,
            .ports_free = {0x1000, 0xf000},
            .memory_free = {0x40000000, 0x40000000},
        },
    .interrupts = {.slots = 1, .pci = 32},
};

const struct board *board_init(void)
{
    return &virt;
}

void board_put(char c)
{
    while ((board_load(UART + UART_STATUS, 1) & UART_EMPTY) == 0)
        ;
    board_store(UART, 1, (uint8_t)c);
}

_Noreturn void board_exit(bool good)
{
    board_store(TEST, 4, good ? TEST_PASS : TEST_FAIL);
    for (;;)
        ;
}

uint32_t board_clock(void)
{
    /* Bits 14 to 45 of a count of 100 ns, low word last to be sure of both. */
    uint32_t high, low;
    do {
        high = board_load(MTIME + 4, 4);
        low = board_load(MTIME, 4);
    } while (board_load(MTIME + 4, 4) != high);
    return high << 18 | low >> 14;
}

void board_interrupt_enable(uint32_t number, bool edge)
{
    uintptr_t word = PLIC_ENABLE + number / 32 * 4;
    (void)edge; /* the controller takes what comes */
    board_store(PLIC_PRIORITY + 4 * number, 4, 1);
    board_store(word, 4, board_load(word, 4) | UINT32_C(1) << (number % 32));
    board_store(PLIC_THRESHOLD, 4, 0);
}

uint32_t board_interrupt_take(void)
{
    return board_load(PLIC_CLAIM, 4);
}

void board_interrupt_done(uint32_t number)
{
    board_store(PLIC_CLAIM, 4, number);
}
