// What the layer's writer and reader share.
#ifndef OCI_LAYER_INTERNAL_H
#define OCI_LAYER_INTERNAL_H

#include <locale.h>
#include <sys/types.h>

#include "oci/layer.h"

enum { TAR_BLOCK = 512 };

// libarchive converts names between the thread's locale and the archive. This sets the thread's
// locale until the end of the scope, so that the same bytes come out wherever the program runs.
struct layer_locale {
    locale_t own, before;
};
struct layer_locale layer_locale_use(const char *name);
void layer_locale_leave(struct layer_locale *locale);
#define scoped_layer_locale __attribute__((cleanup(layer_locale_leave), unused))

// The uncompressed bytes of a layer: one gzip member (RFC 1952) and nothing behind it, inflated
// piece by piece under limits->max_unpacked and max_ratio. Layer and limits are borrowed.
struct layer_stream;
struct layer_stream *layer_stream_new(const void *layer, size_t size,
                                      const struct oci_limits *limits);
void layer_stream_free(struct layer_stream *stream); // NULL is fine
void cleanup_layer_stream_pointer(struct layer_stream **stream);
#define cleanup_layer_stream __attribute__((cleanup(cleanup_layer_stream_pointer)))
// Fills the block, less of it only at the end; 0 = all was read and the gzip stream is sound.
// ERROR_INVALID, ERROR_LIMIT.
ssize_t layer_stream_read(struct layer_stream *stream, void *block, size_t size, struct error *err)
    __attribute__((warn_unused_result));
// The digest of all, once 0 was read.
struct digest layer_stream_digest(struct layer_stream *stream);

#endif
