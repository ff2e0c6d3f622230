/* vq bench ring: measuring once, and what is said of it, for people and as JSON. */
#include "bench_ring.h"

#include <inttypes.h>

const char *const ring_notify_words[3] = {"none", "flag", "event_idx"};

const char *ring_format_word(const struct ring_options *o)
{
    return o->format == VQ_FORMAT_PACKED ? "packed" : o->big ? "split_big" : "split";
}

bool ring_measure(const struct ring_options *o, struct ring_result *result)
{
    struct ring_bench b = {.o = o, .kick = -1, .signal = -1};
    /* One thread moves whole batches. */
    uint64_t batches = (o->count + o->batch - 1) / o->batch;
    double count = (double)(o->threads == 2 ? o->count : batches * o->batch), ns;

    if (!ring_make(&b)) {
        ring_unmake(&b);
        fputs("vq bench ring: cannot make a queue of this size and format\n", stderr);
        return false;
    }
    ns = (double)(o->threads == 2 ? ring_together(&b) : ring_alone(&b));
    *result = (struct ring_result){
        .ns_per_buffer = ns / count,
        .kicks = (double)b.kicks / count,
        .signals = (double)b.signals / count,
        .add_ns = (double)b.add_ns / count,
        .pop_ns = (double)b.pop_ns / count,
        .push_ns = (double)b.push_ns / count,
        .get_ns = (double)b.get_ns / count,
    };
    if (b.failed)
        fprintf(stderr, "vq bench ring: the queue broke: %s, %s\n",
                vq_broken_text(vq_driver_broken(&b.driver)),
                vq_broken_text(vq_device_broken(&b.device)));
    ring_unmake(&b);
    return !b.failed;
}

static void report_json(const struct ring_options *o, const struct ring_result *r,
                        double round_trip)
{
    printf("{\"bench\":\"ring\",\"format\":\"%s\",\"threads\":%" PRIu64 ",\"batch\":%" PRIu64
           ",\"notify\":\"%s\",\"size\":%" PRIu64 ",\"elements\":%" PRIu64
           ",\"indirect\":%s,\"in_order\":%s,\"buffers\":%" PRIu64
           ",\"ns_per_buffer\":%.2f,\"kicks_per_buffer\":%.4f,\"signals_per_buffer\":%.4f",
           ring_format_word(o), o->threads, o->batch, ring_notify_words[o->notify], o->size,
           o->elements, o->indirect ? "true" : "false", o->in_order ? "true" : "false", o->count,
           r->ns_per_buffer, r->kicks, r->signals);
    if (round_trip > 0)
        printf(",\"line_round_trip_ns\":%.1f,\"round_trips_per_buffer\":%.3f", round_trip,
               r->ns_per_buffer / round_trip);
    else
        printf(",\"line_round_trip_ns\":null,\"round_trips_per_buffer\":null");
    if (o->apart)
        printf(",\"add_ns\":%.2f,\"pop_ns\":%.2f,\"push_ns\":%.2f,\"get_ns\":%.2f", r->add_ns,
               r->pop_ns, r->push_ns, r->get_ns);
    printf("}\n");
}

void ring_report(const struct ring_options *o, const struct ring_result *r, double round_trip)
{
    if (o->json) {
        report_json(o, r, round_trip);
        return;
    }
    printf("%s ring of %" PRIu64 ", %s%s, %" PRIu64 " element%s, batches of %" PRIu64
           ", notify %s, %s\n",
           ring_format_word(o), o->size, o->indirect ? "indirect" : "direct",
           o->in_order ? ", in order" : "", o->elements, o->elements == 1 ? "" : "s", o->batch,
           ring_notify_words[o->notify],
           o->threads == 1 ? "one thread at both ends" : "two threads on two processors");
    printf("  %8.2f ns per buffer  (%.2f million a second)\n", r->ns_per_buffer,
           1e3 / r->ns_per_buffer);
    if (round_trip > 0)
        printf("  %8.2f ns for a cache line there and back: %.2f of these for a buffer\n",
               round_trip, r->ns_per_buffer / round_trip);
    if (o->apart)
        printf("  %8.2f ns add and publish\n  %8.2f ns pop\n  %8.2f ns push and publish\n"
               "  %8.2f ns get\n  %8.2f ns the device's end alone (pop and push)\n",
               r->add_ns, r->pop_ns, r->push_ns, r->get_ns, r->pop_ns + r->push_ns);
    if (o->notify != NOTIFY_NONE)
        printf("  %8.4f kicks and %.4f signals per buffer\n", r->kicks, r->signals);
}
