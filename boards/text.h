/* What a board says: lines of text to its serial port, for people and for who checks them. */
#ifndef BOARD_TEXT_H
#define BOARD_TEXT_H

#include <stdbool.h>
#include <stdint.h>

void say(const char *text);

/* A text and a number after it: say_number(" size=", 4). */
void say_number(const char *text, uint32_t number);
void say_hex(const char *text, uint64_t number);

/* "00:11:22", for bytes of which there are few. */
void say_bytes(const char *text, const uint8_t *bytes, unsigned count);

bool text_same(const char *a, const char *b);

#endif
