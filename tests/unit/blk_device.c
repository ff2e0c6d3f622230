/* The block device over a ring and a lane that the test holds: requests, framing, order, stop. */
#include "blk_rig.h"

static void reads_and_writes(void **state)
{
    struct rig *rig = rig_new();
    uint8_t got[4096];

    (void)state;
    assert_int_equal(rig_read(rig, 3, 1024, got), VQ_BLK_S_OK);
    assert_memory_equal(got, rig->disk + 3 * 512, 1024);
    assert_int_equal(rig_write(rig, 5, 4096, 0x5c), VQ_BLK_S_OK);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(rig->disk[5 * 512 + i], 0x5c);
    assert_int_equal(rig_read(rig, 5, 4096, got), VQ_BLK_S_OK);
    assert_memory_equal(got, rig->disk + 5 * 512, 4096);
    rig_free(rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        VQ_TEST(reads_and_writes, "reads and writes sectors"),
    };
    return VQ_RUN(tests);
}
