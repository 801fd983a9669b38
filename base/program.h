// A helper program run to its end: text in, text out, a time limit, and nothing left behind.
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/strbuf.h"

struct program {
    const char *const *argv; // ended by NULL; argv[0] without a slash is looked up in PATH
    const void *input;       // its standard input; NULL: none
    size_t input_size;       // at most PROGRAM_MAX_INPUT
    struct strbuf *errors;   // initialised: gets the start of its standard error; NULL: ignored
    int64_t timeout_ms;      // 0 = 30 s; then it and what it started is killed
    struct cancel *cancel;   // NULL = cannot be cancelled
};
enum { PROGRAM_MAX_INPUT = 1024 * 1024 };

// *ret_output (initialised, its max is the cap) gets what it printed, whatever its exit code, which
// is *ret_code (128 + the signal that ended it). ERROR_NOT_FOUND where there is no such program,
// TIMEOUT, CANCELED, LIMIT (more output than the cap). Any thread.
int program_run(const struct program *program, struct strbuf *ret_output, int *ret_code,
                struct error *err) __attribute__((warn_unused_result));

#endif
