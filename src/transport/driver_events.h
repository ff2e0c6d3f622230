/*
 * What happened, from an interrupt handler to vq_transport_take_events, for the drivers'
 * ends of PCI and MMIO. A flag for each event, loads and stores only: the smallest machines
 * have no more.
 */
#ifndef VQ_TRANSPORT_DRIVER_EVENTS_H
#define VQ_TRANSPORT_DRIVER_EVENTS_H

#include <vq/mmio.h>
#include <vq/pci.h>
#include <vq/transport.h>

#define VQ_EVENTS_ALL ((unsigned)VQ_EVENT_QUEUE | (unsigned)VQ_EVENT_CONFIG)

/* So that a cause is the event. */
VQ_STATIC_ASSERT(VQ_EVENT_QUEUE == 1 && VQ_EVENT_CONFIG == 2, "indices of the flags");
VQ_STATIC_ASSERT((int)VQ_MMIO_INTERRUPT_QUEUE == (int)VQ_EVENT_QUEUE, "InterruptStatus");
VQ_STATIC_ASSERT((int)VQ_MMIO_INTERRUPT_CONFIG == (int)VQ_EVENT_CONFIG, "InterruptStatus");
VQ_STATIC_ASSERT((int)VQ_PCI_ISR_QUEUE == (int)VQ_EVENT_QUEUE, "ISR status");
VQ_STATIC_ASSERT((int)VQ_PCI_ISR_CONFIG == (int)VQ_EVENT_CONFIG, "ISR status");

static inline void vq_events_note(bool noted[2], unsigned events)
{
    for (unsigned i = 0; i < 2; i++)
        if ((events >> i & 1u) != 0)
            __atomic_store_n(&noted[i], true, __ATOMIC_RELEASE);
}

/* A flag is cleared only after it was seen: one that is set in between is told now, and the
 * caller looks at what happened after this returns. */
static inline unsigned vq_events_take(bool noted[2])
{
    unsigned events = 0;
    for (unsigned i = 0; i < 2; i++)
        if (__atomic_load_n(&noted[i], __ATOMIC_ACQUIRE)) {
            __atomic_store_n(&noted[i], false, __ATOMIC_RELAXED);
            events |= 1u << i;
        }
    return events;
}

#endif
