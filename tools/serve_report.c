/* Lines on standard output. Text from elsewhere is escaped, so that a line stays a line. */
#include "serve_report.h"

#include <stdio.h>

#include <vq/blk.h>
#include <vq/feature_name.h>

static void json_string(const char *text)
{
    (void)putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            (void)printf("\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            (void)printf("\\u%04x", *c);
        else
            (void)putchar(*c);
    }
    (void)putchar('"');
}

static void begin(void)
{
    flockfile(stdout);
}

static void end(const struct serve_options *o)
{
    (void)fputs(o->json ? "}\n" : "\n", stdout);
    (void)fflush(stdout);
    funlockfile(stdout);
}

static void print_size(uint64_t bytes)
{
    static const char units[] = "KMGT";
    unsigned unit = 0;

    if (bytes % 1024 != 0) {
        (void)printf("%llu bytes", (unsigned long long)bytes);
        return;
    }
    for (bytes /= 1024; bytes % 1024 == 0 && unit < 3; unit++)
        bytes /= 1024;
    (void)printf("%llu %ciB", (unsigned long long)bytes, units[unit]);
}

void report_ready(const struct serve_options *o, const struct serve_disk *disk)
{
    begin();
    if (o->json) {
        (void)printf("{\"event\":\"ready\",\"type\":\"block\",");
        if (o->socket_path) {
            (void)printf("\"socket_path\":");
            json_string(o->socket_path);
        } else {
            (void)printf("\"fd\":%d", o->fd);
        }
        (void)printf(",\"source\":");
        json_string(disk->kind);
        (void)printf(",\"bytes\":%llu,\"read_only\":%s,\"queues\":%u,\"queue_size\":%u",
                     (unsigned long long)disk->bytes, disk->read_only ? "true" : "false", o->queues,
                     o->queue_size);
    } else {
        (void)printf("ready: ");
        print_size(disk->bytes);
        (void)printf("%s from %s%s%s%s, %u queue%s of up to %u, on ",
                     disk->read_only ? ", read-only," : "", o->file ? o->file : disk->kind,
                     o->file ? " (" : "", o->file ? disk->kind : "", o->file ? ")" : "", o->queues,
                     o->queues == 1 ? "" : "s", o->queue_size);
        if (o->socket_path)
            (void)printf("%s", o->socket_path);
        else
            (void)printf("descriptor %d", o->fd);
    }
    end(o);
}

void report_connected(const struct serve_options *o, uint64_t features, uint32_t regions)
{
    const char *separator = "";

    begin();
    (void)printf(o->json ? "{\"event\":\"connected\",\"features\":[" : "connected: ");
    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = vq_feature_name(VQ_BLK_DEVICE_ID, bit);
        if (!(features >> bit & 1) || !name)
            continue;
        (void)printf(o->json ? "%s\"%s\"" : "%s%s", separator, name);
        separator = o->json ? "," : " ";
    }
    if (o->json)
        (void)printf("],\"memory_regions\":%u", regions);
    end(o);
}

void report_disconnected(const struct serve_options *o, const char *reason, uint64_t requests)
{
    begin();
    if (o->json) {
        (void)printf("{\"event\":\"disconnected\",\"reason\":");
        json_string(reason);
        (void)printf(",\"requests\":%llu", (unsigned long long)requests);
    } else {
        (void)printf("disconnected: %s, %llu request%s served", reason,
                     (unsigned long long)requests, requests == 1 ? "" : "s");
    }
    end(o);
}

void report_broken(const struct serve_options *o, uint16_t queue, enum vq_broken reason)
{
    const char *requirement = vq_broken_requirement(reason);

    begin();
    if (o->json) {
        (void)printf("{\"event\":\"broken\",\"queue\":%u,\"reason\":", queue);
        json_string(vq_broken_text(reason));
        (void)printf(",\"requirement\":");
        json_string(requirement);
    } else {
        (void)printf("queue %u is broken: %s%s%s%s", queue, vq_broken_text(reason),
                     *requirement ? " [" : "", requirement, *requirement ? "]" : "");
    }
    end(o);
}

void report_stopped(const struct serve_options *o, const char *why)
{
    begin();
    if (o->json) {
        (void)printf("{\"event\":\"stopped\",\"reason\":");
        json_string(why);
    } else {
        (void)printf("stopped: %s", why);
    }
    end(o);
}
