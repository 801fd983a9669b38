#include "base/error.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void error_take(struct error *err, enum error_code code, char *message)
{
    if (err == NULL) {
        free(message);
        return;
    }
    error_release(err);
    err->code = code;
    err->message = message;
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
    err->message = message;
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
