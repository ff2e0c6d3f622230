/* Slots are looked at one by one, PCI functions by their vendor; both are asked who they are. */
#include "find.h"

#include <vq/mmio_driver.h>

static unsigned find_slots(const struct board_slots *slots, struct found found[FOUND_MAX])
{
    static struct vq_mmio_driver drivers[FOUND_MAX];
    unsigned count = 0;
    for (uint32_t i = 0; i < slots->count && count < FOUND_MAX; i++) {
        uintptr_t at = slots->base + i * slots->step;
        struct vq_mmio_driver_config config = {
            .registers = {.base = (volatile void *)at, .bytes = slots->step},
        };
        struct vq_mmio_driver *m = &drivers[count];
        if (vq_mmio_driver_init(m, &config) != VQ_OK)
            continue;
        found[count++] = (struct found){
            .transport = &m->transport,
            .bus = "mmio",
            .where = (uint32_t)at,
            .legacy = vq_mmio_driver_is_legacy(m),
        };
        m->transport.length_always = true; /* it is QEMU's */
    }
    return count;
}

unsigned find_devices(const struct board *board, struct found found[FOUND_MAX])
{
    return find_slots(&board->slots, found);
}
