/*
 * QEMU's virt machine for AArch64: a PL011 as console, semihosting to end, the
 * generic timer. Configuration space lies beyond 4 GiB, the rest below.
 */
#include "../board.h"

#define UART        UINT32_C(0x09000000)
#define UART_FLAGS  0x18u
#define UART_FULL   0x20u
#define SEMI_EXIT   0x18u    /* SYS_EXIT */
#define SEMI_REASON 0x20026u /* ADP_Stopped_ApplicationExit */

static const struct board virt = {
    .name = "aarch64",
    .slots = {.base = 0x0a000000, .step = 0x200, .count = 32},
    .pci =
        {
            .present = true,
            .ecam = 0x4010000000,
            .io = 0x3eff0000,
            .ports_free = {0x1000, 0xf000},
            .memory_free = {0x10000000, 0x2eff0000},
        },
    .interrupts = {.slots = 48, .pci = 35, .msi_address = 0x08020040, .msi = 80},
};

const struct board *board_init(void)
{
    return &virt;
}

void board_put(char c)
{
    while ((board_load(UART + UART_FLAGS, 4) & UART_FULL) != 0)
        ;
    board_store(UART, 4, (uint8_t)c);
}

_Noreturn void board_exit(bool good)
{
    static uint64_t block[2];
    block[0] = SEMI_REASON;
    block[1] = good ? 0 : 1;
    register uint64_t operation __asm__("x0") = SEMI_EXIT;
    register uint64_t *parameter __asm__("x1") = block;
    __asm__ volatile("hlt 0xf000" : "+r"(operation) : "r"(parameter) : "memory");
    for (;;)
        ;
}

uint32_t board_clock(void)
{
    uint64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count)); /* 62.5 MHz */
    return (uint32_t)(count >> 16);
}
