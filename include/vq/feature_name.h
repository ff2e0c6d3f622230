/*
 * Names of feature bits, for people: the specification's names in lower case,
 * without the prefix ("event_idx", "version_1", "blk_size").
 *
 * The only place that ties names to bits. Strings are linked only into programs
 * that call these.
 */
#ifndef VQ_FEATURE_NAME_H
#define VQ_FEATURE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vq/feature.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The name of `bit` for a device of this type (virtio 1.4, section 5; 0 if only
 * the queue and transport features are asked for), or NULL when it has none.
 */
const char *vq_feature_name(uint16_t device_id, unsigned bit);

/* The bit that `name` (of `length` characters) stands for, or -1. */
int vq_feature_by_name(uint16_t device_id, const char *name, size_t length);

/*
 * Adds the bits named in a comma-separated list to `set`. On an unknown name it
 * returns false, and `*unknown` and `*length` tell which part of the list it is.
 */
bool vq_feature_parse(uint16_t device_id, const char *list, struct vq_features *set,
                      const char **unknown, size_t *length);

/* All bits that have a name, i.e. that this project knows, for this type of device. */
struct vq_features vq_features_named(uint16_t device_id);

#ifdef __cplusplus
}
#endif
#endif
