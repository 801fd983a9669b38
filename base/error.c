#include "base/error.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Bytes of the UTF-8 character at `at` (RFC 3629); 0 when there is none.
static size_t character_size(const unsigned char *at)
{
    if (at[0] < 0x80)
        return 1;
    size_t size = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    unsigned char low = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;
    if (at[0] < 0xC2 || at[0] > 0xF4 || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if (at[i] < 0x80 || at[i] > 0xBF)
            return 0;
    }
    return size;
}

// Sentences quote names and servers, and become JSON: what is no UTF-8 in them is shown as '?'.
static char *readable(char *message)
{
    for (unsigned char *at = (unsigned char *)message; *at != '\0';) {
        size_t size = character_size(at);
        if (size == 0)
            *at = '?';
        at += size > 0 ? size : 1;
    }
    return message;
}

// A sentence may quote a name of many kilobytes: it keeps its start, and its end, which says what
// to do.
static void shorten(char *message)
{
    static const char gap[] = " … ";
    size_t length = strlen(message);
    if (length <= ERROR_MAX_BYTES)
        return;
    size_t head = ERROR_MAX_BYTES / 2;
    size_t tail = ERROR_MAX_BYTES - head - (sizeof gap - 1);
    memcpy(message + head, gap, sizeof gap - 1);
    memmove(message + head + sizeof gap - 1, message + length - tail, tail + 1);
}

static void error_take(struct error *err, enum error_code code, char *message)
{
    if (err == NULL) {
        free(message);
        return;
    }
    error_release(err);
    err->code = code;
    shorten(message);
    err->message = readable(message);
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
    assert(code != ERROR_NONE);
    va_list args;
    va_start(args, format);
    char *message = xvasprintf(format, args);
    va_end(args);
    error_take(err, code, message);
    return -1;
}

static enum error_code error_code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERROR_DENIED;
    case EEXIST:
        return ERROR_CONFLICT;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ECONNREFUSED:
        return ERROR_UNAVAILABLE;
    case ETIMEDOUT:
        return ERROR_TIMEOUT;
    case ENAMETOOLONG:
    case ELOOP:
        return ERROR_INVALID;
    default:
        return ERROR_INTERNAL;
    }
}

int error_errno(struct error *err, int errnum, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cleanup_free char *what = xvasprintf(format, args);
    va_end(args);
    char reason[128];
    error_take(err, error_code_of_errno(errnum),
               xasprintf("%s: %s", what, strerror_r(errnum, reason, sizeof reason)));
    return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    assert(err->code != ERROR_NONE);
    va_list args;
    va_start(args, format);
    cleanup_free char *context = xvasprintf(format, args);
    va_end(args);
    char *message = xasprintf("%s: %s", context, error_message(err));
    free(err->message);
    shorten(message);
    err->message = readable(message);
    return -1;
}

const char *error_message(const struct error *err)
{
    return err != NULL && err->message != NULL ? err->message : "unknown error";
}

const char *error_code_name(enum error_code code)
{
    switch (code) {
    case ERROR_NONE:
        return "none";
    case ERROR_INVALID:
        return "invalid";
    case ERROR_NOT_FOUND:
        return "not_found";
    case ERROR_CONFLICT:
        return "conflict";
    case ERROR_DENIED:
        return "denied";
    case ERROR_UNVERIFIED:
        return "unverified";
    case ERROR_UNAVAILABLE:
        return "unavailable";
    case ERROR_TIMEOUT:
        return "timeout";
    case ERROR_CANCELED:
        return "canceled";
    case ERROR_LIMIT:
        return "limit";
    case ERROR_INTERNAL:
        return "internal";
    }
    return "internal";
}

_Bool error_is_transient(const struct error *err)
{
    return err->code == ERROR_CONFLICT || err->code == ERROR_UNAVAILABLE ||
           err->code == ERROR_TIMEOUT;
}

int error_move(struct error *to, struct error *from)
{
    if (to == NULL) {
        error_release(from);
        return -1;
    }
    error_release(to);
    *to = *from;
    *from = (struct error){0};
    return -1;
}

void error_release(struct error *err)
{
    free(err->message);
    *err = (struct error){0};
}
