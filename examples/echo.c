/*
 * Both ends of one virtqueue in one program: the driver's end asks, the device's
 * end answers in capitals. No allocation, no libc below main.
 */
#include <stdio.h>
#include <string.h>

#include <vq/device.h>
#include <vq/driver.h>
#include <vq/layout.h>

VQ_SPLIT_STORAGE(ring, 4); /* 116 bytes: three parts, each wherever it fits */

/* README: the driver's end */
static struct vq_driver_queue driver;
static struct vq_driver_slot slots[4];
static char question[6] = "hello", answer[6];

static bool driver_ask(void) /* true: the device wants to be notified */
{
    struct vq_element buffer[] = {
        {(uintptr_t)question, sizeof(question)}, /* the device reads this */
        {(uintptr_t)answer, sizeof(answer)},     /* and writes this */
    };
    return vq_driver_add(&driver, buffer, 1, 1) >= 0 && vq_driver_publish(&driver);
}

static bool driver_hear(void)
{
    struct vq_done done;
    return vq_driver_get(&driver, &done, 1) == 1 && done.written == sizeof(answer);
}
/* README: end */

/* README: the device's end */
static struct vq_device_queue device;
static uint16_t in_flight[4];
static struct vq_segment segments[8];

static bool device_serve(void) /* true: the driver wants to be notified */
{
    struct vq_buffer buffer = {.segments = segments, .room = 8}, *buffers[] = {&buffer};

    while (vq_device_pop(&device, buffers, 1) == 1) {
        struct vq_used used = {.id = buffer.id};

        /* How much there is of either, the driver chose: nothing, too little, in pieces. */
        if (buffer.readable == 1 && buffer.writable == 1) {
            const volatile char *from = segments[0].base; /* mapped; it may change any time: */
            char *to = segments[1].base;
            while (used.written < segments[0].bytes && used.written < segments[1].bytes) {
                char c = from[used.written]; /* each byte is read once */
                to[used.written++] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
            }
        }
        vq_device_push(&device, &used, 1);
    }
    return vq_device_publish(&device);
}
/* README: end */

int main(void)
{
    /* What the device may touch. Here the driver's addresses are plain pointers. */
    struct vq_region regions[] = {
        {(uintptr_t)question, sizeof(question), (uint8_t *)question, VQ_READ},
        {(uintptr_t)answer, sizeof(answer), (uint8_t *)answer, VQ_READ | VQ_WRITE},
    };
    if (regions[0].address > regions[1].address) {
        struct vq_region first = regions[1];
        regions[1] = regions[0];
        regions[0] = first;
    }
    struct vq_memory memory;
    struct vq_features features = {{0}};
    vq_feature_set(&features, VQ_F_VERSION_1);

    struct vq_driver_config driver_config = {.features = features,
                                             .size = 4,
                                             .descriptor_area = ring_descriptor_area,
                                             .driver_area = ring_driver_area,
                                             .device_area = ring_device_area,
                                             .slots = slots};
    struct vq_device_config device_config = {.features = features,
                                             .size = 4,
                                             .descriptor_area = ring_descriptor_area,
                                             .driver_area = ring_driver_area,
                                             .device_area = ring_device_area,
                                             .memory = &memory,
                                             .in_flight = in_flight};
    if (vq_memory_init(&memory, regions, 2) != VQ_OK ||
        vq_driver_init(&driver, &driver_config) != VQ_OK ||
        vq_device_init(&device, &device_config) != VQ_OK)
        return 1;

    bool kick = driver_ask();
    bool signal = kick && device_serve();
    if (!signal || !driver_hear() || strcmp(answer, "HELLO") != 0)
        return 1;
    printf("asked \"%s\", heard \"%s\", over a ring of %u bytes\n", question, answer,
           (unsigned)(sizeof(ring_descriptor_area) + sizeof(ring_driver_area) +
                      sizeof(ring_device_area)));
    return 0;
}
