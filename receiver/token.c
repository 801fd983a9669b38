#include "receiver/token.h"

#include "api/condition.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "receiver/route.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>

void hook_token_release(struct hook_token *token)
{
    if (token->bytes != NULL)
        OPENSSL_cleanse(token->bytes, token->size);
    free(token->bytes);
    *token = (struct hook_token){0};
}

void token_verdict_release(struct token_verdict *verdict)
{
    free(verdict->message);
    *verdict = (struct token_verdict){0};
}

static struct token_verdict refused(const char *reason, char *message)
{
    return (struct token_verdict){.result = TOKEN_REFUSED, .reason = reason, .message = message};
}

// How to make a Secret with a good token.
static char *how_to_make(const char *namespace, const char *secret)
{
    return xasprintf("run: sealift create secret %s -n %s --from-literal token=\"$(openssl rand "
                     "-hex 32)\"",
                     secret, namespace);
}

static struct token_verdict judge_error(const struct error *err, const json_t *hook,
                                        const char *secret, bool on_files)
{
    const char *namespace = object_namespace(hook);
    if (err->code == ERROR_NOT_FOUND) {
        cleanup_free char *make = how_to_make(namespace, secret);
        return refused("SecretMissing",
                       xasprintf("the Secret %s/%s does not exist; %s", namespace, secret, make));
    }
    if (err->code == ERROR_DENIED && !on_files)
        return refused(
            "SecretDenied",
            xasprintf("the receiver may not read the Secret %s/%s: %s; `sealift create hook %s "
                      "--namespace %s` writes the Role that allows it",
                      namespace, secret, error_message(err), object_name(hook), namespace));
    if (error_is_transient(err))
        return (struct token_verdict){.result = TOKEN_UNKNOWN,
                                      .reason = "SecretUnavailable",
                                      .message = xasprintf("cannot read the Secret %s/%s now: %s",
                                                           namespace, secret, error_message(err))};
    return refused("SecretUnreadable", xasprintf("cannot use the Secret %s/%s: %s", namespace,
                                                 secret, error_message(err)));
}

static struct token_verdict judge_token(const char *token, size_t size, const json_t *hook,
                                        const char *secret)
{
    const char *namespace = object_namespace(hook);
    cleanup_free char *make = how_to_make(namespace, secret);
    if (token == NULL)
        return refused("TokenMissing", xasprintf("the Secret %s/%s has no key `token`; %s",
                                                 namespace, secret, make));
    if (size < HOOK_TOKEN_MIN_BYTES)
        return refused("TokenTooShort",
                       xasprintf("the token in the Secret %s/%s has %zu bytes, and at least %d are "
                                 "needed; %s",
                                 namespace, secret, size, HOOK_TOKEN_MIN_BYTES, make));
    // The usual trap of `echo token > file`: the sender then signs with another key.
    if (token[size - 1] == '\n')
        return (struct token_verdict){
            .reason = "Listening",
            .message = xstrdup("deliveries are accepted at status.path; mind that the token ends "
                               "with a line break, which the sender's secret must have too")};
    return (struct token_verdict){.reason = "Listening",
                                  .message = xstrdup("deliveries are accepted at status.path")};
}

void token_read(struct store *store, const json_t *hook, bool on_files,
                struct hook_token *ret_token, struct token_verdict *ret_verdict)
{
    *ret_token = (struct hook_token){0};
    const char *name = object_spec_string(hook, "secretRef.name");
    if (object_problem(hook) == OBJECT_INVALID || name == NULL) {
        *ret_verdict = refused("InvalidSpec", xstrdup(object_problem_message(hook)));
        return;
    }
    cleanup_secret_data struct secret_data *secret = NULL;
    cleanup_error struct error err = {0};
    if (store_hook_secret(store, hook, &secret, &err) < 0) {
        *ret_verdict = judge_error(&err, hook, name, on_files);
        return;
    }
    size_t size = 0;
    const char *token = secret_data_get(secret, "token", &size);
    *ret_verdict = judge_token(token, size, hook, name);
    if (ret_verdict->result == TOKEN_USABLE)
        *ret_token = (struct hook_token){.bytes = xmemdup(token, size), .size = size};
}

void token_tell(json_t *status, const json_t *hook, const struct hook_token *token,
                const struct token_verdict *verdict, int64_t now_ms)
{
    const struct condition_change change = {.generation = object_generation(hook),
                                            .now_ms = now_ms,
                                            .reason = verdict->reason,
                                            .message = verdict->message};
    char path[HOOK_PATH_SIZE];
    switch (verdict->result) {
    case TOKEN_USABLE:
        hook_path(token->bytes, token->size, object_namespace(hook), object_name(hook), path);
        jval_set_string(status, "path", path);
        condition_ready(status, &change);
        break;
    case TOKEN_REFUSED:
        jval_remove(status, "path");
        condition_stalled(status, &change);
        break;
    case TOKEN_UNKNOWN:
        // With a token at hand deliveries go on; the sentence is for those without.
        if (token->bytes == NULL)
            condition_retrying(status, &change);
        break;
    }
}
