// What a command says to a person: one line a step on stderr, with the marks that users of Flux
// know; data goes to stdout.
#ifndef CLI_TELL_H
#define CLI_TELL_H

#include <stddef.h>

#include "base/error.h"

struct cli;

// Progress, only when stderr is a terminal and --quiet is absent.
void tell_step(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3))); // ►
void tell_wait(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3))); // ◎
// Results, always unless --quiet.
void tell_made(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3))); // ✚
void tell_done(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3))); // ✔
void tell_warning(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));  // ⚠
void tell_failure(const struct error *err); // ✗

// The end of a noun behind its number: "s" unless there is one. Static.
const char *tell_s(size_t count);

#endif
