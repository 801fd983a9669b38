// The log: one JSON object a line on stderr, fixed keys first (level, ts, msg, then the caller's
// pairs).
//
//     log_info("applied", "kind", "Sync", "namespace", ns, "name", name, "digest", digest);
//
// The owner of a flow logs once; base, oci and render stay silent above debug. Never a secret. Any
// thread.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

// Process-wide; called once at start, before threads. Default: info, to stderr, JSON.
void log_configure(enum log_level level, int fd, const struct clock *clock);
// "debug" | "info" | "warn" | "error". ERROR_INVALID.
int log_level_parse(const char *text, enum log_level *ret_level, struct error *err)
    __attribute__((warn_unused_result));
_Bool log_enabled(enum log_level level);

// Pairs of (key, value) strings, ended by NULL; a NULL value skips the pair.
void log_write(enum log_level level, const char *message, ...) __attribute__((sentinel));

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__, NULL)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__, NULL)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__, NULL)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__, NULL)

#endif
