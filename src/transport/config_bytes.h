/*
 * The configuration space as registers carry it: up to 8 bytes in one value, the byte
 * at the lowest address being the lowest, whatever the fields in it are.
 */
#ifndef VQ_TRANSPORT_CONFIG_BYTES_H
#define VQ_TRANSPORT_CONFIG_BYTES_H

#include "model_state.h"

#define VQ_REGISTER_BYTES 8u

static inline uint64_t vq_value_of(const uint8_t bytes[VQ_REGISTER_BYTES])
{
    uint32_t half[2] = {0, 0};
    for (unsigned i = 0; i < VQ_REGISTER_BYTES; i++)
        half[i / 4] |= (uint32_t)bytes[i] << (8 * (i % 4));
    return half[0] | (uint64_t)half[1] << 32;
}

static inline void vq_bytes_of(uint8_t bytes[VQ_REGISTER_BYTES], uint64_t value)
{
    uint32_t half[2] = {(uint32_t)value, (uint32_t)(value >> 32)};
    for (unsigned i = 0; i < VQ_REGISTER_BYTES; i++)
        bytes[i] = (uint8_t)(half[i / 4] >> (8 * (i % 4)));
}

/* `count` is 1 to 8. */
static inline uint64_t vq_config_get(struct vq_model_state *s, uint64_t offset, unsigned count)
{
    uint8_t bytes[VQ_REGISTER_BYTES] = {0};
    if (offset <= UINT32_MAX)
        vq_model_read_config(s, vq_model_big_endian(s), (uint32_t)offset, bytes, count);
    return vq_value_of(bytes);
}

static inline void vq_config_put(struct vq_model_state *s, uint64_t offset, unsigned count,
                                 uint64_t value)
{
    uint8_t bytes[VQ_REGISTER_BYTES];
    vq_bytes_of(bytes, value);
    if (offset <= UINT32_MAX)
        (void)vq_model_write_config(s, vq_model_big_endian(s), (uint32_t)offset, bytes, count);
}

#endif
