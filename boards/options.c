/* Looks options up in the text where it lies; nobody checks it but by what comes of it. */
#include "options.h"

#include "board.h"

static const char *const end = board_options + BOARD_OPTIONS_BYTES - 1;

static bool in_word(const char *at)
{
    return at<end && * at> ' ' && *at <= '~';
}

static bool in_value(const char *at)
{
    return in_word(at) && *at != ',';
}

/* Where the value of `name` begins; NULL if it is not there. */
static const char *find(const char *name)
{
    for (const char *at = board_options; in_word(at);) {
        const char *n = name;
        while (*n != '\0' && in_word(at) && *at == *n) {
            at++;
            n++;
        }
        if (*n == '\0' && (!in_word(at) || *at == '='))
            return in_word(at) ? at + 1 : at;
        while (in_word(at))
            at++;
        while (at < end && *at == ' ')
            at++;
    }
    return NULL;
}

static uint32_t number(const char **at)
{
    uint32_t n = 0;
    while (in_value(*at) && **at >= '0' && **at <= '9')
        n = n * 10 + (uint32_t)(*(*at)++ - '0');
    return n;
}

uint32_t option_number(const char *name, uint32_t otherwise)
{
    const char *value = find(name);
    return value != NULL ? number(&value) : otherwise;
}

bool option_has(const char *name, const char *word)
{
    const char *at = find(name);
    while (at != NULL && in_word(at)) {
        const char *w = word;
        while (in_value(at) && *w != '\0' && *at == *w) {
            at++;
            w++;
        }
        if (*w == '\0' && !in_value(at))
            return true;
        while (in_value(at))
            at++;
        if (in_word(at))
            at++;
    }
    return false;
}

bool option_given(const char *name)
{
    return find(name) != NULL;
}

struct vq_features option_features(const char *name)
{
    struct vq_features set = {{0}};
    const char *at = find(name);
    while (at != NULL && in_word(at)) {
        vq_feature_set(&set, number(&at));
        while (in_value(at))
            at++;
        if (in_word(at))
            at++;
    }
    return set;
}
