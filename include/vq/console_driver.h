/*
 * The console device, the driver's end: bytes to and from one port or several, over
 * any transport, polled or driven by interrupts.
 *
 *     static struct vq_console_driver console;
 *     VQ_ALIGNAS(16) static uint8_t shared[VQ_CONSOLE_SHARED_BYTES(1, 4, 64, 0)];
 *     VQ_ALIGNAS(16) static uint8_t private_memory[VQ_CONSOLE_PRIVATE_BYTES(1, 4, 0)];
 *     ...
 *     struct vq_console_driver_options options = {
 *         .queue_size = 4,
 *         .buffer_bytes = 64,
 *         .memory = {.shared = shared, .address = (uintptr_t)shared,
 *                    .shared_bytes = sizeof shared, .private_memory = private_memory,
 *                    .private_bytes = sizeof private_memory}};
 *     vq_console_driver_open(&console, transport, &options, &why);
 *
 *     vq_console_driver_write(&console, 0, "hello\n", 6);
 *     n = vq_console_driver_read(&console, 0, line, sizeof line);
 *     if (n == 0)
 *         vq_console_driver_wait(&console, 1000);
 *
 * Nothing is allocated: the caller gives two blocks of memory, one shared with the
 * device and one private; vq_console_driver_measure says how large they must be too.
 * Bytes are copied, so that the caller's memory never is the device's.
 *
 * With `ports` and a device that has MULTIPORT, ports come and go, have names and
 * sizes, and are opened and closed by either end: vq_console_driver_poll takes what
 * the device says of them, and what is news stands in the port. A text console (a port
 * that the device nominates) is opened at once, as it must be (CON-DRV-MULTI-03);
 * others when the caller does so. Without MULTIPORT there is port 0, which is a
 * console and open.
 *
 * The device is not trusted. Used lengths and control messages are bounded, names cut
 * and terminated (what they say is the device's word). A queue that broke does not hurt
 * the others.
 *
 * One thread at a time makes all calls.
 */
#ifndef VQ_CONSOLE_DRIVER_H
#define VQ_CONSOLE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/console.h>
#include <vq/driver.h>
#include <vq/queue.h>
#include <vq/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQ_CONSOLE_NAME_MAX      47u
#define VQ_CONSOLE_MESSAGE_BYTES 64u /* of a buffer for control messages */

struct vq_console_memory {
    void *shared;     /* seen by the device, aligned to 16 bytes; here ... */
    uint64_t address; /* ... and there */
    size_t shared_bytes;
    void *private_memory; /* aligned to 16 bytes */
    size_t private_bytes;
    /* With rings_apart: memory of each queue's ring, by queue index: VQ_CONSOLE_QUEUES. */
    const struct vq_queue_memory *rings;
};

struct vq_console_driver_options {
    uint16_t ports;        /* MULTIPORT, with so many ports at most; 0: only port 0, without it */
    uint16_t queue_size;   /* of each port's queues, the largest wanted */
    uint16_t control_size; /* of the control queues; 0: a power of two of 4 * ports or more */
    uint16_t buffer_bytes; /* of each buffer, of which a queue has queue_size; 0: 64 */
    bool
        legacy_block; /* keep room for each queue in one block, as some legacy transports want it */
    bool rings_apart; /* rings are not in the shared block but in memory.rings */
    bool strict;      /* a used length beyond the buffer breaks the queue */
    struct vq_features without; /* features not to accept; VERSION_1: be a legacy driver */
    struct vq_features require; /* features without which to give up */
    uint32_t patience;          /* see struct vq_plan */
    struct vq_console_memory memory;
};

/* What is new of a port, as bits. */
enum {
    VQ_CONSOLE_NEWS_ADDED = 1,
    VQ_CONSOLE_NEWS_REMOVED = 2,
    VQ_CONSOLE_NEWS_CONSOLE = 4, /* it is a text console */
    VQ_CONSOLE_NEWS_OPEN = 8,    /* the device's end was opened or closed */
    VQ_CONSOLE_NEWS_SIZE = 16,
    VQ_CONSOLE_NEWS_NAME = 32,
};

/* Private: one queue, its buffers, and which of them are where. */
struct vq_console_driver_queue {
    struct vq_driver_queue ring;
    uint8_t *buffers;
    uint64_t address;
    uint16_t *buffer_of; /* by ring id */
    uint16_t *free;      /* buffers that are not the device's; the last comes first */
    uint16_t free_count;
    uint16_t bytes; /* of a buffer */
    uint16_t index;
};

struct vq_console_port {
    /* To look at. */
    bool present;
    bool console;
    bool open;           /* the device's end */
    bool opened;         /* ours, as the device was told */
    uint8_t news;        /* clear what you have seen */
    uint16_t cols, rows; /* 0: not known */
    char name[VQ_CONSOLE_NAME_MAX + 1];
    /* Private. */
    struct vq_console_driver_queue receive;
    struct vq_console_driver_queue transmit;
    uint16_t at;  /* of the received buffer at hand, the last in receive.free: next byte ... */
    uint16_t end; /* ... and last; equal if there is none at hand */
};

struct vq_console_driver {
    struct vq_transport *transport;
    struct vq_console_port *ports; /* port_count of them */
    uint16_t port_count;           /* at most so many as the device and the caller want */
    bool multiport;
    /* Private. */
    bool big_endian;
    struct vq_console_driver_queue control_receive;
    struct vq_console_driver_queue control_transmit;
    const struct vq_console_driver_options *options; /* only while it opens */
};

/* How much memory of each kind it takes with these options. VQ_ERR_INVALID, VQ_ERR_SIZE. */
enum vq_error vq_console_driver_measure(const struct vq_console_driver_options *options,
                                        size_t *shared_bytes, size_t *private_bytes);

/*
 * The same as constant expressions, for static storage: of `ports` ports with queues of `size` and
 * buffers of `bytes`. `control` is control_size with MULTIPORT, and 0 without. With rings_apart the
 * first of them is VQ_CONSOLE_BUFFERS_BYTES.
 *
 *     VQ_ALIGNAS(16) static uint8_t shared[VQ_CONSOLE_SHARED_BYTES(1, 4, 64, 0)];
 *     VQ_ALIGNAS(16) static uint8_t private_memory[VQ_CONSOLE_PRIVATE_BYTES(1, 4, 0)];
 */
#define VQ_CONSOLE_RING_BYTES(size)         VQ_ALIGN_UP(VQ_SPLIT_BYTES((size_t)(size)), (size_t)16)
#define VQ_CONSOLE_QUEUE_BYTES(size, bytes) VQ_ALIGN_UP((size_t)(size) * (bytes), (size_t)16)
#define VQ_CONSOLE_QUEUE_PRIVATE_BYTES(size)                                                       \
    VQ_ALIGN_UP((size_t)(size) * (sizeof(struct vq_driver_slot) + 2u * sizeof(uint16_t)),          \
                (size_t)16)
#define VQ_CONSOLE_BUFFERS_BYTES(ports, size, bytes, control)                                      \
    (2u * (ports)*VQ_CONSOLE_QUEUE_BYTES(size, bytes) +                                            \
     2u * VQ_CONSOLE_QUEUE_BYTES(control, VQ_CONSOLE_MESSAGE_BYTES))
#define VQ_CONSOLE_SHARED_BYTES(ports, size, bytes, control)                                       \
    (VQ_CONSOLE_BUFFERS_BYTES(ports, size, bytes, control) +                                       \
     2u * (ports)*VQ_CONSOLE_RING_BYTES(size) +                                                    \
     ((control) != 0 ? 2u * VQ_CONSOLE_RING_BYTES(control) : 0u))
#define VQ_CONSOLE_PRIVATE_BYTES(ports, size, control)                                             \
    (VQ_ALIGN_UP((ports) * sizeof(struct vq_console_port), (size_t)16) +                           \
     2u * (ports)*VQ_CONSOLE_QUEUE_PRIVATE_BYTES(size) +                                           \
     2u * VQ_CONSOLE_QUEUE_PRIVATE_BYTES(control))

/*
 * Initialises the device, gives it buffers to receive in and, with MULTIPORT, says
 * that it is ready for ports (CON-DRV-MULTI-01): they come with vq_console_driver_poll.
 * On failure `result` (may be NULL) says at which step; the device may know of the
 * memory already, which is the caller's again after vq_console_driver_close.
 */
enum vq_error vq_console_driver_open(struct vq_console_driver *console,
                                     struct vq_transport *transport,
                                     const struct vq_console_driver_options *options,
                                     struct vq_init_result *result);

/* Resets the device: its queues and all memory are the caller's again. */
enum vq_error vq_console_driver_close(struct vq_console_driver *console);

/* Takes up to `room` bytes that the device sent; 0 also for a port that is not there. */
size_t vq_console_driver_read(struct vq_console_driver *console, uint16_t port, void *bytes,
                              size_t room);

/*
 * Sends up to `count` bytes; returns how many the port's free buffers took: call again with the
 * rest. 0 also for a port that is not there, and while the device is suspended.
 */
size_t vq_console_driver_write(struct vq_console_driver *console, uint16_t port, const void *bytes,
                               size_t count);

/* Bytes that were written and that the device has not said it is done with, rounded up to
 * buffers: 0 when all are out. */
size_t vq_console_driver_unsent(struct vq_console_driver *console, uint16_t port);

/* Takes what the device says of its ports, and answers. True: some port has news. */
bool vq_console_driver_poll(struct vq_console_driver *console);

/* Tells the device that our end of a port is used, or no more. VQ_ERR_RANGE for a port that is not
 * there, VQ_ERR_UNSUPPORTED without MULTIPORT, VQ_ERR_FULL (poll, then try again), VQ_ERR_STATE. */
enum vq_error vq_console_driver_set_open(struct vq_console_driver *console, uint16_t port,
                                         bool open);

/* Reads the size of port 0 again, e.g. after VQ_EVENT_CONFIG (CON-DRV-OP-03). */
enum vq_error vq_console_driver_refresh(struct vq_console_driver *console);

/*
 * Sleeps until a queue has something to read, to take note of, or room that it had
 * not, at most `timeout_ms` (negative: no limit). VQ_OK may be spurious.
 * VQ_ERR_TIMEOUT, VQ_ERR_BROKEN; VQ_ERR_UNSUPPORTED where one can only poll.
 */
enum vq_error vq_console_driver_wait(struct vq_console_driver *console, int timeout_ms);
/* For who sleeps by himself: asks for notifications, then looks. True: something is there. */
bool vq_console_driver_listen(struct vq_console_driver *console);

/* Why a port's queues, or at `port_count` the control queues, take no more. */
enum vq_broken vq_console_driver_broken(const struct vq_console_driver *console, uint16_t port);

/*
 * One character in distress: without queues, without negotiation, whatever state the
 * device is in (CON-DRV-CFG-02). VQ_ERR_UNSUPPORTED if it does not offer EMERG_WRITE.
 */
enum vq_error vq_console_emergency(struct vq_transport *t, char character);

#ifdef __cplusplus
}
#endif
#endif
