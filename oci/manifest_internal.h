// What descriptors and manifests share.
#ifndef OCI_MANIFEST_INTERNAL_H
#define OCI_MANIFEST_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

// *ret_text is owned, untouched when the optional member is absent or empty.
int oci_parse_media_type(const json_t *object, const char *key, const char *what, bool required,
                         char **ret_text, struct error *err) __attribute__((warn_unused_result));
// *ret_annotations is a new reference, untouched when absent.
int oci_parse_annotations(const json_t *object, const char *what, json_t **ret_annotations,
                          struct error *err) __attribute__((warn_unused_result));
// A new object with the names in byte order.
json_t *oci_sorted_annotations(json_t *annotations);

#endif
