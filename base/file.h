// Files: bounded reads, writes that survive a crash, and folders. Blocking; any thread.
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"

void cleanup_close_fd(int *fd);
#define cleanup_fd __attribute__((cleanup(cleanup_close_fd)))

// Whole file. *ret_data is owned, with a NUL after its *ret_size bytes. ERROR_NOT_FOUND,
// ERROR_LIMIT above max_bytes, ERROR_INVALID when it is no regular file.
int file_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
              struct error *err) __attribute__((warn_unused_result));
int file_read_at(int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
                 struct error *err) __attribute__((warn_unused_result));
// The same for what open() just answered: consumes the descriptor; below 0 it reports errno.
int file_read_opened(int opened_fd, const char *name, size_t max_bytes, char **ret_data,
                     size_t *ret_size, struct error *err) __attribute__((warn_unused_result));

// Replaces path at once or not at all: temporary name that starts with a dot in the same folder,
// fsync, rename, fsync of the folder.
int file_write_atomic(const char *path, const void *data, size_t size, mode_t mode,
                      struct error *err) __attribute__((warn_unused_result));
// The same without the two fsyncs, for what can be made again.
int file_write_swap(const char *path, const void *data, size_t size, mode_t mode, struct error *err)
    __attribute__((warn_unused_result));
// Removes what writers of path left that did not come to their end. Only for who keeps other
// writers out.
void file_remove_temporary(const char *path);

int file_write_all(int fd, const void *data, size_t size, const char *name, struct error *err)
    __attribute__((warn_unused_result));

// All missing folders of path, mode 0755 less umask.
int file_make_dirs(const char *path, struct error *err) __attribute__((warn_unused_result));
// Removes path and all below it without following links. Absent is fine.
int file_remove_tree(const char *path, struct error *err) __attribute__((warn_unused_result));
bool file_exists(const char *path);
int file_sync_dir(const char *path, struct error *err) __attribute__((warn_unused_result));
// A fresh private folder below $TMPDIR or /tmp; owned path.
int file_make_temp_dir(const char *prefix, char **ret_path, struct error *err)
    __attribute__((warn_unused_result));
// "a/b" from "a" and "b"; owned.
char *path_join(const char *dir, const char *name);

#endif
