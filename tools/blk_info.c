/* vq blk info: what the device says of itself, in words or as JSON. */
#include <string.h>

#include "blk.h"

/* GET_ID gives text of up to 20 bytes, of which only printable ones are shown. */
static void ask_serial(struct blk_disk *disk, char serial[VQ_BLK_ID_BYTES + 1])
{
    struct blk_job *job = blk_any_job(disk);
    job->request = (struct vq_blk_driver_request){.type = VQ_BLK_T_GET_ID};
    job->bytes = VQ_BLK_ID_BYTES;
    enum vq_error answer;
    serial[0] = '\0';
    if (!blk_one(disk, job, "ask for the serial number", &answer) || answer != VQ_OK)
        return;
    unsigned n = 0;
    for (; n < VQ_BLK_ID_BYTES && job->buffer[n] != '\0'; n++) {
        char c = (char)job->buffer[n];
        serial[n] = c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '?';
    }
    serial[n] = '\0';
}

static void print_features(const struct vq_features *set, const char *between, const char *quote)
{
    const char *glue = "";
    for (unsigned bit = 0; bit < 32u * VQ_FEATURE_WORDS; bit++) {
        const char *name = vq_feature_name(VQ_BLK_DEVICE_ID, bit);
        if (!vq_feature(set, bit))
            continue;
        if (name != NULL)
            (void)printf("%s%s%s%s", glue, quote, name, quote);
        else
            (void)printf("%s%sbit_%u%s", glue, quote, bit, quote);
        glue = between;
    }
}

static const char *yes(bool value)
{
    return value ? "true" : "false";
}

static void print_json(const struct blk_disk *disk, const char *serial)
{
    const struct vq_blk_facts *f = &disk->driver.facts;
    const struct vq_transport *t = disk->driver.transport;
    (void)printf("{\"capacity\":%llu,\"sectors\":%llu,\"block_size\":%u,\"read_only\":%s,"
                 "\"flush\":%s,\"writeback\":%s,\"queues\":%u,\"queue_size\":%u,"
                 "\"seg_max\":%u,\"size_max\":%u,\"max_discard_sectors\":%u,"
                 "\"max_write_zeroes_sectors\":%u,\"write_zeroes_may_unmap\":%s,",
                 (unsigned long long)f->capacity * VQ_BLK_SECTOR_BYTES,
                 (unsigned long long)f->capacity, f->block_size, yes(f->read_only), yes(f->flush),
                 yes(f->writeback), f->queue_count, disk->queues[0].size, f->seg_max, f->size_max,
                 f->max_discard_sectors, f->max_write_zeroes_sectors,
                 yes(f->write_zeroes_may_unmap));
    if (f->topology)
        (void)printf("\"physical_block_size\":%llu,\"alignment_offset\":%u,\"min_io_blocks\":%u,"
                     "\"opt_io_blocks\":%u,",
                     (unsigned long long)f->block_size << f->physical_block_exp,
                     f->alignment_offset, f->min_io_size, f->opt_io_size);
    (void)printf("\"serial\":\"%s\",\"legacy\":%s,\"offered\":[", serial,
                 yes(vq_transport_legacy(t)));
    print_features(&t->offered, ",", "\"");
    (void)printf("],\"accepted\":[");
    print_features(&t->accepted, ",", "\"");
    (void)printf("]}\n");
}

static void print_words(const struct blk_disk *disk, const char *serial)
{
    const struct vq_blk_facts *f = &disk->driver.facts;
    const struct vq_transport *t = disk->driver.transport;
    char size[32];
    (void)printf("capacity     %s (%llu sectors of 512 bytes)%s\n",
                 blk_size_text(f->capacity * VQ_BLK_SECTOR_BYTES, size),
                 (unsigned long long)f->capacity, f->read_only ? ", read-only" : "");
    (void)printf("block        %u bytes\n", f->block_size);
    if (f->topology)
        (void)printf("physical     blocks of %llu bytes, aligned at block %u\n",
                     (unsigned long long)f->block_size << f->physical_block_exp,
                     f->alignment_offset);
    if (f->topology && (f->min_io_size != 0 || f->opt_io_size != 0))
        (void)printf("best I/O     %u blocks at least, %u at best\n", f->min_io_size,
                     f->opt_io_size);
    if (f->geometry)
        (void)printf("geometry     %u cylinders, %u heads, %u sectors\n", f->cylinders, f->heads,
                     f->sectors);
    (void)printf("serial       %s\n", serial[0] != '\0' ? serial : "(none)");
    (void)printf("cache        %s%s\n",
                 f->writeback ? "writeback: written data is durable after a flush"
                              : "writethrough: written data is durable",
                 f->writeback_settable ? "; can be changed" : "");
    (void)printf("queues       %u, of %u descriptors here\n", f->queue_count, disk->queues[0].size);
    if (f->seg_max != 0)
        (void)printf("request      up to %u segments\n", f->seg_max);
    if (f->size_max != 0)
        (void)printf("segment      up to %u bytes\n", f->size_max);
    (void)printf("discard      %s\n",
                 f->max_discard_sectors != 0
                     ? blk_size_text((uint64_t)f->max_discard_sectors * VQ_BLK_SECTOR_BYTES, size)
                     : "not possible");
    (void)printf(
        "zeroes       %s%s\n",
        f->max_write_zeroes_sectors != 0
            ? blk_size_text((uint64_t)f->max_write_zeroes_sectors * VQ_BLK_SECTOR_BYTES, size)
            : "only by writing them",
        f->write_zeroes_may_unmap ? ", may unmap" : "");
    (void)printf("interface    %s over %s\n", vq_transport_legacy(t) ? "legacy" : "modern",
                 t->ops->name);
    (void)printf("offered      ");
    print_features(&t->offered, " ", "");
    (void)printf("\naccepted     ");
    print_features(&t->accepted, " ", "");
    (void)printf("\n");
}

int blk_info(struct blk_disk *disk)
{
    char serial[VQ_BLK_ID_BYTES + 1];
    ask_serial(disk, serial);
    if (vq_vhost_frontend_reason(disk->frontend) != NULL)
        return VQ_EXIT_FAILED;
    if (disk->options->json)
        print_json(disk, serial);
    else
        print_words(disk, serial);
    return VQ_EXIT_OK;
}
