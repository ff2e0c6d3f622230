/* Registers of devices, reached as memory: little-endian, one access of the width asked for. */
#include "board.h"

#define BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

static uint16_t swap16(uint16_t v)
{
    return BIG ? (uint16_t)(v << 8 | v >> 8) : v;
}

static uint32_t swap32(uint32_t v)
{
    return BIG ? v << 24 | (v & 0xff00u) << 8 | (v >> 8 & 0xff00u) | v >> 24 : v;
}

uint32_t board_load(uintptr_t address, unsigned bytes)
{
    if (bytes == 1)
        return *(const volatile uint8_t *)address;
    if (bytes == 2)
        return swap16(*(const volatile uint16_t *)address);
    return swap32(*(const volatile uint32_t *)address);
}

void board_store(uintptr_t address, unsigned bytes, uint32_t value)
{
    if (bytes == 1)
        *(volatile uint8_t *)address = (uint8_t)value;
    else if (bytes == 2)
        *(volatile uint16_t *)address = swap16((uint16_t)value);
    else
        *(volatile uint32_t *)address = swap32(value);
}
