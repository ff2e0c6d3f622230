/*
 * ARM's generic interrupt controller, version 2, as QEMU's virt has it; of use to both ARM
 * machines, and left out of the others by the linker.
 */
#include "board.h"

#define DISTRIBUTOR UINT32_C(0x08000000)
#define INTERFACE   UINT32_C(0x08010000)

/* Of the distributor, for all interrupts, of the width that the name says. */
#define CONTROL  0x000u
#define ENABLE   0x100u /* a bit */
#define PRIORITY 0x400u /* a byte */
#define TARGET   0x800u /* a byte */
#define TRIGGER  0xc00u /* two bits; the upper one: edge */

/* Of the processor's interface. */
#define MASK        0x04u
#define ACKNOWLEDGE 0x0cu
#define END         0x10u
#define NUMBER      0x3ffu
#define SPURIOUS    0x3fcu /* and above: none */

#if defined(__arm__) || defined(__aarch64__)

void board_interrupt_enable(uint32_t number, bool edge)
{
    uintptr_t trigger = DISTRIBUTOR + TRIGGER + number / 16 * 4;
    uint32_t bit = UINT32_C(2) << (number % 16 * 2), triggers = board_load(trigger, 4);
    board_store(DISTRIBUTOR + CONTROL, 4, 1);
    board_store(trigger, 4, edge ? triggers | bit : triggers & ~bit);
    board_store(DISTRIBUTOR + PRIORITY + number, 1, 0x80);
    board_store(DISTRIBUTOR + TARGET + number, 1, 1);
    board_store(DISTRIBUTOR + ENABLE + number / 32 * 4, 4, UINT32_C(1) << (number % 32));
    board_store(INTERFACE + MASK, 4, 0xff);
    board_store(INTERFACE + CONTROL, 4, 1);
}

uint32_t board_interrupt_take(void)
{
    uint32_t number = board_load(INTERFACE + ACKNOWLEDGE, 4) & NUMBER;
    return number < SPURIOUS ? number : 0;
}

void board_interrupt_done(uint32_t number)
{
    board_store(INTERFACE + END, 4, number);
}

#endif
