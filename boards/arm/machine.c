/*
 * QEMU's virt machine for 32-bit ARM, little- and big-endian (BE8: instructions
 * stay little-endian): a PL011 as console, semihosting to end, the generic timer.
 * Started with highmem=off, so that everything is within 32 bits.
 */
#include "../board.h"

#define UART       UINT32_C(0x09000000)
#define UART_FLAGS 0x18u
#define UART_FULL  0x20u
#define SEMI_EXIT  0x18u    /* SYS_EXIT, with a reason: */
#define SEMI_GOOD  0x20026u /* ADP_Stopped_ApplicationExit */
#define SEMI_BAD   0x20023u /* ADP_Stopped_RunTimeErrorUnknown */

static const struct board virt = {
#if defined(__ARMEB__)
    .name = "arm-be",
#else
    .name = "arm",
#endif
    .slots = {.base = 0x0a000000, .step = 0x200, .count = 32},
    .pci =
        {
            .present = true,
            .ecam = 0x3f000000,
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
    register uint32_t operation __asm__("r0") = SEMI_EXIT;
    register uint32_t reason __asm__("r1") = good ? SEMI_GOOD : SEMI_BAD;
    __asm__ volatile("svc 0x123456" : "+r"(operation) : "r"(reason) : "memory");
    for (;;)
        ;
}

uint32_t board_clock(void)
{
    uint32_t low, high;
    __asm__ volatile("mrrc p15, 1, %0, %1, c14" : "=r"(low), "=r"(high)); /* CNTVCT, 62.5 MHz */
    return high << 16 | low >> 16;
}
