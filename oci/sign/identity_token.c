#include "oci/sign/identity_token.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"

#include <openssl/crypto.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SUBJECT = 2048, PIECE = 16 };

void identity_token_release(struct identity_token *token)
{
    secret_free(STEAL(token->text));
    free(STEAL(token->subject));
}

static bool is_url_base64(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    return size > 0;
}

// The three parts of a signed token; -1 when there are not three.
static int find_payload(const char *text, const char **ret_payload, size_t *ret_size)
{
    const char *payload = strchr(text, '.');
    const char *signature = payload != NULL ? strchr(payload + 1, '.') : NULL;
    if (signature == NULL || !is_url_base64(text, (size_t)(payload - text)) ||
        !is_url_base64(payload + 1, (size_t)(signature - payload - 1)) ||
        !is_url_base64(signature + 1, strlen(signature + 1)))
        return -1;
    *ret_payload = payload + 1;
    *ret_size = (size_t)(signature - payload - 1);
    return 0;
}

// Base64 of the other alphabet, without padding. NULL where it is none.
static json_t *decode_payload(const char *payload, size_t size)
{
    char text[IDENTITY_TOKEN_MAX_BYTES + 4];
    cleanup_free unsigned char *data = NULL;
    size_t data_size = 0;
    json_t *value = NULL;
    for (size_t i = 0; i < size; i++)
        text[i] = payload[i] == '-' ? '+' : payload[i] == '_' ? '/' : payload[i];
    while (size % 4 != 0)
        text[size++] = '=';
    if (base64_decode(text, size, &data, &data_size, NULL) < 0 ||
        jval_parse_object((const char *)data, data_size, "it", &value, NULL) < 0)
        return NULL;
    return value;
}

// As a truth, or, as some issuers write it, as a text.
static bool is_true(const json_t *value)
{
    return json_is_true(value) ||
           (json_is_string(value) && strcmp(json_string_value(value), "true") == 0);
}

static int find_subject(const json_t *claims, char **ret_subject, struct error *err)
{
    const char *email = jval_string(claims, "email");
    const char *subject = jval_string(claims, "sub");
    if (email != NULL && *email != '\0') {
        if (!is_true(json_object_get(claims, "email_verified")))
            return error_set(err, ERROR_INVALID,
                             "the identity token's e-mail address was not checked by its issuer "
                             "(email_verified is not true); get one of an account whose is");
        subject = email;
    }
    if (subject == NULL || *subject == '\0' || strlen(subject) > MAX_SUBJECT)
        return error_set(err, ERROR_INVALID,
                         "the identity token names nobody (no \"sub\" of at most %d bytes); get "
                         "one from an OpenID issuer",
                         MAX_SUBJECT);
    *ret_subject = xstrdup(subject);
    return 0;
}

int identity_token_parse(const char *text, size_t size, struct identity_token *ret_token,
                         struct error *err)
{
    cleanup_identity_token struct identity_token token = {0};
    cleanup_json json_t *claims = NULL;
    const char *payload = NULL;
    size_t payload_size = 0;
    while (size > 0 && isspace((unsigned char)*text))
        text++, size--;
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    if (size > IDENTITY_TOKEN_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "the identity token has %zu bytes; at most %d are read",
                         size, IDENTITY_TOKEN_MAX_BYTES);
    token.text = xstrndup(text, size);
    if (strlen(token.text) == size && find_payload(token.text, &payload, &payload_size) == 0)
        claims = decode_payload(payload, payload_size);
    if (claims == NULL)
        return error_set(err, ERROR_INVALID,
                         "the identity token is no signed JSON Web Token (three parts with dots "
                         "between them); get one from your OpenID issuer, for the audience "
                         "\"sigstore\"");
    if (find_subject(claims, &token.subject, err) < 0)
        return -1;
    *ret_token = token;
    token = (struct identity_token){0};
    return 0;
}

bool identity_token_shows(const struct identity_token *token, const char *text, size_t size)
{
    size_t length = strlen(token->text);
    // Whatever holds twice as many bytes of it in a row holds one of these pieces whole.
    for (size_t at = 0; at + PIECE <= length; at += PIECE)
        if (memmem(text, size, token->text + at, PIECE) != NULL)
            return true;
    return false;
}
