/*
 * The entropy driver. One buffer of one device-writable element is one request
 * (RNG-DRV-OP-01). All that the device says is a used length, which the ring has cut
 * to the buffer; whatever it is, the driver goes on for a bounded number of requests.
 */
#include <vq/rng_driver.h>

#define EMPTY_ANSWERS 16u
#define POLLS         100000000u

static enum vq_error rng_setup(void *context, struct vq_transport *t)
{
    struct vq_rng_driver *rng = (struct vq_rng_driver *)context;
    const struct vq_rng_driver_options *o = rng->options;
    const struct vq_queue_setup setup = {
        .size = o->queue_size,
        .strict = o->strict,
        .memory = &o->memory,
        .slots = o->slots,
    };
    return vq_queue_open(&rng->ring, t, &setup);
}

enum vq_error vq_rng_driver_open(struct vq_rng_driver *rng, struct vq_transport *transport,
                                 const struct vq_rng_driver_options *options,
                                 struct vq_init_result *result)
{
    *rng = (struct vq_rng_driver){
        .transport = transport,
        .tags = options->tags,
        .polls = options->polls != 0 ? options->polls : POLLS,
        .options = options,
    };
    struct vq_plan plan = {
        .wanted = vq_queue_features(&options->without),
        .required = options->require,
        .patience = options->patience,
        .setup = rng_setup,
        .context = rng,
    };
    enum vq_error error = vq_transport_init_device(transport, &plan, result);
    rng->options = NULL;
    return error;
}

enum vq_error vq_rng_driver_close(struct vq_rng_driver *rng)
{
    rng->in_flight = 0;
    return vq_transport_reset(rng->transport, 0);
}

enum vq_error vq_rng_driver_prepare(struct vq_rng_driver *rng, uint64_t address, uint32_t bytes,
                                    uint64_t tag)
{
    const struct vq_element element = {address, bytes};
    if (rng->transport->suspended)
        return VQ_ERR_STATE; /* INIT-DRV-SUSP-04 */
    int id = vq_driver_add(&rng->ring, &element, 0, 1);
    if (id < 0)
        return (enum vq_error)id;
    rng->tags[id] = tag;
    rng->in_flight++;
    return VQ_OK;
}

enum vq_error vq_rng_driver_submit(struct vq_rng_driver *rng)
{
    return vq_queue_submit(&rng->ring, rng->transport, 0);
}

size_t vq_rng_driver_reap(struct vq_rng_driver *rng, struct vq_rng_driver_done done[], size_t count)
{
    size_t reaped = 0;
    struct vq_done used;
    while (reaped < count && vq_driver_get(&rng->ring, &used, 1) == 1) {
        done[reaped++] = (struct vq_rng_driver_done){rng->tags[used.id], used.written};
        rng->in_flight--;
    }
    return reaped;
}

enum vq_error vq_rng_driver_wait(struct vq_rng_driver *rng, int timeout_ms)
{
    return vq_queue_wait(&rng->ring, rng->transport, 0, timeout_ms);
}

void vq_rng_driver_quiet(struct vq_rng_driver *rng)
{
    vq_driver_disable_notifications(&rng->ring);
}

/* Waits for the one request in flight, by whatever means there are. */
static enum vq_error rng_await(struct vq_rng_driver *rng, int timeout_ms,
                               struct vq_rng_driver_done *done)
{
    /* Notifications may be spurious; each costs one of these. */
    for (uint32_t left = rng->polls; left != 0; left--) {
        if (vq_rng_driver_reap(rng, done, 1) == 1)
            return VQ_OK;
        enum vq_error error = vq_rng_driver_wait(rng, timeout_ms);
        if (error != VQ_OK && error != VQ_ERR_UNSUPPORTED)
            return error;
    }
    return VQ_ERR_TIMEOUT;
}

enum vq_error vq_rng_driver_fill(struct vq_rng_driver *rng, uint64_t address, uint32_t bytes,
                                 int timeout_ms, uint32_t *got)
{
    uint32_t ignored, empty = 0;
    if (got == NULL)
        got = &ignored;
    *got = 0;
    if (rng->in_flight != 0)
        return VQ_ERR_STATE;
    while (*got < bytes) {
        struct vq_rng_driver_done done;
        enum vq_error error =
            vq_rng_driver_prepare(rng, address + *got, bytes - *got, address + *got);
        if (error == VQ_OK)
            error = vq_rng_driver_submit(rng);
        if (error == VQ_OK)
            error = rng_await(rng, timeout_ms, &done);
        if (error != VQ_OK)
            return error;
        *got += done.bytes;
        empty = done.bytes == 0 ? empty + 1 : 0;
        if (empty == EMPTY_ANSWERS)
            return VQ_ERR_IO;
    }
    return VQ_OK;
}

uint16_t vq_rng_driver_in_flight(const struct vq_rng_driver *rng)
{
    return rng->in_flight;
}

enum vq_broken vq_rng_driver_broken(const struct vq_rng_driver *rng)
{
    return vq_driver_broken(&rng->ring);
}
