/*
 * A PC as QEMU makes it: q35, where firmware has placed the BARs, and microvm,
 * which has virtio-mmio and, if asked, a PCI host bridge that nobody set up. The
 * console is the first serial port; isa-debug-exit ends the machine.
 *
 * There is no table of interrupts: what the processor cannot do resets the
 * machine, which QEMU's -no-reboot turns into an end without the right status.
 */
#include "../board.h"

#define UART        0x3f8u
#define UART_STATUS 5u
#define UART_EMPTY  0x20u
#define EXIT        0xf4u /* QEMU then ends with twice the value and one */
#define EXIT_GOOD   0x10u
#define EXIT_BAD    0x11u

#define PCI_ADDRESS 0xcf8u
#define PCI_ENABLE  UINT32_C(0x80000000)

#if defined(__x86_64__)
#define BITS "x86-64"
#else
#define BITS "i386"
#endif

static const struct board q35 = {
    .name = BITS " q35",
    .pci = {.present = true, .ports = true},
};

static const struct board microvm = {
    .name = BITS " microvm",
    .slots = {.base = 0xfeb00000, .step = 0x200, .count = 24},
    .pci =
        {
            .present = true,
            .ecam = 0xe0000000,
            .memory_free = {0xc0000000, 0x20000000},
        },
};

uint32_t board_in(uint16_t port, unsigned bytes)
{
    uint32_t value = 0;
    if (bytes == 1)
        __asm__ volatile("inb %w1, %b0" : "+a"(value) : "Nd"(port));
    else if (bytes == 2)
        __asm__ volatile("inw %w1, %w0" : "+a"(value) : "Nd"(port));
    else
        __asm__ volatile("inl %w1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void board_out(uint16_t port, unsigned bytes, uint32_t value)
{
    if (bytes == 1)
        __asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port));
    else if (bytes == 2)
        __asm__ volatile("outw %w0, %w1" : : "a"(value), "Nd"(port));
    else
        __asm__ volatile("outl %0, %w1" : : "a"(value), "Nd"(port));
}

const struct board *board_init(void)
{
    /* Only a machine with the ports of a PCI host bridge remembers what is written there. */
    board_out(PCI_ADDRESS, 4, PCI_ENABLE);
    return board_in(PCI_ADDRESS, 4) == PCI_ENABLE ? &q35 : &microvm;
}

void board_put(char c)
{
    while ((board_in(UART + UART_STATUS, 1) & UART_EMPTY) == 0)
        ;
    board_out(UART, 1, (uint8_t)c);
}

_Noreturn void board_exit(bool good)
{
    board_out(EXIT, 1, good ? EXIT_GOOD : EXIT_BAD);
    for (;;)
        ;
}

uint32_t board_clock(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)); /* at most 4 GHz, at least 1 */
    return high << 10 | low >> 22;
}

/* Nothing here: the numbers of its interrupts are 0, and devices are polled. */

void board_interrupt_enable(uint32_t number, bool edge)
{
    (void)number;
    (void)edge;
}

uint32_t board_interrupt_take(void)
{
    return 0;
}

void board_interrupt_done(uint32_t number)
{
    (void)number;
}
