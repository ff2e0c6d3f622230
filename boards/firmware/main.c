/*
 * Runs the example of docs/firmware.md on a bare machine: finds the disk, reads its first
 * sector, writes that to the second, flushes, and says what came of it.
 */
#include <vq/blk.h>
#include <vq/error.h>

#include "../board.h"
#include "../text.h"

/* examples/firmware.c */
enum vq_error disk_find(uintptr_t first_slot, uintptr_t step, unsigned slots);
enum vq_error disk_request(uint32_t type, uint64_t sector, void *data, uint32_t bytes);

_Noreturn void board_trap(uintptr_t cause, uintptr_t where)
{
    say_hex("\nboard trapped cause=", cause);
    say_hex(" at=", where);
    say("\n");
    board_exit(false);
}

static enum vq_error run(const struct board_slots *slots)
{
    static uint8_t sector[VQ_BLK_SECTOR_BYTES];
    enum vq_error error = disk_find(slots->base, slots->step, slots->count);
    if (error == VQ_OK)
        error = disk_request(VQ_BLK_T_IN, 0, sector, sizeof(sector));
    if (error == VQ_OK)
        error = disk_request(VQ_BLK_T_OUT, 1, sector, sizeof(sector));
    if (error == VQ_OK)
        error = disk_request(VQ_BLK_T_FLUSH, 0, NULL, 0);
    return error;
}

_Noreturn void board_main(void)
{
    const struct board *board = board_init();
    enum vq_error error = run(&board->slots);
    say("firmware ");
    say(error == VQ_OK ? "copied a sector" : vq_error_text(error));
    say("\n");
    board_exit(error == VQ_OK);
}
