/*
 * The driver's end of virtio over PCI (virtio 1.4, section 4.1): modern, transitional and
 * legacy devices.
 *
 *     static bool map(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
 *                     struct vq_registers *r)
 *     {
 *         struct my_function *f = context;
 *         if (bar_address(f, bar) == 0)
 *             return false;
 *         *r = (struct vq_registers){.base = (uint8_t *)bar_address(f, bar) + offset};
 *         return true;
 *     }
 *
 *     static struct vq_pci_driver pci;
 *     static struct vq_pci_queue queues[2];
 *     struct vq_pci_driver_config config = {
 *         .space = {.base = ecam + (bus << 20 | device << 15 | function << 12)},
 *         .map = map, .context = f,
 *         .queues = queues, .queue_count = 2,
 *     };
 *     if (vq_pci_driver_init(&pci, &config) == VQ_OK && pci.transport.device_id == 2)
 *         ... vq_blk_driver_open(..., &pci.transport, ...) ...
 *
 * Configuration space and BARs are reached through struct vq_registers, so that ECAM,
 * ports, a file of sysfs or a test are all the same. The platform enumerates, gives BARs
 * addresses, and lets the function decode them and be a bus master; nothing of that is done
 * here. It says where messages of MSI-X go, too: by its own means, or by those below.
 *
 * What the device says is not trusted: each capability is checked before it is used, and
 * one that makes no sense is as good as none. Where a BAR cannot be mapped, its registers
 * are reached through the capability for access by configuration space, which is slow and
 * takes several accesses: all calls, notify included, must then come from one thread
 * (vq_pci_driver_is_indirect).
 *
 * Else threads are as in vq/transport.h, and an interrupt handler may interrupt any
 * function here but itself. The structs must stay where they are.
 *
 * Builds with -DVQ_WITH_LEGACY=0 and -DVQ_WITH_MSIX=0 leave out what their names say.
 */
#ifndef VQ_PCI_DRIVER_H
#define VQ_PCI_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/error.h>
#include <vq/pci.h>
#include <vq/registers.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One queue; memory of the caller, read only to him. */
struct vq_pci_queue {
    struct vq_registers doorbell;
    uint16_t value;  /* of a notification: the queue's index, or what the device wants instead */
    uint16_t vector; /* of its used buffer notifications; VQ_MSI_NO_VECTOR: none */
    bool enabled;
};

/* By which interface a device is driven. */
enum vq_pci_interface {
    VQ_PCI_PREFER_MODERN, /* modern if its capabilities are there, else legacy */
    VQ_PCI_ONLY_MODERN,
    VQ_PCI_ONLY_LEGACY,
};

struct vq_pci_driver_config {
    /* Configuration space of the function, 256 bytes of it. */
    struct vq_registers space;
    /*
     * Makes `bytes` from `offset` on of a BAR (0 to 5) reachable, and says how in *r; r->bytes, if
     * not 0, is how many are there from `offset` on, up to the end of the BAR. False: it cannot be
     * done. May be called several times for the same range, and for each queue that is enabled.
     * Of BAR 0 of a legacy device its first 20 bytes are asked for, and as many are used as
     * r->bytes says; where that is 0, as far as the device type's configuration goes.
     */
    bool (*map)(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                struct vq_registers *r);
    /* Optional: sleeps until an interrupt came (VQ_OK, may be spurious) or `timeout_ms` are over
     * (VQ_ERR_TIMEOUT); as the operation of vq/transport.h. Without it queues are polled. */
    enum vq_error (*wait)(void *context, uint16_t index, int timeout_ms);
    void *context;

    struct vq_pci_queue *queues;
    uint16_t queue_count; /* room in `queues`; queues beyond it do not exist */
    enum vq_pci_interface interface;
    /*
     * How many MSI-X vectors, from 0 on, the platform has set up for the device; those beyond its
     * table are not used. With MSI-X disabled when the device is initialised, or 0, there are
     * none: the interrupt is INTx.
     * Vector 0 is for the configuration, 1 + i for queue i. Where these do not reach, or the
     * device refuses one, a queue takes vector 1, and if that is refused as well, vector 0.
     */
    uint16_t vectors;
    /* How often queue_reset is read, at most, before it counts as failed; 0: 1000000. */
    uint32_t patience;
};

/* Private: a structure of the device. */
struct vq_pci_window {
    struct vq_registers registers;
    struct vq_pci_driver *owner;
    uint32_t offset;
    uint32_t bytes; /* 0: there is none */
    uint8_t bar;
};

/* Where the two interfaces have what both have. */
struct vq_pci_offsets;

/* Read only, but for what vq/transport.h says of its part. */
struct vq_pci_driver {
    struct vq_transport transport; /* give its address to a driver */
    struct vq_pci_driver_config config;
    uint16_t config_vector; /* VQ_MSI_NO_VECTOR: none */
    uint16_t vectors;       /* in use; 0: INTx */
    /* Private. */
    const struct vq_pci_offsets *at;
    struct vq_pci_window window[4]; /* by type of capability, less one */
    uint32_t multiplier;
    uint8_t access_capability; /* offsets in configuration space; 0: none */
    uint8_t msix_capability;
    bool queue_on_config_vector;
    bool noted[2];
};

struct vq_pci_driver_id {
    uint16_t vendor;
    uint16_t device;
    uint16_t type; /* virtio 1.4, section 5 */
    uint8_t revision;
    bool transitional; /* or legacy: has an id of those */
};

/*
 * Is it a virtio device, and of which type? Any revision and any subsystem will do; only
 * for transitional ids that name no type the subsystem does. VQ_ERR_RANGE: it is none.
 * (PCI-DRV-DISC-01..04.)
 */
enum vq_error vq_pci_driver_probe(const struct vq_registers *space, struct vq_pci_driver_id *id);

/*
 * Finds the device's structures and makes a transport of it. The device is not touched
 * further: that begins with vq_transport_init_device. `config` is copied.
 * VQ_ERR_RANGE: not a virtio device; VQ_ERR_UNSUPPORTED: it cannot be driven by this
 * interface (a modern device without the capabilities it needs is left untouched,
 * PCILEG-DRV-DETECT-04); VQ_ERR_INVALID: something is missing in the configuration. On an
 * error *p is of no use.
 */
enum vq_error vq_pci_driver_init(struct vq_pci_driver *p,
                                 const struct vq_pci_driver_config *config);

/* Is it driven by the legacy interface? */
bool vq_pci_driver_is_legacy(const struct vq_pci_driver *p);
/* Does any access go through configuration space? */
bool vq_pci_driver_is_indirect(const struct vq_pci_driver *p);

/*
 * For the interrupt handler: what happened, as enum vq_transport_event bits, which are noted
 * for vq_transport_take_events as well. `vector` is the MSI-X vector that came; the ISR
 * status is then not touched (PCI-DRV-ISR-01). VQ_MSI_NO_VECTOR stands for INTx: reads the
 * ISR status, which ends the interrupt; 0 means that it is another device's. One vector, and
 * INTx, may mean the configuration and every queue at once.
 */
unsigned vq_pci_driver_interrupt(struct vq_pci_driver *p, uint16_t vector);

/*
 * For platforms without means of their own, after vq_pci_driver_init and before the device is
 * initialised: where the message of a vector goes, and what it says (the address a multiple
 * of 4). The table lies in a BAR that `map` must reach. VQ_ERR_RANGE: there is no such vector;
 * VQ_ERR_UNSUPPORTED: there is no table that can be reached.
 */
enum vq_error vq_pci_driver_set_message(struct vq_pci_driver *p, uint16_t vector, uint64_t address,
                                        uint32_t data);
/* Turns MSI-X on, which turns INTx off, or the reverse; VQ_ERR_UNSUPPORTED where there is none. */
enum vq_error vq_pci_driver_enable_messages(struct vq_pci_driver *p, bool on);

/* Memory that the device shares: a range of a BAR, which the caller maps. */
struct vq_pci_shared_memory {
    uint64_t offset;
    uint64_t bytes;
    uint8_t bar;
};

/* Where region `id` of the device type is. VQ_ERR_RANGE: there is none that makes sense. */
enum vq_error vq_pci_driver_shared_memory(const struct vq_pci_driver *p, uint8_t id,
                                          struct vq_pci_shared_memory *region);

#ifdef __cplusplus
}
#endif
#endif
