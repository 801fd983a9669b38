// Tar archives of plain files, written in one way and read strictly. Both work on a stream: whoever
// compresses or hashes sits beside it.
// Format: POSIX.1-2017 "pax", ustar Interchange Format; GNU's 'L' records are read.
#ifndef OCI_TAR_H
#define OCI_TAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/vec.h"

enum {
    TAR_BLOCK = 512,
    TAR_MAX_PATH = 1024,
    TAR_MAX_DEPTH = 32,
};

// A relative path of printable UTF-8 without empty, "." and ".." segments and without backslashes,
// at most TAR_MAX_PATH bytes and TAR_MAX_DEPTH segments of 255 bytes. ERROR_INVALID quotes it.
int tar_path_check(const char *path, struct error *err) __attribute__((warn_unused_result));
// The order of a walk: bytes, but '/' before all others, so that what is in a folder follows it.
int tar_path_compare(const char *a, const char *b);

// Writing. `sink` gets the bytes in order; -1 stops and is handed on.
struct tar_writer {
    int (*sink)(void *arg, const void *data, size_t size, struct error *err);
    void *arg;
};
// path must pass tar_path_check; uid, gid and time are zero, the mode is 0644.
int tar_write_file(const struct tar_writer *writer, const char *path, const void *data, size_t size,
                   struct error *err) __attribute__((warn_unused_result));
// Mode 0755; path without a slash at its end.
int tar_write_folder(const struct tar_writer *writer, const char *path, struct error *err)
    __attribute__((warn_unused_result));
int tar_write_end(const struct tar_writer *writer, struct error *err)
    __attribute__((warn_unused_result));

// Reading into memory.
struct tar_limits {
    size_t max_file;
    size_t max_entries;
};
struct tar_reader;
// Regular files are appended to `files` (OCI_FILES, borrowed until tar_reader_free).
struct tar_reader *tar_reader_new(const struct tar_limits *limits, struct vec *files);
void tar_reader_free(struct tar_reader *reader); // NULL is fine
void cleanup_tar_reader_pointer(struct tar_reader **reader);
#define cleanup_tar_reader __attribute__((cleanup(cleanup_tar_reader_pointer)))
// Any number of bytes at a time. ERROR_INVALID names the entry, ERROR_LIMIT.
int tar_reader_feed(struct tar_reader *reader, const void *data, size_t size, struct error *err)
    __attribute__((warn_unused_result));
// After the last byte: the archive must be complete and no two entries may contradict each other.
int tar_reader_end(struct tar_reader *reader, struct error *err)
    __attribute__((warn_unused_result));

#endif
