// The token of a Hook: read from its Secret, judged, and what the Hook's conditions say of it.
#ifndef RECEIVER_TOKEN_H
#define RECEIVER_TOKEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/store.h"

// Owned bytes; NULL while there is none that may be used.
struct hook_token {
    char *bytes;
    size_t size;
};
void hook_token_release(struct hook_token *token); // cleanses; may be called twice

enum token_result {
    TOKEN_USABLE,
    TOKEN_REFUSED, // missing, too short, not ours to read: somebody has to change something
    TOKEN_UNKNOWN, // the store could not say; the token known before stays good
};

struct token_verdict {
    enum token_result result;
    const char *reason; // of the condition; static
    char *message;      // owned
};
void token_verdict_release(struct token_verdict *verdict);

// Blocks (store_secret). *ret_token is set only for TOKEN_USABLE.
void token_read(struct store *store, const json_t *hook, bool on_files,
                struct hook_token *ret_token, struct token_verdict *ret_verdict);

// Puts path and conditions into a status. `token` is the one in use, NULL when there is none.
void token_tell(json_t *status, const json_t *hook, const struct hook_token *token,
                const struct token_verdict *verdict, int64_t now_ms);

#endif
