/*
 * The four functions of memory that a compiler without a libc may call, and all
 * that vq wants of a machine. Byte by byte: a machine has better ones. gcc must be told
 * -fno-tree-loop-distribute-patterns here, or it recognises the loops and calls memcpy
 * and memset for them.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *one, const void *other, size_t bytes);

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    while (bytes-- != 0)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((uintptr_t)d <= (uintptr_t)s)
        return memcpy(to, from, bytes);
    while (bytes-- != 0)
        d[bytes] = s[bytes];
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    uint8_t *d = to;
    while (bytes-- != 0)
        *d++ = (uint8_t)byte;
    return to;
}

int memcmp(const void *one, const void *other, size_t bytes)
{
    const uint8_t *a = one, *b = other;
    for (; bytes-- != 0; a++, b++)
        if (*a != *b)
            return *a < *b ? -1 : 1;
    return 0;
}
