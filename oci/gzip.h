// Gzip (RFC 1952) over a stream: one member, nothing behind it; written without time and name.
#ifndef OCI_GZIP_H
#define OCI_GZIP_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

// Compresses into `out`, whose maximum is the limit.
struct gzip_writer;
struct gzip_writer *gzip_writer_new(struct strbuf *out);
int gzip_writer_add(struct gzip_writer *writer, const void *data, size_t size, struct error *err)
    __attribute__((warn_unused_result));
int gzip_writer_end(struct gzip_writer *writer, struct error *err)
    __attribute__((warn_unused_result));
void gzip_writer_free(struct gzip_writer *writer); // NULL is fine
void cleanup_gzip_writer_pointer(struct gzip_writer **writer);
#define cleanup_gzip_writer __attribute__((cleanup(cleanup_gzip_writer_pointer)))

struct gzip_limits {
    size_t max_bytes;   // uncompressed
    unsigned max_ratio; // uncompressed : compressed, judged above 1 MiB
};
// Hands the uncompressed bytes to `sink` in pieces. ERROR_INVALID, ERROR_LIMIT, or the sink's
// error.
int gzip_read(const void *data, size_t size, const struct gzip_limits *limits,
              int (*sink)(void *arg, const void *piece, size_t piece_size, struct error *err),
              void *arg, struct error *err) __attribute__((warn_unused_result));

#endif
