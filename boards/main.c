/*
 * The program of every board: finds the devices, runs the test of each, and says what
 * came of it. The last line is "board ok" or "board failed".
 */
#include <vq/blk.h>
#include <vq/console.h>
#include <vq/driver.h>
#include <vq/net.h>
#include <vq/rng.h>

#include "board.h"
#include "find.h"
#include "options.h"
#include "rings.h"
#include "test.h"
#include "text.h"

#define PATIENCE   40000u /* steps of the clock: most of a minute, at least, on a busy host */
#define QUEUE_SIZE 8u

static const struct test {
    const char *name;
    const char *(*run)(struct vq_transport *t, const struct test_wish *wish);
    uint16_t device_id;
} tests[] = {
    {"block", test_block, VQ_BLK_DEVICE_ID},
    {"console", test_console, VQ_CONSOLE_DEVICE_ID},
    {"network", test_network, VQ_NET_DEVICE_ID},
    {"entropy", test_entropy, VQ_RNG_DEVICE_ID},
};

static uint32_t started;

void test_patience_begin(void)
{
    started = board_clock();
}

bool test_patience_over(void)
{
    return board_clock() - started > PATIENCE;
}

const char *test_refused(const struct vq_init_result *result)
{
    say(" step=\"");
    say(vq_init_step_text(result->step));
    say("\"");
    if (result->feature >= 0)
        say_number(" feature=", (uint32_t)result->feature);
    return vq_error_text(result->error);
}

void test_features(const struct vq_transport *t)
{
    say_hex(" offered=", vq_features_low64(&t->offered));
    say_hex(" accepted=", vq_features_low64(&t->accepted));
}

const char *test_interrupted(struct vq_transport *t, const struct test_wish *wish)
{
    if (!wish->interrupts || *wish->taken != 0 || vq_transport_wait(t, VQ_QUEUE_ANY, -1) == VQ_OK)
        return NULL;
    return "no interrupt came";
}

_Noreturn void board_trap(uintptr_t cause, uintptr_t where)
{
    say_hex("\nboard trapped cause=", cause);
    say_hex(" at=", where);
    say("\n");
    board_exit(false);
}

static const struct test *test_of(uint16_t device_id)
{
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        if (tests[i].device_id == device_id)
            return &tests[i];
    return NULL;
}

static bool run(const struct test *test, const struct found *found, struct test_wish *wish)
{
    wish->taken = found->interrupts;
    say("device ");
    say(test->name);
    say(" bus=");
    say(found->bus);
    say_hex(" at=", found->where);
    say(found->legacy ? " legacy" : " modern");
    say_number(" vectors=", found->vectors);
    say("\n");

    rings_reset(wish->hold);
    say("test ");
    say(test->name);
    const char *wrong = test->run(found->transport, wish);
    say_number(" interrupts=", *found->interrupts);
    if (wrong != NULL) {
        say(" failed: ");
        say(wrong);
    }
    say(wrong == NULL ? " ok\n" : "\n");
    rings_report();
    return wrong == NULL;
}

_Noreturn void board_main(void)
{
    static struct found found[FOUND_MAX];
    const struct board *board = board_init();
    say("board ");
    say(board->name);
    say("\n");

    struct find_wish how = {
        .as_legacy = option_given("legacy"),
        .interrupts = option_given("interrupts") || option_given("msix"),
        .msix = option_given("msix"),
    };
    unsigned count = find_devices(board, &how, found), tested = 0, good = 0;
    uint32_t size = option_number("size", QUEUE_SIZE);
    struct test_wish wish = {
        .queue_size = (uint16_t)(size <= VQ_SIZE_MAX ? size : VQ_SIZE_MAX),
        .without = option_features("without"),
        .hold = option_given("hold"),
        .interrupts = how.interrupts,
    };
    for (unsigned i = 0; i < count; i++) {
        const struct test *test = test_of(found[i].transport->device_id);
        if (test == NULL)
            continue;
        tested++;
        if (run(test, &found[i], &wish))
            good++;
    }
    say_number("found=", count);
    say_number(" tested=", tested);
    say_number(" good=", good);
    bool all = tested != 0 && good == tested;
    say(all ? "\nboard ok\n" : "\nboard failed\n");
    while (all && wish.hold)
        ;
    board_exit(all);
}
