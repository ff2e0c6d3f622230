/*
 * What whoever started the board asks for: "size=4 without=29,28 test=block". The
 * text lies at a fixed place in memory, so that every machine gets it the same way.
 */
#ifndef BOARD_OPTIONS_H
#define BOARD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/feature.h>

/* The value of `name`, or `otherwise`. */
uint32_t option_number(const char *name, uint32_t otherwise);

/* Is `word` the value of `name`, or one of its values between commas? */
bool option_has(const char *name, const char *word);

/* Is `name` there at all? */
bool option_given(const char *name);

/* Feature bits, as numbers between commas. */
struct vq_features option_features(const char *name);

#endif
