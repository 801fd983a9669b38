#include "receiver/sender.h"

#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "receiver/github.h"
#include "receiver/sealift.h"

#include <openssl/rand.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct sender *sender_find(const char *provider)
{
    static const struct sender *const senders[] = {&github_sender, &sealift_sender};
    for (size_t i = 0; provider != NULL && i < ARRAY_LENGTH(senders); i++) {
        if (strcmp(senders[i]->provider, provider) == 0)
            return senders[i];
    }
    return NULL;
}

void sender_answer_release(struct sender_answer *answer)
{
    hook_delivery_release(&answer->delivery);
}

_Bool sender_signature_ok(const struct sender_request *request, const char *header_name)
{
    static const char prefix[] = "sha256=";
    const char *given = request->header(request->header_arg, header_name);
    unsigned char theirs[SHA256_SIZE], ours[SHA256_SIZE];
    if (given == NULL || strncmp(given, prefix, sizeof prefix - 1) != 0 ||
        strlen(given) != sizeof prefix - 1 + 2 * SHA256_SIZE ||
        hex_decode(given + sizeof prefix - 1, theirs, sizeof theirs) < 0)
        return false;
    hmac_sha256(request->token, request->token_size, request->body, request->body_size, ours);
    return mac_equal(theirs, ours, sizeof ours);
}

void sender_refuse(struct sender_answer *answer, int status, const char *format, ...)
{
    answer->verdict = SENDER_REFUSED;
    answer->status = status;
    answer->result = status == 401 ? "unauthorized" : "invalid";
    va_list args;
    va_start(args, format);
    vsnprintf(answer->text, sizeof answer->text, format, args);
    va_end(args);
}

void sender_ignore(struct sender_answer *answer, const char *format, ...)
{
    answer->verdict = SENDER_IGNORED;
    answer->status = 200;
    answer->result = "ignored";
    va_list args;
    va_start(args, format);
    vsnprintf(answer->text, sizeof answer->text, format, args);
    va_end(args);
}

static bool is_plain_id(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > 100)
        return false;
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~' || *text == '"' || *text == '\\')
            return false;
    }
    return true;
}

char *sender_id(const char *given)
{
    if (given != NULL && is_plain_id(given))
        return xstrdup(given);
    unsigned char random[16];
    if (RAND_bytes(random, sizeof random) != 1)
        abort();
    return hex_encode(random, sizeof random);
}
