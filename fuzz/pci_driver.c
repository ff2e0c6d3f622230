/*
 * The driver's end of PCI and a block driver on it, against a function whose configuration
 * space and BARs answer what they like. Whatever they answer, each call comes to an end,
 * stays within what it mapped and within 256 bytes of configuration space, accesses each
 * field with its width, and writes nothing that is the device's; and a queue that was enabled
 * is where the caller wanted it.
 */
#include "transport.h"

#include <string.h>

#include <vq/pci_driver.h>

enum {
    MAPS = 4096,
    MAP_SHIFT = 20,
    SPACE = 256,
    SLOTS = FUZZ_QUEUES + 1,
    COMMON_QUEUE = VQ_PCI_COMMON_QUEUE_SIZE
};

static struct run {
    struct fuzz_transport f;
    struct vq_pci_driver driver;
    struct vq_pci_queue queues[FUZZ_QUEUES];
    uint8_t space[SPACE];
    struct {
        uint32_t offset, bytes;
        uint8_t bar;
    } map[MAPS];
    uint32_t maps;
    bool walking;         /* the list of capabilities, which may lead anywhere */
    bool messages;        /* MSI-X is set up */
    uint8_t mappable;     /* a bit for each BAR */
    uint32_t legacy_told; /* what map says of BAR 0 */
    uint32_t offered[4];
    uint16_t size_max;
    /* As written last, by offset; of each queue those from the size on, and legacy's address. */
    uint32_t common[VQ_PCI_COMMON_BYTES];
    uint32_t queue[SLOTS][VQ_PCI_COMMON_BYTES];
    uint8_t config[64];
} r;

static uint32_t *common_slot(uint32_t at)
{
    uint32_t selected = r.common[VQ_PCI_COMMON_QUEUE_SELECT];

    return at >= COMMON_QUEUE ? &r.queue[selected < SLOTS ? selected : SLOTS - 1][at]
                              : &r.common[at];
}

static unsigned common_width(uint32_t at)
{
    if (at < VQ_PCI_COMMON_CONFIG_VECTOR ||
        (at >= VQ_PCI_COMMON_QUEUE_DESC && at < VQ_PCI_COMMON_QUEUE_NOTIFY_DATA))
        return 4;
    return at == VQ_PCI_COMMON_STATUS || at == VQ_PCI_COMMON_GENERATION ? 1 : 2;
}

static uint32_t read_common(uint32_t at)
{
    uint32_t select = r.common[VQ_PCI_COMMON_DEVICE_FEATURE_SELECT];
    uint32_t queue = r.common[VQ_PCI_COMMON_QUEUE_SELECT];

    switch (at) {
    case VQ_PCI_COMMON_DEVICE_FEATURE:
        return select < 4 ? r.offered[select] : 0;
    case VQ_PCI_COMMON_NUM_QUEUES:
        return FUZZ_QUEUES;
    case VQ_PCI_COMMON_QUEUE_SIZE:
        return queue >= FUZZ_QUEUES ? 0 : *common_slot(at) != 0 ? *common_slot(at) : r.size_max;
    case VQ_PCI_COMMON_QUEUE_NOTIFY_OFF:
    case VQ_PCI_COMMON_QUEUE_NOTIFY_DATA:
        return queue;
    case VQ_PCI_COMMON_QUEUE_RESET:
        return 0;
    default:
        return *common_slot(at);
    }
}

static void write_common(uint32_t at, uint32_t value)
{
    switch (at) {
    case VQ_PCI_COMMON_DEVICE_FEATURE:
    case VQ_PCI_COMMON_NUM_QUEUES:
    case VQ_PCI_COMMON_GENERATION:
    case VQ_PCI_COMMON_QUEUE_NOTIFY_OFF:
    case VQ_PCI_COMMON_QUEUE_NOTIFY_DATA:
    case VQ_PCI_COMMON_ADMIN_QUEUE_INDEX:
    case VQ_PCI_COMMON_ADMIN_QUEUE_NUM:
        fuzz_fail("a field of the device is not written", __FILE__, __LINE__);
    case VQ_PCI_COMMON_QUEUE_ENABLE:
        FUZZ_CHECK(value == 1);
        break;
    case VQ_PCI_COMMON_QUEUE_SIZE:
        FUZZ_CHECK(value != 0 && value <= VQ_SIZE_MAX);
        break;
    case VQ_PCI_COMMON_QUEUE_VECTOR:
    case VQ_PCI_COMMON_CONFIG_VECTOR:
        FUZZ_CHECK(value < r.driver.vectors);
        break;
    case VQ_PCI_COMMON_QUEUE_RESET:
        FUZZ_CHECK(value == 1);
        memset(common_slot(COMMON_QUEUE) - COMMON_QUEUE, 0, sizeof(r.queue[0]));
        break;
    default:
        break;
    }
    *common_slot(at) = value;
    if (at == VQ_PCI_COMMON_STATUS && value == 0)
        memset(r.queue, 0, sizeof(r.queue));
}

/* The legacy registers are kept where the common ones of the same meaning are. */
static uint32_t legacy_field(uint32_t at, unsigned bytes, bool write)
{
    static const struct {
        uint8_t at, bytes, common, can;
    } fields[] = {
        {VQ_PCI_LEGACY_DEVICE_FEATURES, 4, VQ_PCI_COMMON_DEVICE_FEATURE, 1},
        {VQ_PCI_LEGACY_DRIVER_FEATURES, 4, VQ_PCI_COMMON_DRIVER_FEATURE, 2},
        {VQ_PCI_LEGACY_QUEUE_PFN, 4, VQ_PCI_COMMON_QUEUE_DESC, 3},
        {VQ_PCI_LEGACY_QUEUE_SIZE, 2, VQ_PCI_COMMON_QUEUE_SIZE, 1},
        {VQ_PCI_LEGACY_QUEUE_SELECT, 2, VQ_PCI_COMMON_QUEUE_SELECT, 2},
        {VQ_PCI_LEGACY_QUEUE_NOTIFY, 2, VQ_PCI_COMMON_QUEUE_NOTIFY_DATA, 2},
        {VQ_PCI_LEGACY_STATUS, 1, VQ_PCI_COMMON_STATUS, 3},
        {VQ_PCI_LEGACY_ISR, 1, VQ_PCI_COMMON_GENERATION, 1},
        {VQ_PCI_LEGACY_CONFIG_VECTOR, 2, VQ_PCI_COMMON_CONFIG_VECTOR, 3},
        {VQ_PCI_LEGACY_QUEUE_VECTOR, 2, VQ_PCI_COMMON_QUEUE_VECTOR, 3},
    };

    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].at == at && fields[i].bytes == bytes &&
            (fields[i].can & (write ? 2 : 1)) != 0)
            return fields[i].common;
    FUZZ_CHECK(at >= VQ_PCI_LEGACY_CONFIG); /* of the device type: any width */
    return UINT32_MAX;
}

static bool inside(const struct vq_pci_window *w, uint8_t bar, uint32_t offset, unsigned bytes)
{
    return w->bytes >= bytes && w->bar == bar && offset >= w->offset &&
           offset - w->offset <= w->bytes - bytes;
}

/* An access to a BAR, by either way; it lies in what the driver believes to be there. */
static uint32_t access_bar(uint8_t bar, uint32_t offset, unsigned bytes, const uint32_t *write)
{
    const struct vq_pci_window *w = r.driver.window;
    uint32_t at;

    if (vq_pci_driver_is_legacy(&r.driver)) {
        FUZZ_CHECK(bar == 0);
        FUZZ_CHECK(r.legacy_told == 0 || offset <= r.legacy_told - bytes);
        at = legacy_field(offset, bytes, write != NULL);
        if (at == UINT32_MAX)
            return r.config[offset % sizeof(r.config)];
        if (write == NULL)
            return read_common(at);
        if (at != VQ_PCI_COMMON_QUEUE_NOTIFY_DATA)
            write_common(at, *write);
        return 0;
    }
    if (inside(&w[0], bar, offset, bytes) && common_width(offset - w[0].offset) == bytes &&
        offset - w[0].offset < VQ_PCI_COMMON_BYTES) {
        if (write == NULL)
            return read_common(offset - w[0].offset);
        if (!inside(&w[1], bar, offset, bytes) && !inside(&w[3], bar, offset, bytes))
            write_common(offset - w[0].offset, *write); /* else it may be meant for the other */
        return 0;
    }
    if (inside(&w[3], bar, offset, bytes))
        return r.config[offset % sizeof(r.config)];
    if (write != NULL) {
        FUZZ_CHECK(inside(&w[1], bar, offset, bytes) && bytes >= 2);
        return 0;
    }
    FUZZ_CHECK(inside(&w[2], bar, offset, bytes) && bytes == 1);
    return 1;
}

static uint32_t mapped_access(uint32_t address, unsigned bytes, const uint32_t *write)
{
    uint32_t index = address >> MAP_SHIFT, offset = address & ((1u << MAP_SHIFT) - 1);

    FUZZ_CHECK(index < r.maps);
    fuzz_access(&r.f, offset, bytes);
    FUZZ_CHECK(offset <= r.map[index].bytes - bytes);
    if (r.messages)
        return 0;
    return access_bar(r.map[index].bar, r.map[index].offset + offset, bytes, write);
}

static uint32_t bar_read(void *context, uint32_t address, unsigned bytes)
{
    (void)context;
    return fuzz_answer(&r.f.in, mapped_access(address, bytes, NULL), bytes);
}

static void bar_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    (void)context;
    (void)mapped_access(address, bytes, &value);
}

static bool map(void *context, unsigned bar, uint32_t offset, uint32_t bytes,
                struct vq_registers *reg)
{
    static const struct vq_bus bars = {bar_read, bar_write};

    (void)context;
    FUZZ_CHECK(bar < VQ_PCI_BARS && bytes != 0 && bytes <= 4096);
    FUZZ_CHECK(bytes - 1 <= UINT32_MAX - offset);
    if (r.maps == MAPS || (r.mappable >> bar & 1) == 0)
        return false;
    *reg = (struct vq_registers){.bus = &bars, .start = r.maps << MAP_SHIFT};
    if (bar == 0 && offset == 0) {
        reg->bytes = r.legacy_told;
        bytes = reg->bytes != 0 ? reg->bytes : VQ_PCI_LEGACY_CONFIG_MSIX + UINT16_MAX * 2u;
    }
    r.map[r.maps].bar = (uint8_t)bar;
    r.map[r.maps].offset = offset;
    r.map[r.maps++].bytes = bytes;
    return true;
}

/* --- configuration space ------------------------------------------------------------- */

static uint32_t indirect(uint32_t cap, unsigned bytes, const uint32_t *write)
{
    uint32_t offset = (uint32_t)fuzz_get(r.space + cap + VQ_PCI_CAP_OFFSET, 4, false);

    FUZZ_CHECK(fuzz_get(r.space + cap + VQ_PCI_CAP_LENGTH, 4, false) == bytes);
    FUZZ_CHECK(offset % bytes == 0);
    return access_bar(r.space[cap + VQ_PCI_CAP_BAR], offset, bytes, write);
}

static uint32_t space_read(void *context, uint32_t address, unsigned bytes)
{
    uint32_t cap = r.driver.access_capability, value;

    (void)context;
    fuzz_access(&r.f, address, bytes);
    FUZZ_CHECK(address <= SPACE - bytes);
    if (cap != 0 && address == cap + VQ_PCI_CAP_DATA && !r.walking)
        value = indirect(cap, bytes, NULL);
    else
        value = (uint32_t)fuzz_get(r.space + address, bytes, false);
    return fuzz_answer(&r.f.in, value, bytes);
}

static void space_write(void *context, uint32_t address, unsigned bytes, uint32_t value)
{
    uint32_t cap = r.driver.access_capability;

    (void)context;
    fuzz_access(&r.f, address, bytes);
    FUZZ_CHECK(address <= SPACE - bytes);
    if (r.messages) {
        FUZZ_CHECK(bytes == 2 &&
                   address == r.driver.msix_capability + (uint32_t)VQ_PCI_MSIX_CONTROL);
        fuzz_put(r.space + address, value, bytes, false);
        return;
    }
    FUZZ_CHECK(cap != 0);
    if (address == cap + VQ_PCI_CAP_DATA) {
        (void)indirect(cap, bytes, &value);
        return;
    }
    FUZZ_CHECK((address == cap + VQ_PCI_CAP_BAR && bytes == 1) ||
               (address == cap + VQ_PCI_CAP_OFFSET && bytes == 4) ||
               (address == cap + VQ_PCI_CAP_LENGTH && bytes == 4));
    fuzz_put(r.space + address, value, bytes, false);
}

static void add(uint32_t at, uint32_t next, uint8_t type, uint32_t offset, uint32_t length)
{
    uint8_t *cap = r.space + at;

    cap[VQ_PCI_CAP_ID] = VQ_PCI_CAP_ID_VENDOR;
    cap[VQ_PCI_CAP_NEXT] = (uint8_t)next;
    cap[VQ_PCI_CAP_LEN] = 24;
    cap[VQ_PCI_CAP_TYPE] = type;
    cap[VQ_PCI_CAP_BAR] = 4;
    fuzz_put(cap + VQ_PCI_CAP_OFFSET, offset, 4, false);
    fuzz_put(cap + VQ_PCI_CAP_LENGTH, length, 4, false);
}

/* A function as it should be, and then what the input makes of it. */
static void make_space(uint16_t device, bool capabilities)
{
    fuzz_put(r.space + VQ_PCI_VENDOR_ID, VQ_PCI_VENDOR, 2, false);
    fuzz_put(r.space + VQ_PCI_DEVICE_ID, device, 2, false);
    r.space[VQ_PCI_REVISION] = device >= VQ_PCI_DEVICE_MODERN;
    r.space[VQ_PCI_STATUS] = VQ_PCI_STATUS_CAPABILITIES;
    r.space[VQ_PCI_CAPABILITIES] = 0x40;
    r.space[0x40] = VQ_PCI_CAP_ID_MSIX;
    r.space[0x40 + VQ_PCI_MSIX_CONTROL] = 3;
    if (capabilities) {
        r.space[0x40 + VQ_PCI_CAP_NEXT] = 0x50;
        add(0x50, 0x68, VQ_PCI_CAP_COMMON, 0, 0x1000);
        add(0x68, 0x80, VQ_PCI_CAP_ISR, 0x1000, 0x1000);
        add(0x80, 0x98, VQ_PCI_CAP_DEVICE, 0x2000, 0x50);
        add(0x98, 0xb0, VQ_PCI_CAP_NOTIFY, 0x3000, 0x1000);
        r.space[0x98 + VQ_PCI_CAP_MULTIPLIER] = 4;
        add(0xb0, 0xc8, VQ_PCI_CAP_SHARED, 0, 0x1000);
        add(0xc8, 0, VQ_PCI_CAP_ACCESS, 0, 0);
    }
    for (unsigned n = fuzz_byte(&r.f.in) % 24; n != 0; n--) {
        uint8_t at = fuzz_byte(&r.f.in);
        r.space[at] = fuzz_byte(&r.f.in);
    }
}

static void enabled(struct fuzz_transport *f, uint16_t index, const struct vq_place *place)
{
    const uint32_t *q = r.queue[index < SLOTS ? index : SLOTS - 1];

    (void)f;
    FUZZ_CHECK(index < FUZZ_QUEUES && r.queues[index].enabled);
    if (vq_pci_driver_is_legacy(&r.driver)) {
        FUZZ_CHECK((uint64_t)q[VQ_PCI_COMMON_QUEUE_DESC] << VQ_PCI_LEGACY_PAGE_SHIFT ==
                   place->address[VQ_DESCRIPTOR_AREA]);
        return;
    }
    /* Where one structure lies in another, what was written cannot be told apart. */
    for (unsigned i = 1; i < 4; i++)
        if (inside(&r.driver.window[0], r.driver.window[i].bar, r.driver.window[i].offset, 1) ||
            inside(&r.driver.window[i], r.driver.window[0].bar, r.driver.window[0].offset, 1))
            return;
    FUZZ_CHECK(q[VQ_PCI_COMMON_QUEUE_SIZE] == place->layout.size);
    FUZZ_CHECK(q[VQ_PCI_COMMON_QUEUE_ENABLE] == 1);
    for (unsigned i = 0; i < VQ_PARTS; i++) {
        const uint32_t *low = q + VQ_PCI_COMMON_QUEUE_DESC + 8 * i;
        FUZZ_CHECK((low[0] | (uint64_t)low[4] << 32) == place->address[i]);
    }
}

static void own(struct fuzz_transport *f, uint8_t which)
{
    struct vq_pci_shared_memory region = {0, 0, 0};
    uint16_t vector = which < 6 ? which : VQ_MSI_NO_VECTOR;

    if (which < 8) {
        FUZZ_CHECK(vq_pci_driver_interrupt(&r.driver, vector) <= 3);
    } else if (which < 10) {
        /* MSI-X comes and goes. */
        r.space[0x40 + VQ_PCI_MSIX_CONTROL + 1] ^= 0x80;
    } else if (which < 12) {
        r.messages = true;
        if (which == 11)
            (void)vq_pci_driver_enable_messages(&r.driver, fuzz_byte(&f->in) & 1);
        else
            (void)vq_pci_driver_set_message(&r.driver, fuzz_byte(&f->in), 0xfee00000, 1);
        r.messages = false;
    } else {
        r.walking = true;
        if (vq_pci_driver_shared_memory(&r.driver, fuzz_byte(&f->in), &region) == VQ_OK) {
            FUZZ_CHECK(region.bar < VQ_PCI_BARS && region.bytes != 0);
            FUZZ_CHECK(region.offset <= UINT64_MAX - (region.bytes - 1));
        }
        r.walking = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct vq_bus space = {space_read, space_write};
    struct vq_pci_driver_config config = {.space = {.bus = &space},
                                          .map = map,
                                          .queues = r.queues,
                                          .queue_count = FUZZ_QUEUES,
                                          .patience = FUZZ_PATIENCE};
    uint8_t shape, size;

    memset(&r, 0, sizeof(r));
    r.f = (struct fuzz_transport){
        .in = {data, data + bytes}, .t = &r.driver.transport, .own = own, .enabled = enabled};
    shape = fuzz_byte(&r.f.in);
    size = fuzz_byte(&r.f.in);
    fuzz_hook_start(&r.f.in, shape & 0x80);
    config.interface = (enum vq_pci_interface)((shape & 3) % 3);
    config.vectors = shape >> 2 & 7;
    r.mappable = shape & 0x20 ? fuzz_byte(&r.f.in) : 0xff;
    r.legacy_told = shape & 0x40 ? fuzz_byte(&r.f.in) : 64;
    r.offered[0] = (uint32_t)fuzz_number(&r.f.in, 4);
    r.offered[1] = size & 0x40 ? (uint32_t)fuzz_number(&r.f.in, 4) : 0x101;
    r.size_max = size & 0x80 ? fuzz_u16(&r.f.in) : (uint16_t)(1u << size % 16);
    r.config[1] = 1;
    make_space(size & 0x20 ? 0x1001 : 0x1042, (size & 0x10) == 0);
    if (size & 8)
        r.space[0x40 + VQ_PCI_MSIX_CONTROL + 1] |= 0x80;
    r.walking = true;
    if (vq_pci_driver_init(&r.driver, &config) != VQ_OK)
        return 0;
    r.walking = false;
    fuzz_transport_run(&r.f);
    return 0;
}
