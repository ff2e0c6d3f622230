/*
 * The tests of the drivers, one for each type of device. Each takes a device from its
 * reset to its reset, says what it did in words of the form name=value, and returns
 * NULL or what went wrong.
 */
#ifndef BOARD_TEST_H
#define BOARD_TEST_H

#include <vq/transport.h>

/* What the board was asked to do, for every device the same. */
struct test_wish {
    uint16_t queue_size;        /* the largest */
    struct vq_features without; /* features not to accept */
    bool hold;                  /* leave the device running, for others to look at it */
    bool interrupts;            /* wait for them */
    const uint32_t *taken;      /* how many the device has caused */
};

const char *test_block(struct vq_transport *t, const struct test_wish *wish);
const char *test_entropy(struct vq_transport *t, const struct test_wish *wish);
const char *test_console(struct vq_transport *t, const struct test_wish *wish);
const char *test_network(struct vq_transport *t, const struct test_wish *wish);

/* Says how far an initialisation got, and returns what to say of it. */
const char *test_refused(const struct vq_init_result *result);

/* Says what the device offers and what was accepted of it. */
void test_features(const struct vq_transport *t);

/*
 * At the end of a test, while the device runs: what is used at once needs no waiting, but the
 * interrupt must be there all the same.
 */
const char *test_interrupted(struct vq_transport *t, const struct test_wish *wish);

/* Time to wait for a device: starts it, and asks whether it is over. */
void test_patience_begin(void);
bool test_patience_over(void);

#endif
