/*
 * The console driver: sends back what it hears, up to the end of a line. First without
 * MULTIPORT, on the one port that there is then; after a reset with it, on a second port,
 * which has a name and is opened.
 */
#include <vq/console_driver.h>

#include "rings.h"
#include "test.h"
#include "text.h"

#define PORTS  2u
#define SECOND 1u
#define NAME   "vq.port"
#define BUFFER 32u
#define CONTROL                                                                                    \
    32u /* control messages that find no buffer are lost: as many as the device takes              \
         */

static struct vq_console_driver console;
static bool waiting; /* for interrupts */

static const char *broken(uint16_t port)
{
    enum vq_broken why = vq_console_driver_broken(&console, port);
    return why == VQ_NOT_BROKEN ? NULL : vq_broken_text(why);
}

static const char *write_all(uint16_t port, const char *bytes, size_t count)
{
    while (count != 0) {
        size_t n = vq_console_driver_write(&console, port, bytes, count);
        bytes += n;
        count -= n;
        if (broken(port) != NULL)
            return broken(port);
        if (test_patience_over())
            return "nobody takes the echo";
    }
    return NULL;
}

static const char *echo(uint16_t port, const char *name)
{
    char bytes[50];
    size_t n = 0;
    uint32_t total = 0;
    test_patience_begin();
    do {
        n = vq_console_driver_read(&console, port, bytes, sizeof(bytes));
        const char *wrong = write_all(port, bytes, n);
        if (wrong == NULL)
            wrong = broken(port);
        if (wrong != NULL)
            return wrong;
        if (test_patience_over())
            return "no line comes";
        if (n == 0 && waiting && vq_console_driver_wait(&console, -1) != VQ_OK)
            return "no interrupt comes";
        total += (uint32_t)n;
    } while (n == 0 || bytes[n - 1] != '\n');
    while (vq_console_driver_unsent(&console, port) != 0)
        if (test_patience_over())
            return "the echo is not sent";
    say_number(name, total);
    return NULL;
}

static const char *echo_first(void)
{
    return echo(0, " first=");
}

/* Waits for the second port, opens it, and uses it. */
static const char *echo_second(void)
{
    const struct vq_console_port *port = &console.ports[SECOND];
    if (!console.multiport || console.port_count <= SECOND)
        return "there is no MULTIPORT";
    test_patience_begin();
    while (!port->present || !port->open || port->name[0] == '\0') {
        (void)vq_console_driver_poll(&console);
        if (broken(console.port_count) != NULL)
            return broken(console.port_count);
        if (test_patience_over())
            return "no second port comes";
    }
    if (port->console || !text_same(port->name, NAME))
        return "the second port is another one";
    enum vq_error error;
    while ((error = vq_console_driver_set_open(&console, SECOND, true)) == VQ_ERR_FULL) {
        (void)vq_console_driver_poll(&console);
        if (test_patience_over())
            break;
    }
    return error == VQ_OK ? echo(SECOND, " second=") : vq_error_text(error);
}

static const char *session(struct vq_transport *t, const struct test_wish *wish, uint16_t ports,
                           const char *(*exercise)(void))
{
    struct vq_queue_memory rings[VQ_CONSOLE_QUEUES(PORTS, true)];
    struct vq_console_driver_options options = {
        .ports = ports,
        .queue_size = wish->queue_size,
        .control_size = CONTROL,
        .buffer_bytes = BUFFER,
        .rings_apart = true,
        .strict = true,
        .without = wish->without,
    };
    for (unsigned i = 0; i < VQ_CONSOLE_QUEUES(PORTS, true); i++)
        rings[i] = rings_memory;
    rings_reset(wish->hold);
    struct vq_console_memory *memory = &options.memory;
    enum vq_error error =
        vq_console_driver_measure(&options, &memory->shared_bytes, &memory->private_bytes);
    if (error != VQ_OK)
        return vq_error_text(error);
    memory->shared = rings_take(memory->shared_bytes);
    memory->address = (uintptr_t)memory->shared;
    memory->private_memory = rings_take(memory->private_bytes);
    memory->rings = rings;

    struct vq_init_result result;
    if (vq_console_driver_open(&console, t, &options, &result) != VQ_OK)
        return test_refused(&result);
    if (ports != 0)
        test_features(t);
    const char *wrong = exercise();
    if (wrong == NULL)
        wrong = test_interrupted(t, wish);
    if (wish->hold && ports != 0)
        return wrong;
    if (vq_console_driver_close(&console) != VQ_OK && wrong == NULL)
        wrong = "the device does not reset";
    return wrong;
}

const char *test_console(struct vq_transport *t, const struct test_wish *wish)
{
    waiting = wish->interrupts;
    const char *wrong = session(t, wish, 0, echo_first);
    if (wrong == NULL)
        wrong = session(t, wish, PORTS, echo_second);
    return wrong;
}
