#include "oci/sign/pem.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <openssl/crypto.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

// A cursor over the text; `left` never runs below zero.
struct span {
    const char *at;
    size_t left;
};

static void skip(struct span *span, size_t count)
{
    span->at += count;
    span->left -= count;
}

static void skip_space(struct span *span)
{
    while (span->left > 0 && memchr(" \t\r\n", *span->at, 4) != NULL)
        skip(span, 1);
}

static bool take(struct span *span, const char *text)
{
    size_t length = strlen(text);
    if (span->left < length || memcmp(span->at, text, length) != 0)
        return false;
    skip(span, length);
    return true;
}

static bool take_label(struct span *span, char ret_label[PEM_LABEL_SIZE])
{
    size_t length = 0;
    while (length < span->left &&
           ((span->at[length] >= 'A' && span->at[length] <= 'Z') ||
            (span->at[length] >= '0' && span->at[length] <= '9') || span->at[length] == ' '))
        length++;
    if (length == 0 || length >= PEM_LABEL_SIZE)
        return false;
    memcpy(ret_label, span->at, length);
    ret_label[length] = '\0';
    skip(span, length);
    return true;
}

void pem_wipe(unsigned char *data, size_t size)
{
    if (data == NULL)
        return;
    OPENSSL_cleanse(data, size);
    free(data);
}

int pem_decode(const char *text, size_t size, const char *what, char ret_label[PEM_LABEL_SIZE],
               unsigned char **ret_data, size_t *ret_size, struct error *err)
{
    if (size > PEM_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "%s has %zu bytes; a PEM key has at most %d", what, size,
                         PEM_MAX_BYTES);
    struct span span = {text, size};
    char label[PEM_LABEL_SIZE];
    char end_label[PEM_LABEL_SIZE];
    skip_space(&span);
    if (!take(&span, begin_mark) || !take_label(&span, label) || !take(&span, dashes))
        return error_set(err, ERROR_INVALID,
                         "%s is no PEM key: it must start with \"-----BEGIN …-----\"", what);
    char *body = xmalloc(size + 1);
    size_t length = 0;
    for (; span.left > 0 && *span.at != '-'; skip(&span, 1))
        if (memchr(" \t\r\n", *span.at, 4) == NULL)
            body[length++] = *span.at;
    int result = -1;
    if (!take(&span, end_mark) || !take_label(&span, end_label) || strcmp(label, end_label) != 0 ||
        !take(&span, dashes))
        error_set(err, ERROR_INVALID, "%s has no line \"-----END %s-----\", or headers before it",
                  what, label);
    else if (skip_space(&span), span.left > 0)
        error_set(err, ERROR_INVALID, "%s has something behind its PEM block; leave one key in it",
                  what);
    else if (base64_decode(body, length, ret_data, ret_size, err) < 0)
        error_wrap(err, "%s", what);
    else
        result = 0;
    pem_wipe((unsigned char *)body, size);
    if (result == 0)
        memcpy(ret_label, label, sizeof label);
    return result;
}

char *pem_encode(const char *label, const void *data, size_t size)
{
    cleanup_secret char *body = base64_encode(data, size);
    size_t length = strlen(body);
    struct strbuf out;
    strbuf_init(&out, length * 2 + 2 * PEM_LABEL_SIZE + 64);
    // One allocation, so that no copy of a private key is left behind by growing.
    strbuf_grow(&out, length + length / 64 + 2 * PEM_LABEL_SIZE + 64);
    strbuf_addf(&out, "%s%s%s\n", begin_mark, label, dashes);
    for (size_t at = 0; at < length; at += 64) {
        size_t line = length - at < 64 ? length - at : 64;
        strbuf_add(&out, body + at, line);
        strbuf_addch(&out, '\n');
    }
    strbuf_addf(&out, "%s%s%s\n", end_mark, label, dashes);
    return strbuf_steal(&out);
}
