/*
 * What the console device offers, what the driver chose of it, and the configuration
 * space, of which emerg_wr may be written at any time, whatever state the device is in
 * (CON-DEV-INIT-01).
 */
#include "console_device.h"
#include "model_parts.h"

struct vq_features vq_console_offer(const struct vq_console_device_config *c)
{
    const struct {
        uint8_t bit;
        bool have;
    } all[] = {
        {VQ_CONSOLE_F_SIZE, c->cols != 0 || c->rows != 0},
        {VQ_CONSOLE_F_MULTIPORT, c->ports != 0},
        {VQ_CONSOLE_F_EMERG_WRITE, c->emergency != NULL},
    };
    struct vq_features set = vq_model_ring_features(&c->without);

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].have && !vq_feature(&c->without, all[i].bit))
            vq_feature_set(&set, all[i].bit);
    return set;
}

struct vq_features vq_console_offered(const struct vq_device_model *model)
{
    return vq_console_of_const(model)->offered;
}

enum vq_error vq_console_accept(struct vq_device_model *model, const struct vq_features *chosen)
{
    struct vq_console_device *dev = vq_console_of(model);

    if (!vq_model_may_accept(&dev->offered, chosen))
        return VQ_ERR_UNSUPPORTED;
    dev->accepted = *chosen;
    dev->negotiated = true;
    return VQ_OK;
}

uint32_t vq_console_config_size(const struct vq_device_model *model)
{
    (void)model;
    return VQ_CONSOLE_CONFIG_SIZE;
}

void vq_console_read_config(const struct vq_device_model *model, uint32_t offset, void *bytes,
                            uint32_t count)
{
    const struct vq_console_device *dev = vq_console_of_const(model);
    const bool big = model->big_endian; /* CON-DEV-CFG-03 */
    uint8_t shown[VQ_CONSOLE_CONFIG_SIZE] = {0};

    /* Fields whose feature is not offered are zero, as is emerg_wr, which nobody reads. */
    if (vq_feature(&dev->offered, VQ_CONSOLE_F_SIZE)) {
        vq_model_put(shown + VQ_CONSOLE_CONFIG_COLS, dev->ports[0].cols, 2, big);
        vq_model_put(shown + VQ_CONSOLE_CONFIG_ROWS, dev->ports[0].rows, 2, big);
    }
    if (vq_feature(&dev->offered, VQ_CONSOLE_F_MULTIPORT))
        vq_model_put(shown + VQ_CONSOLE_CONFIG_MAX_NR_PORTS, dev->port_count, 4, big);
    vq_model_read(shown, VQ_CONSOLE_CONFIG_SIZE, offset, bytes, count);
}

enum vq_error vq_console_write_config(struct vq_device_model *model, uint32_t offset,
                                      const void *bytes, uint32_t count)
{
    struct vq_console_device *dev = vq_console_of(model);
    const uint8_t *in = (const uint8_t *)bytes;
    /* The character is the low byte of the field. */
    const uint32_t low = VQ_CONSOLE_CONFIG_EMERG_WR + (model->big_endian ? 3u : 0u);

    if (!vq_feature(&dev->offered, VQ_CONSOLE_F_EMERG_WRITE))
        return VQ_ERR_UNSUPPORTED;
    if (offset < VQ_CONSOLE_CONFIG_EMERG_WR || offset > VQ_CONSOLE_CONFIG_SIZE ||
        count > VQ_CONSOLE_CONFIG_SIZE - offset)
        return VQ_ERR_RANGE;
    if (low >= offset && low - offset < count)
        dev->config.emergency(dev->config.context, in[low - offset]);
    return VQ_OK;
}
