// Happy path: build a request, run the program with it, parse its answer, check the signature.
#include "oci/sign/signer.h"

#include "base/memory.h"
#include "base/program.h"
#include "base/strbuf.h"
#include "oci/sign/key_internal.h"
#include "oci/sign/pkcs11_uri.h"
#include "oci/sign/signer_protocol.h"
#include "oci/sign/signer_words.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_ERRORS = 4096, MAX_WORDS = 8 };

// A copy of what was given, and what the program said about the key.
struct signer_link {
    char *argv[MAX_WORDS + 1];
    char *key;
    char *namespace;
    char *module;
    char *pin;
    int64_t timeout_ms;
    struct cancel *cancel;
    enum signer_hash hash;
};

static struct signer_link *link_to(const struct signer *signer)
{
    struct signer_link *link = xcalloc(1, sizeof *link);
    for (size_t i = 0; i < MAX_WORDS && signer->argv[i] != NULL; i++)
        link->argv[i] = xstrdup(signer->argv[i]);
    link->key = xstrdup(signer->key);
    link->namespace = xstrdup_or_null(signer->namespace);
    link->module = xstrdup_or_null(signer->module);
    link->pin = xstrdup_or_null(signer->pin);
    link->timeout_ms = signer->timeout_ms;
    link->cancel = signer->cancel;
    return link;
}

void signer_link_free(struct signer_link *link)
{
    if (link == NULL)
        return;
    for (size_t i = 0; link->argv[i] != NULL; i++)
        free(link->argv[i]);
    free(link->key);
    free(link->namespace);
    free(link->module);
    secret_free(link->pin);
    free(link);
}

static void cleanup_link(struct signer_link **link)
{
    signer_link_free(*link);
}

// It says why on its output, as an answer, or on standard error as programs do.
static int read_failure(const struct strbuf *output, const struct strbuf *errors, int code,
                        enum signer_operation operation, struct error *err)
{
    cleanup_error struct error said = {0};
    cleanup_signer_answer struct signer_answer none = {0};
    if (signer_answer_parse(output->data, output->len, operation, &none, &said) < 0 &&
        said.code == ERROR_DENIED)
        return error_move(err, &said);
    cleanup_free char *words = signer_words(errors->data, errors->len);
    return error_set(err, ERROR_DENIED, "it failed with exit code %d: %s", code,
                     *words != '\0' ? words : "it says nothing; run it by hand to see why");
}

static int exchange(const struct signer_link *link, const struct signer_request *request,
                    struct signer_answer *ret_answer, struct error *err)
{
    cleanup_secret char *text = NULL;
    cleanup_strbuf struct strbuf output, errors;
    strbuf_init(&output, SIGNER_MAX_ANSWER);
    strbuf_init(&errors, MAX_ERRORS);
    if (signer_request_build(request, &text, err) < 0)
        return -1;
    const struct program program = {.argv = (const char *const *)link->argv,
                                    .input = text,
                                    .input_size = strlen(text),
                                    .errors = &errors,
                                    .timeout_ms = link->timeout_ms,
                                    .cancel = link->cancel};
    int code = 0;
    if (program_run(&program, &output, &code, err) < 0)
        return -1;
    if (code != 0)
        return read_failure(&output, &errors, code, request->operation, err);
    return signer_answer_parse(output.data, output.len, request->operation, ret_answer, err);
}

static int ask(const struct signer_link *link, struct signer_request *request,
               struct signer_answer *ret_answer, struct error *err)
{
    request->key = link->key;
    request->namespace = link->namespace;
    request->module = link->module;
    request->pin = link->pin;
    if (exchange(link, request, ret_answer, err) == 0)
        return 0;
    // What asks tokens is a part of us, and nothing to look for.
    if (pkcs11_uri_is(link->key))
        return error_wrap(err, "key %s", link->key);
    return error_wrap(err, "signer %s, key %s", link->argv[0], link->key);
}

static enum signer_hash widest_hash(enum key_algorithm algorithm)
{
    if (algorithm == KEY_ECDSA_P384)
        return SIGNER_SHA384;
    return algorithm == KEY_ECDSA_P521 ? SIGNER_SHA512 : SIGNER_SHA256;
}

static int read_public_key(struct signer_link *link, struct verify_key **ret_key, struct error *err)
{
    struct signer_request request = {.operation = SIGNER_PUBLIC_KEY};
    cleanup_signer_answer struct signer_answer answer = {0};
    cleanup_verify_key struct verify_key *key = NULL;
    cleanup_free char *what = xasprintf("the public key of %s", link->key);
    if (ask(link, &request, &answer, err) < 0 ||
        verify_key_load(answer.public_key, strlen(answer.public_key), what, &key, err) < 0)
        return -1;
    if (answer.hash != SIGNER_SHA256 && answer.hash != widest_hash(verify_key_algorithm(key)))
        return error_set(err, ERROR_INVALID,
                         "signer %s wants another hash for its %s key %s than anybody verifies; "
                         "it must be SHA256, or for P-384 SHA384, for P-521 SHA512",
                         link->argv[0], key_algorithm_name(verify_key_algorithm(key)), link->key);
    link->hash = answer.hash;
    *ret_key = STEAL(key);
    return 0;
}

int signer_public_key(const struct signer *signer, struct verify_key **ret_key, struct error *err)
{
    __attribute__((cleanup(cleanup_link))) struct signer_link *link = link_to(signer);
    return read_public_key(link, ret_key, err);
}

int sign_key_open(const struct signer *signer, struct sign_key **ret_key, struct error *err)
{
    cleanup_sign_key struct sign_key *key = xcalloc(1, sizeof *key);
    key->link = link_to(signer);
    if (read_public_key(key->link, &key->public_half, err) < 0)
        return -1;
    *ret_key = STEAL(key);
    return 0;
}

static void hash_data(enum signer_hash hash, const void *data, size_t size,
                      unsigned char ret_digest[SIGNER_MAX_HASH])
{
    const EVP_MD *kinds[] = {[SIGNER_SHA256] = EVP_sha256(),
                             [SIGNER_SHA384] = EVP_sha384(),
                             [SIGNER_SHA512] = EVP_sha512()};
    if (EVP_Digest(data, size, ret_digest, NULL, kinds[hash], NULL) != 1)
        abort();
}

// The hash of a manner: those of Notation are the same three.
static enum signer_hash hash_of(const struct signer_link *link, const struct sign_manner *manner)
{
    if (manner->hash == NULL)
        return link->hash;
    if (EVP_MD_get_size(manner->hash) == (int)signer_hash_size(SIGNER_SHA384))
        return SIGNER_SHA384;
    return EVP_MD_get_size(manner->hash) == (int)signer_hash_size(SIGNER_SHA512) ? SIGNER_SHA512
                                                                                 : SIGNER_SHA256;
}

static bool is_good(const struct verify_key *key, const struct sign_manner *manner,
                    const void *data, size_t size, const struct signer_answer *answer)
{
    if (manner->hash != NULL)
        return key_check_manner(key, manner, data, size, answer->signature, answer->signature_size);
    return verify_key_check(key, data, size, answer->signature, answer->signature_size, NULL) == 0;
}

int signer_link_sign(const struct signer_link *link, const struct verify_key *public_half,
                     const struct sign_manner *manner, const void *data, size_t size,
                     unsigned char **ret_signature, size_t *ret_size, struct error *err)
{
    struct signer_request request = {.operation = SIGNER_SIGN,
                                     .algorithm = verify_key_algorithm(public_half),
                                     .hash = hash_of(link, manner),
                                     .pss = manner->pss};
    cleanup_signer_answer struct signer_answer answer = {0};
    cleanup_free unsigned char *message = NULL;
    if (request.algorithm == KEY_ED25519) {
        request.message = message = xmemdup(data, size);
        request.message_size = size;
    } else {
        hash_data(request.hash, data, size, request.digest);
    }
    if (ask(link, &request, &answer, err) < 0)
        return -1;
    if (!is_good(public_half, manner, data, size, &answer))
        return error_set(err, ERROR_INVALID,
                         "signer %s answered with a signature that key %s (%s, %s) did not make; "
                         "it must sign the digest as it is, and write ECDSA signatures in DER%s",
                         link->argv[0], link->key, key_algorithm_name(request.algorithm),
                         verify_key_fingerprint(public_half)->text,
                         manner->pss ? ", and as \"padding\" says by PSS, with a salt as long as "
                                       "the hash"
                                     : "");
    *ret_signature = STEAL(answer.signature);
    *ret_size = answer.signature_size;
    return 0;
}
