// What went wrong, for the caller (a code to branch on) and for a person (a sentence to act on).
//
// A function that can fail returns 0 or -1, takes `struct error *err` last and leaves its ret_
// parameters untouched on failure. `err` may be NULL where the caller only needs to know that it
// failed.
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdint.h>

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID,     // the input is wrong; the same input will fail again
    ERROR_NOT_FOUND,   // the thing named does not exist
    ERROR_CONFLICT,    // somebody else changed it first; read again and retry
    ERROR_DENIED,      // credentials or rights are missing
    ERROR_UNVERIFIED,  // a signature, digest or policy says no
    ERROR_UNAVAILABLE, // the other side is down or refuses for now; retry later
    ERROR_TIMEOUT,     // a deadline passed; retry later
    ERROR_CANCELED,    // the caller asked to stop
    ERROR_LIMIT,       // a documented limit was reached
    ERROR_INTERNAL,    // a bug of ours or of a library
};

// Of a message; longer ones lose their middle.
enum { ERROR_MAX_BYTES = 16384 };

struct error {
    enum error_code code;
    char *message;          // owned, UTF-8; NULL while code is ERROR_NONE
    int64_t retry_after_ms; // what the other side asked for; 0 = nothing
};

// Always -1, so that a failure is one line: return error_set(err, ERROR_DENIED, "scope %s", scope).
// Replaces what err held.
int error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// As error_set, with strerror(errnum) after the message and the code chosen by errnum
// (ENOENT is NOT_FOUND, EACCES and EPERM are DENIED, ENOSPC and EDQUOT are UNAVAILABLE, the rest
// INTERNAL).
int error_errno(struct error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Puts what the callee could not know in front: "pull X" makes "pull X: scope Y". Keeps the code.
// Always -1.
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The sentence, or "unknown error"; borrowed until err changes. Never NULL.
const char *error_message(const struct error *err);

// The code in the words of the log: "invalid", "not_found", … Static.
const char *error_code_name(enum error_code code);

// Whether the same call may succeed later without anybody changing anything.
_Bool error_is_transient(const struct error *err);

// Moves *from into *to (releasing what *to held) and leaves *from empty. Always -1.
int error_move(struct error *to, struct error *from);

// Frees the message and makes err empty; may be called twice.
void error_release(struct error *err);

#define cleanup_error __attribute__((cleanup(error_release)))

#endif
