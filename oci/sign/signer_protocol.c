#include "oci/sign/signer_protocol.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/json_strict.h"
#include "oci/sign/signer_words.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

static const char *const operations[] = {[SIGNER_PUBLIC_KEY] = "publicKey", [SIGNER_SIGN] = "sign"};

static const char padding_pss[] = "PSS";

static const struct {
    const char *name;
    size_t size;
} hashes[] = {
    [SIGNER_SHA256] = {"SHA256", 32},
    [SIGNER_SHA384] = {"SHA384", 48},
    [SIGNER_SHA512] = {"SHA512", 64},
};

size_t signer_hash_size(enum signer_hash hash)
{
    return hashes[hash].size;
}

static int find_hash(const char *name, enum signer_hash *ret_hash, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(hashes); i++)
        if (strcmp(hashes[i].name, name) == 0) {
            *ret_hash = (enum signer_hash)i;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "hash is none of SHA256, SHA384 and SHA512");
}

void signer_request_release(struct signer_request *request)
{
    free(request->key);
    free(request->namespace);
    free(request->module);
    secret_free(request->pin);
    free(request->message);
    *request = (struct signer_request){0};
}

static void add_what_to_sign(json_t *value, const struct signer_request *request)
{
    jval_set_string(value, "algorithm", key_algorithm_name(request->algorithm));
    if (request->message != NULL) {
        cleanup_free char *message = base64_encode(request->message, request->message_size);
        jval_set_string(value, "message", message);
        return;
    }
    cleanup_free char *digest = base64_encode(request->digest, signer_hash_size(request->hash));
    jval_set_string(value, "hash", hashes[request->hash].name);
    jval_set_string(value, "digest", digest);
    if (request->pss)
        jval_set_string(value, "padding", padding_pss);
}

int signer_request_build(const struct signer_request *request, char **ret_text, struct error *err)
{
    if (request->message_size > SIGNER_MAX_MESSAGE)
        return error_set(err, ERROR_LIMIT,
                         "%zu bytes are too many for an %s key that another program keeps, which "
                         "must be given all of them (at most %d); use an ECDSA P-256 key",
                         request->message_size, key_algorithm_name(request->algorithm),
                         SIGNER_MAX_MESSAGE);
    cleanup_json json_t *value = json_object();
    jval_set_int(value, "version", VERSION);
    jval_set_string(value, "operation", operations[request->operation]);
    jval_set_string(value, "key", request->key);
    jval_set_string(value, "namespace", request->namespace);
    jval_set_string(value, "module", request->module);
    jval_set_string(value, "pin", request->pin);
    if (request->operation == SIGNER_SIGN)
        add_what_to_sign(value, request);
    *ret_text = jval_compact(value);
    return 0;
}

static int find_algorithm(const char *name, enum key_algorithm *ret_algorithm, struct error *err)
{
    for (int i = KEY_ECDSA_P256; i <= KEY_ED25519; i++)
        if (strcmp(key_algorithm_name((enum key_algorithm)i), name) == 0) {
            *ret_algorithm = (enum key_algorithm)i;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "algorithm is none that is known here");
}

static int parse_padding(const json_t *value, struct signer_request *request, struct error *err)
{
    const char *padding = NULL;
    if (json_object_get(value, "padding") == NULL)
        return 0;
    if (json_strict_string(value, "padding", &padding, err) < 0)
        return -1;
    if (strcmp(padding, padding_pss) != 0 || request->algorithm != KEY_RSA)
        return error_set(err, ERROR_INVALID, "padding is PSS, of an RSA key, or not there");
    request->pss = true;
    return 0;
}

static int parse_what_to_sign(const json_t *value, struct signer_request *request,
                              struct error *err)
{
    const char *algorithm = NULL, *hash = NULL;
    cleanup_free unsigned char *digest = NULL;
    size_t size = 0;
    if (json_strict_string(value, "algorithm", &algorithm, err) < 0 ||
        find_algorithm(algorithm, &request->algorithm, err) < 0)
        return -1;
    if (request->algorithm == KEY_ED25519)
        return json_strict_bytes(value, "message", &request->message, &request->message_size, err);
    if (json_strict_string(value, "hash", &hash, err) < 0 ||
        find_hash(hash, &request->hash, err) < 0 ||
        json_strict_bytes(value, "digest", &digest, &size, err) < 0)
        return -1;
    if (size != signer_hash_size(request->hash))
        return error_set(err, ERROR_INVALID, "digest has %zu bytes, which is no %s", size, hash);
    memcpy(request->digest, digest, size);
    return parse_padding(value, request, err);
}

static int parse_request(const json_t *value, struct signer_request *request, struct error *err)
{
    static const char *const names[] = {"version", "operation", "key",       "namespace",
                                        "module",  "pin",       "algorithm", "hash",
                                        "digest",  "padding",   "message",   NULL};
    const char *operation = NULL, *key = NULL;
    if (json_strict_members(value, "the request", names, err) < 0 ||
        json_strict_string(value, "operation", &operation, err) < 0 ||
        json_strict_string(value, "key", &key, err) < 0)
        return -1;
    if (jval_int(value, "version", 0) != VERSION)
        return error_set(err, ERROR_INVALID, "the request is not of version %d", VERSION);
    request->key = xstrdup(key);
    request->namespace = xstrdup_or_null(jval_string(value, "namespace"));
    request->module = xstrdup_or_null(jval_string(value, "module"));
    request->pin = xstrdup_or_null(jval_string(value, "pin"));
    if (strcmp(operation, operations[SIGNER_PUBLIC_KEY]) == 0) {
        request->operation = SIGNER_PUBLIC_KEY;
        return 0;
    }
    request->operation = SIGNER_SIGN;
    if (strcmp(operation, operations[SIGNER_SIGN]) != 0)
        return error_set(err, ERROR_INVALID, "the operation is neither publicKey nor sign");
    return parse_what_to_sign(value, request, err);
}

// Without jansson's message, which would quote the text.
static int parse_object(const char *text, size_t size, json_t **ret_value, struct error *err)
{
    if (jval_parse_object(text, size, "it", ret_value, NULL) < 0)
        return error_set(err, ERROR_INVALID, "that is no JSON object");
    return 0;
}

int signer_request_parse(const char *text, size_t size, struct signer_request *ret_request,
                         struct error *err)
{
    cleanup_json json_t *value = NULL;
    cleanup_signer_request struct signer_request request = {0};
    if (parse_object(text, size, &value, err) < 0 || parse_request(value, &request, err) < 0)
        return -1;
    *ret_request = request;
    request = (struct signer_request){0};
    return 0;
}

void signer_answer_release(struct signer_answer *answer)
{
    free(answer->public_key);
    free(answer->signature);
    *answer = (struct signer_answer){0};
}

static int refused(const char *sentence, struct error *err)
{
    cleanup_free char *words = signer_words(sentence, strlen(sentence));
    return error_set(err, ERROR_DENIED, "it refuses: %s",
                     *words != '\0' ? words : "without a word");
}

static int parse_public_key(const json_t *value, struct signer_answer *answer, struct error *err)
{
    static const char *const names[] = {"publicKey", "hash", NULL};
    const char *pem = NULL, *hash = NULL;
    if (json_strict_members(value, "the answer", names, err) < 0 ||
        json_strict_string(value, "publicKey", &pem, err) < 0)
        return -1;
    if (json_object_get(value, "hash") != NULL &&
        (json_strict_string(value, "hash", &hash, err) < 0 ||
         find_hash(hash, &answer->hash, err) < 0))
        return -1;
    answer->public_key = xstrdup(pem);
    return 0;
}

static int parse_signature(const json_t *value, struct signer_answer *answer, struct error *err)
{
    static const char *const names[] = {"signature", NULL};
    if (json_strict_members(value, "the answer", names, err) < 0)
        return -1;
    return json_strict_bytes(value, "signature", &answer->signature, &answer->signature_size, err);
}

int signer_answer_parse(const char *text, size_t size, enum signer_operation operation,
                        struct signer_answer *ret_answer, struct error *err)
{
    cleanup_json json_t *value = NULL;
    cleanup_signer_answer struct signer_answer answer = {0};
    if (parse_object(text, size, &value, err) < 0)
        return -1;
    const char *sentence = json_string_value(json_object_get(value, "error"));
    if (sentence != NULL)
        return refused(sentence, err);
    if (operation == SIGNER_PUBLIC_KEY ? parse_public_key(value, &answer, err) < 0
                                       : parse_signature(value, &answer, err) < 0)
        return -1;
    *ret_answer = answer;
    answer = (struct signer_answer){0};
    return 0;
}

char *signer_answer_build(const struct signer_answer *answer)
{
    cleanup_json json_t *value = json_object();
    jval_set_string(value, "publicKey", answer->public_key);
    if (answer->signature != NULL) {
        cleanup_free char *signature = base64_encode(answer->signature, answer->signature_size);
        jval_set_string(value, "signature", signature);
    }
    return jval_compact(value);
}

char *signer_answer_build_error(const char *sentence)
{
    cleanup_json json_t *value = json_object();
    jval_set_string(value, "error", sentence);
    return jval_compact(value);
}
