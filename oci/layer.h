// An artifact's layer, tar+gzip of plain files: written in one way, read strictly. The formats are
// libarchive's work; which bytes come out, and what is refused, is decided here.
#ifndef OCI_LAYER_H
#define OCI_LAYER_H

#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"

struct oci_limits;

enum {
    LAYER_MAX_PATH = 1024,
    LAYER_MAX_DEPTH = 32,
};

// A relative path of printable UTF-8 without empty, "." and ".." segments and without backslashes,
// at most LAYER_MAX_PATH bytes and LAYER_MAX_DEPTH segments of 255 bytes. ERROR_INVALID quotes it.
int layer_path_check(const char *path, struct error *err) __attribute__((warn_unused_result));
// The order of a walk: bytes, but '/' before all others, so that what is in a folder follows it.
int layer_path_compare(const char *a, const char *b);

// Writing into memory. `limits` are complete, and borrowed as long as the writer lives.
struct layer_writer;
struct layer_writer *layer_writer_new(const struct oci_limits *limits);
void layer_writer_free(struct layer_writer *writer); // NULL is fine
void cleanup_layer_writer_pointer(struct layer_writer **writer);
#define cleanup_layer_writer __attribute__((cleanup(cleanup_layer_writer_pointer)))
// path must pass layer_path_check; uid, gid and time are zero, the mode is 0644. After a failure
// the writer can only be freed.
int layer_write_file(struct layer_writer *writer, const char *path, const void *data, size_t size,
                     struct error *err) __attribute__((warn_unused_result));
// Mode 0755; path without a slash at its end.
int layer_write_folder(struct layer_writer *writer, const char *path, struct error *err)
    __attribute__((warn_unused_result));

struct layer {
    char *data; // owned
    size_t size;
    size_t unpacked_size;  // of the tar
    struct digest diff_id; // of the tar
};
// Ends the archive; the writer can only be freed afterwards.
int layer_writer_end(struct layer_writer *writer, struct layer *ret_layer, struct error *err)
    __attribute__((warn_unused_result));

// Appends the regular files to `files` (OCI_FILES), also those before an error. ERROR_INVALID names
// the entry, ERROR_LIMIT. What is refused: oci_unpack in oci/artifact.h.
int layer_read(const void *layer, size_t size, const struct oci_limits *limits, struct vec *files,
               struct digest *ret_diff_id, struct error *err) __attribute__((warn_unused_result));

#endif
