/*
 * Text and numbers, character by character: no division but by ten of 32 bits, so
 * that it links where there is nothing to link against.
 */
#include "text.h"

#include "board.h"

void say(const char *text)
{
    while (*text != '\0')
        board_put(*text++);
}

void say_number(const char *text, uint32_t number)
{
    char digits[10];
    unsigned count = 0;
    say(text);
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count != 0)
        board_put(digits[--count]);
}

static void say_nibbles(uint32_t number, unsigned count)
{
    while (count-- != 0)
        board_put("0123456789abcdef"[number >> (4 * count) & 15]);
}

static unsigned nibbles(uint32_t number)
{
    unsigned count = 1;
    while ((number >>= 4) != 0)
        count++;
    return count;
}

void say_hex(const char *text, uint64_t number)
{
    uint32_t high = (uint32_t)(number >> 32), low = (uint32_t)number;
    say(text);
    say("0x");
    if (high != 0)
        say_nibbles(high, nibbles(high));
    say_nibbles(low, high != 0 ? 8 : nibbles(low));
}

void say_bytes(const char *text, const uint8_t *bytes, unsigned count)
{
    say(text);
    for (unsigned i = 0; i < count; i++) {
        if (i != 0)
            board_put(':');
        say_nibbles(bytes[i], 2);
    }
}

bool text_same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}
