/*
 * How a PCI device interrupts: MSI-X with its table and pending bits, or the line
 * that the ISR status drives.
 *
 * Vectors are checked where they are written and again where they are used. A message
 * that may not be sent now stays pending, once.
 */
#include "pci_device.h"

#define VECTOR_BYTES 16u

bool vq_pci_msix_on(const struct vq_pci_device *d)
{
    return d->msix != 0 &&
           (vq_pci_get16(d, d->msix + VQ_PCI_MSIX_CONTROL) & VQ_PCI_MSIX_ENABLE) != 0;
}

static bool function_masked(const struct vq_pci_device *d)
{
    return (vq_pci_get16(d, d->msix + VQ_PCI_MSIX_CONTROL) & VQ_PCI_MSIX_MASK) != 0 ||
           (d->state.without_memory & VQ_WITHOUT_MASTER) !=
               0; /* a message is a write to memory, too */
}

/* Sends a vector's message if one is due and may go. */
static void flush(struct vq_pci_device *d, uint16_t vector)
{
    struct vq_pci_vector *v = &d->config.vectors[vector];
    if (!v->pending || v->masked || function_masked(d))
        return;
    v->pending = false;
    if (d->config.message != NULL)
        d->config.message(d->config.context, vector, v->address[0] | (uint64_t)v->address[1] << 32,
                          v->data);
}

static void send_message(struct vq_pci_device *d, uint16_t vector)
{
    if (vector >= d->config.vector_count) /* PCI-DEV-USEDINT-01, PCI-DEV-CFGINT-02 */
        return;
    d->config.vectors[vector].pending = true;
    flush(d, vector);
}

static void pci_drive_line(struct vq_pci_device *d)
{
    /* PCI-DEV-INTX-01 */
    bool high = d->isr != 0 && !vq_pci_msix_on(d) &&
                (vq_pci_get16(d, VQ_PCI_COMMAND) & VQ_PCI_COMMAND_INTX_OFF) == 0;
    if (high == d->high)
        return;
    d->high = high;
    if (d->config.line != NULL)
        d->config.line(d->config.context, high);
}

void vq_pci_update_interrupts(struct vq_pci_device *d)
{
    if (vq_pci_msix_on(d))
        for (uint16_t i = 0; i < d->config.vector_count; i++)
            flush(d, i);
    pci_drive_line(d);
}

void vq_pci_forget_interrupts(struct vq_pci_device *d)
{
    for (uint16_t i = 0; i < d->config.vector_count; i++)
        d->config.vectors[i].pending = false;
    d->config_vector = VQ_MSI_NO_VECTOR; /* PCI-DEV-MSIX-07; queues have their own */
    d->isr = 0;
    pci_drive_line(d);
}

uint8_t vq_pci_take_isr(struct vq_pci_device *d)
{
    uint8_t isr = d->isr;
    d->isr = 0; /* PCI-DEV-ISR-05 */
    pci_drive_line(d);
    return isr;
}

static void pci_on_signal(void *front, uint16_t index)
{
    struct vq_pci_device *d = (struct vq_pci_device *)front;
    if (vq_pci_msix_on(d)) {
        send_message(d, d->state.config.queues[index].vector);
        return;
    }
    d->isr |= VQ_PCI_ISR_QUEUE;
    pci_drive_line(d);
}

static void pci_on_config(void *front)
{
    struct vq_pci_device *d = (struct vq_pci_device *)front;
    d->isr |= VQ_PCI_ISR_CONFIG; /* PCI-DEV-ISR-02: with MSI-X, too */
    if (vq_pci_msix_on(d))
        send_message(d, d->config_vector);
    else
        pci_drive_line(d);
}

static void pci_on_reset(void *front)
{
    struct vq_pci_device *d = (struct vq_pci_device *)front;
    d->offered_select = 0;
    d->chosen_select = 0;
    d->queue_select = 0;
    d->claimed = false;
    vq_pci_forget_interrupts(d);
    vq_pci_update_memory_access(d);
}

const struct vq_model_front vq_pci_front = {pci_on_signal, pci_on_config, pci_on_reset};

/* PCI-DEV-MSIX-09 */
static uint16_t valid_vector(const struct vq_pci_device *d, uint32_t value)
{
    return value < d->config.vector_count ? (uint16_t)value : VQ_MSI_NO_VECTOR;
}

uint32_t vq_pci_read_config_vector(struct vq_pci_device *d)
{
    return d->config_vector;
}

void vq_pci_write_config_vector(struct vq_pci_device *d, uint32_t value)
{
    d->config_vector = valid_vector(d, value);
}

uint32_t vq_pci_read_queue_vector(struct vq_pci_device *d)
{
    const struct vq_model_queue *q = vq_model_queue_at(&d->state, d->queue_select);
    return q != NULL ? q->vector : VQ_MSI_NO_VECTOR;
}

void vq_pci_write_queue_vector(struct vq_pci_device *d, uint32_t value)
{
    struct vq_model_queue *q = vq_model_queue_at(&d->state, d->queue_select);
    if (q != NULL && !q->stopping)
        q->vector = valid_vector(d, value);
}

/* The BAR: the table, then from its middle on the pending bits. */

uint64_t vq_pci_msix_bytes(const struct vq_pci_device *d)
{
    uint32_t bytes = 4096;
    if (d->config.vector_count == 0)
        return 0;
    while (bytes / 2 < d->config.vector_count * VECTOR_BYTES)
        bytes *= 2;
    return bytes;
}

static uint32_t read_entry(const struct vq_pci_vector *v, uint32_t at)
{
    if (at < VQ_PCI_MSIX_ENTRY_DATA)
        return v->address[at / 4];
    return at < VQ_PCI_MSIX_ENTRY_CONTROL ? v->data : v->masked;
}

static uint32_t read_word(const struct vq_pci_device *d, uint32_t at)
{
    uint32_t pending = (uint32_t)vq_pci_msix_bytes(d) / 2;
    uint32_t word = 0;
    if (at < d->config.vector_count * VECTOR_BYTES)
        return read_entry(&d->config.vectors[at / VECTOR_BYTES], at % VECTOR_BYTES);
    if (at < pending)
        return 0;
    for (uint32_t i = 0, v = (at - pending) * 8; i < 32 && v + i < d->config.vector_count; i++)
        word |= (uint32_t)d->config.vectors[v + i].pending << i;
    return word;
}

uint64_t vq_pci_msix_read(struct vq_pci_device *d, uint64_t offset, unsigned bytes)
{
    uint8_t out[VQ_REGISTER_BYTES] = {0};
    for (unsigned i = 0; i < bytes && offset + i < vq_pci_msix_bytes(d); i++) {
        uint32_t at = (uint32_t)offset + i;
        out[i] = (uint8_t)(read_word(d, at & ~3u) >> (8 * (at & 3u)));
    }
    return vq_value_of(out);
}

static void write_word(struct vq_pci_device *d, uint32_t at, uint32_t value)
{
    if (at >= d->config.vector_count * VECTOR_BYTES)
        return;
    struct vq_pci_vector *v = &d->config.vectors[at / VECTOR_BYTES];
    at %= VECTOR_BYTES;
    if (at < VQ_PCI_MSIX_ENTRY_DATA)
        v->address[at / 4] = at == 0 ? value & ~3u : value;
    else if (at < VQ_PCI_MSIX_ENTRY_CONTROL)
        v->data = value;
    else
        v->masked = (value & 1u) != 0;
}

void vq_pci_msix_write(struct vq_pci_device *d, uint64_t offset, unsigned bytes, uint64_t value)
{
    if ((bytes != 4 && bytes != 8) || (offset & (bytes - 1)) != 0 || offset >= vq_pci_msix_bytes(d))
        return;
    write_word(d, (uint32_t)offset, (uint32_t)value);
    if (bytes == 8)
        write_word(d, (uint32_t)offset + 4, (uint32_t)(value >> 32));
    vq_pci_update_interrupts(d);
}
