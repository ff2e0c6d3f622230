/* Words for enum vq_error and enum vq_broken. Firmware that never asks never links them. */
#include <vq/error.h>

const char *vq_error_text(enum vq_error error)
{
    switch (error) {
    case VQ_OK:
        return "no error";
    case VQ_ERR_INVALID:
        return "an argument makes no sense";
    case VQ_ERR_SIZE:
        return "the format does not allow this queue size";
    case VQ_ERR_ALIGN:
        return "the format does not allow this alignment";
    case VQ_ERR_RANGE:
        return "an address, offset or index is out of range";
    case VQ_ERR_FULL:
        return "not enough free descriptors";
    case VQ_ERR_BROKEN:
        return "the queue or the connection is broken";
    case VQ_ERR_UNSUPPORTED:
        return "the other end, or this build, lacks what this needs";
    case VQ_ERR_TIMEOUT:
        return "the other end did not answer in time";
    case VQ_ERR_IO:
        return "the system below failed";
    case VQ_ERR_NO_MEMORY:
        return "the memory given is too small";
    case VQ_ERR_STATE:
        return "the object is in a state that forbids it";
    }
    return "unknown error";
}

static const struct {
    const char *text;
    const char *requirement;
} reasons[] = {
    [VQ_NOT_BROKEN] = {"not broken", ""},
    [VQ_BROKEN_AVAILABLE_JUMP] = {"more was made available than the queue can hold",
                                  "SPLIT-DRV-SUPPLY-04"},
    [VQ_BROKEN_HEAD_RANGE] = {"a buffer's head or id lies outside the queue", ""},
    [VQ_BROKEN_HEAD_IN_FLIGHT] = {"a buffer was made available again before it was used", ""},
    [VQ_BROKEN_NEXT_RANGE] = {"a descriptor's next lies outside its table", ""},
    [VQ_BROKEN_CHAIN_LOOP] = {"a descriptor chain is longer than its table", "SPLIT-DRV-DESC-02"},
    [VQ_BROKEN_CHAIN_SEGMENTS] = {"a buffer has more pieces than the device takes",
                                  "SPLIT-DRV-FRAMING-02"},
    [VQ_BROKEN_CHAIN_BYTES] = {"a descriptor chain holds more than 2^32 bytes",
                               "SPLIT-DRV-DESC-01"},
    [VQ_BROKEN_CHAIN_ORDER] = {"a device-readable element follows a device-writable one",
                               "SPLIT-DRV-FRAMING-01"},
    [VQ_BROKEN_INDIRECT_REFUSED] = {"an indirect descriptor without the feature",
                                    "SPLIT-DRV-INDIR-01"},
    [VQ_BROKEN_INDIRECT_NEXT] = {"an indirect descriptor that is also chained",
                                 "SPLIT-DRV-INDIR-04"},
    [VQ_BROKEN_INDIRECT_NESTED] = {"an indirect descriptor inside an indirect table",
                                   "SPLIT-DRV-INDIR-02"},
    [VQ_BROKEN_INDIRECT_LENGTH] =
        {"an indirect table is empty, too long, or not a multiple of 16 bytes", ""},
    [VQ_BROKEN_ADDRESS] = {"an address range that no memory region covers", ""},
    [VQ_BROKEN_USED_JUMP] = {"the used index ran ahead of what is outstanding",
                             "SPLIT-DEV-USED-04"},
    [VQ_BROKEN_USED_ID] = {"a used id lies outside the queue", ""},
    [VQ_BROKEN_USED_NOT_IN_FLIGHT] = {"a used id that is not in flight", ""},
    [VQ_BROKEN_USED_LENGTH] = {"a used length beyond the buffer", "SPLIT-DEV-USED-02"},
    [VQ_BROKEN_BY_OWNER] = {"given up by its owner", ""},
};

static int known(enum vq_broken reason)
{
    return (unsigned)reason < sizeof(reasons) / sizeof(reasons[0]);
}

const char *vq_broken_text(enum vq_broken reason)
{
    return known(reason) ? reasons[reason].text : "unknown reason";
}

const char *vq_broken_requirement(enum vq_broken reason)
{
    return known(reason) ? reasons[reason].requirement : "";
}
