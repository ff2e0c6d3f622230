/*
 * A device that echoes: it gives each buffer back with what was readable copied to
 * what is writable. Its queues and its configuration are there to be looked at.
 */
#ifndef VQ_TESTS_ECHO_H
#define VQ_TESTS_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include <vq/model.h>

enum { ECHO_SIZE = 16, ECHO_QUEUES = 2, ECHO_CONFIG = 8 };

struct echo {
    struct vq_device_model model;
    struct vq_device_model_ops ops; /* its own, for who changes the type */
    struct vq_features offered, accepted;
    struct vq_device_queue queue[ECHO_QUEUES];
    uint16_t in_flight[ECHO_QUEUES][ECHO_SIZE];
    struct vq_device_order order[ECHO_QUEUES][ECHO_SIZE];
    struct vq_device_config started[ECHO_QUEUES];
    bool running[ECHO_QUEUES];
    bool modern_only;
    bool hold; /* takes buffers, and gives them back only when it is stopped */
    uint8_t config[ECHO_CONFIG];
    uint32_t config_bytes;
    unsigned served;
    unsigned resets;
    uint16_t queues;
    uint16_t size;
    uint16_t held[ECHO_QUEUES][ECHO_SIZE];
    uint16_t held_count[ECHO_QUEUES];
};

/* Two queues of ECHO_SIZE, and 8 bytes of configuration of which the last four can be written. */
void echo_init(struct echo *e, uint64_t features);

#endif
