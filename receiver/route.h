// The path of a Hook: "/hook/" and hex HMAC-SHA256(token, "hook\0" namespace "\0" name). Whoever
// does not know the token cannot find it, and a new token makes a new path.
#ifndef RECEIVER_ROUTE_H
#define RECEIVER_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"

#define HOOK_PATH_PREFIX "/hook/"
#define HOOK_PATH_SIZE (sizeof HOOK_PATH_PREFIX + 2 * SHA256_SIZE)

enum { HOOK_TOKEN_MIN_BYTES = 16 };

// token_size must be at least HOOK_TOKEN_MIN_BYTES.
void hook_path(const void *token, size_t token_size, const char *namespace, const char *name,
               char ret_path[HOOK_PATH_SIZE]);
// In constant time: for senders that do not sign, the path is the secret.
bool hook_path_equal(const char *path, const char *given);
// As much as a log may show: "/hook/01234567…".
#define HOOK_PATH_SHOWN_SIZE (sizeof HOOK_PATH_PREFIX + 8 + 3)
void hook_path_shown(const char *path, char ret_shown[HOOK_PATH_SHOWN_SIZE]);

#endif
