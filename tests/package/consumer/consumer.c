/* A user's program, valid as C11 and as C++17: it moves one buffer from end to end. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <vq/device.h>
#include <vq/driver.h>
#include <vq/memory.h>

enum { SIZE = 4, PART = 256 };

/* Room for three parts of a queue and a buffer, each at a multiple of 64. */
static unsigned char arena[5 * PART];
static struct vq_driver_slot slots[SIZE];
static uint16_t in_flight[SIZE];

static unsigned char *part(unsigned i)
{
    uintptr_t start = ((uintptr_t)arena + 63u) & ~(uintptr_t)63u;
    return arena + (start - (uintptr_t)arena) + i * PART;
}

int main(void)
{
    struct vq_driver_config driver_config;
    struct vq_driver_queue driver;
    memset(&driver_config, 0, sizeof driver_config);
    vq_feature_set(&driver_config.features, VQ_F_VERSION_1);
    driver_config.size = SIZE;
    driver_config.descriptor_area = part(0);
    driver_config.driver_area = part(1);
    driver_config.device_area = part(2);
    driver_config.slots = slots;
    if (vq_driver_init(&driver, &driver_config) != VQ_OK)
        return 1;

    struct vq_region region;
    struct vq_memory memory;
    region.address = 0x1000;
    region.size = PART;
    region.host = part(3);
    region.access = VQ_READ | VQ_WRITE;
    if (vq_memory_init(&memory, &region, 1) != VQ_OK)
        return 2;

    struct vq_device_config device_config;
    struct vq_device_queue device;
    memset(&device_config, 0, sizeof device_config);
    device_config.features = driver_config.features;
    device_config.size = SIZE;
    device_config.descriptor_area = part(0);
    device_config.driver_area = part(1);
    device_config.device_area = part(2);
    device_config.memory = &memory;
    device_config.in_flight = in_flight;
    if (vq_device_init(&device, &device_config) != VQ_OK)
        return 3;

    const char hello[] = "hello";
    struct vq_element element;
    element.address = 0x1000;
    element.bytes = sizeof hello;
    memcpy(part(3), hello, sizeof hello);
    int id = vq_driver_add(&driver, &element, 1, 0);
    if (id < 0)
        return 4;
    (void)vq_driver_publish(&driver);

    struct vq_segment segment;
    struct vq_buffer buffer;
    struct vq_buffer *buffers[1];
    memset(&buffer, 0, sizeof buffer);
    buffer.segments = &segment;
    buffer.room = 1;
    buffers[0] = &buffer;
    if (vq_device_pop(&device, buffers, 1) != 1 || buffer.readable != 1 ||
        memcmp(segment.base, hello, sizeof hello) != 0)
        return 5;

    struct vq_used used;
    used.id = buffer.id;
    used.written = 0;
    if (vq_device_push(&device, &used, 1) != VQ_OK)
        return 6;
    (void)vq_device_publish(&device);

    struct vq_done done;
    if (vq_driver_get(&driver, &done, 1) != 1 || done.id != id)
        return 7;
    puts("one buffer went there and back");
    return 0;
}
