/*
 * The arithmetic of a virtqueue's parts: sizes, alignments, offsets.
 *
 * Every other file asks here (or the macros of vq/layout.h, which a test holds equal)
 * instead of knowing a formula. It trusts nothing about its arguments and must never
 * give a layout for a size that the format does not allow.
 */
#include "place.h"

#define LEGACY_ALIGN_MIN 4u                  /* the used ring has 32-bit fields */
#define LEGACY_ALIGN_MAX (UINT32_C(1) << 30) /* twice that still is a 32-bit total */

enum vq_error vq_layout_init(struct vq_layout *layout, enum vq_format format, uint32_t size,
                             uint32_t align)
{
    if (format != VQ_FORMAT_SPLIT && format != VQ_FORMAT_LEGACY && format != VQ_FORMAT_PACKED)
        return VQ_ERR_INVALID;
    /* SPLIT-DRV-ALIGN-04, PACKED-DRV-ALIGN-04 */
    if (size == 0 || size > VQ_SIZE_MAX ||
        (format != VQ_FORMAT_PACKED && !place_power_of_two(size)))
        return VQ_ERR_SIZE;
    if (format == VQ_FORMAT_LEGACY) {
        if (align == 0)
            align = VQ_LEGACY_ALIGN_DEFAULT;
        if (!place_power_of_two(align) || align < LEGACY_ALIGN_MIN || align > LEGACY_ALIGN_MAX)
            return VQ_ERR_ALIGN;
    }

    struct vq_part_layout descriptor = {16, VQ_SPLIT_DESCRIPTOR_BYTES(size), 0};
    struct vq_part_layout driver = {2, VQ_SPLIT_DRIVER_BYTES(size), 0};
    struct vq_part_layout device = {4, VQ_SPLIT_DEVICE_BYTES(size), 0};
    if (format == VQ_FORMAT_PACKED) {
        driver = (struct vq_part_layout){4, VQ_PACKED_DRIVER_BYTES(size), 0};
        device = (struct vq_part_layout){4, VQ_PACKED_DEVICE_BYTES(size), 0};
    }

    layout->format = format;
    layout->size = size;
    if (format == VQ_FORMAT_LEGACY) {
        driver.offset = descriptor.bytes;
        device.offset = VQ_LEGACY_DEVICE_OFFSET(size, align);
        layout->align = align;
        layout->total = VQ_LEGACY_BYTES(size, align);
    } else {
        /* By falling alignment: each part's size is a multiple of the next one's alignment. */
        device.offset = descriptor.bytes;
        driver.offset = device.offset + device.bytes;
        layout->align = descriptor.align;
        layout->total = driver.offset + driver.bytes;
    }
    layout->part[VQ_DESCRIPTOR_AREA] = descriptor;
    layout->part[VQ_DRIVER_AREA] = driver;
    layout->part[VQ_DEVICE_AREA] = device;
    return VQ_OK;
}
