/* Lines, whole ones. Text from elsewhere is escaped, so that a line stays a line. */
#include "serve_report.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include <vq/blk.h>
#include <vq/feature_name.h>

/* Bytes of the UTF-8 character that begins here; 0: none does. A name of a file may hold anything.
 */
static size_t character(const unsigned char *c)
{
    static const struct {
        unsigned char first, last;             /* what it begins with */
        unsigned char second_low, second_high; /* nothing too long, no surrogate */
        size_t bytes;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (*c < forms[i].first || *c > forms[i].last)
            continue;
        if (forms[i].bytes > 1 && (c[1] < forms[i].second_low || c[1] > forms[i].second_high))
            return 0;
        for (size_t k = 2; k < forms[i].bytes; k++)
            if (c[k] < 0x80 || c[k] > 0xbf)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

/* C0 and C1: they move cursors and end lines. */
static bool is_control(const unsigned char *c)
{
    return *c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0);
}

static void json_string(const char *text)
{
    size_t bytes;

    (void)putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c += bytes ? bytes : 1) {
        bytes = character(c);
        if (bytes == 0)
            (void)printf("\\ufffd");
        else if (*c == '"' || *c == '\\')
            (void)printf("\\%c", *c);
        else if (is_control(c))
            (void)printf("\\u%04x", c[bytes - 1]);
        else
            (void)fwrite(c, 1, bytes, stdout);
    }
    (void)putchar('"');
}

static void plain_string(FILE *out, const char *text)
{
    size_t bytes;

    for (const unsigned char *c = (const unsigned char *)text; *c; c += bytes ? bytes : 1) {
        bytes = character(c);
        if (bytes == 0 || is_control(c))
            for (size_t i = 0; i < (bytes ? bytes : 1); i++)
                (void)fprintf(out, "\\x%02x", c[i]);
        else if (*c == '\\')
            (void)fputs("\\\\", out);
        else
            (void)fwrite(c, 1, bytes, out);
    }
}

void report_trouble(const char *format, ...)
{
    char line[PATH_MAX + 512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    flockfile(stderr);
    (void)fputs("vq serve: ", stderr);
    plain_string(stderr, line);
    (void)fputc('\n', stderr);
    funlockfile(stderr);
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
        (void)printf("%s from ", disk->read_only ? ", read-only," : "");
        plain_string(stdout, o->file ? o->file : disk->kind);
        (void)printf("%s%s%s, %u queue%s of up to %u, on ", o->file ? " (" : "",
                     o->file ? disk->kind : "", o->file ? ")" : "", o->queues,
                     o->queues == 1 ? "" : "s", o->queue_size);
        if (o->socket_path)
            plain_string(stdout, o->socket_path);
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
        (void)printf("disconnected: ");
        plain_string(stdout, reason);
        (void)printf(", %llu request%s served", (unsigned long long)requests,
                     requests == 1 ? "" : "s");
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
