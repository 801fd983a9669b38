// libgit2, as this program uses it: for packs and objects only. It opens no socket, reads no
// configuration of a person or the system, and gets no single block of memory above a limit, so
// that a pack's claim about a size cannot take the process down.
#ifndef RENDER_GIT_GITLIB_H
#define RENDER_GIT_GITLIB_H

#include "base/error.h"

// Once at start, before threads; ERROR_INTERNAL. Further calls only count.
int gitlib_setup(struct error *err) __attribute__((warn_unused_result));
void gitlib_teardown(void);

// What libgit2 says on this thread about its failure `result`, after our own words. Always -1.
// NOT_FOUND, LIMIT (out of our memory limit), UNAVAILABLE (disk full), else `otherwise`.
int gitlib_error(struct error *err, int result, enum error_code otherwise, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
