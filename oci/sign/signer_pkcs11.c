#include "oci/sign/signer_pkcs11.h"

// OpenSSL 3 deprecates engines in favour of providers, but Debian 12 has no PKCS#11 provider, only
// the engine. This file alone sees that API.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#include "base/memory.h"
#include "oci/sign/key_internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ui.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef OPENSSL_NO_ENGINE

int signer_pkcs11_answer(const struct signer_request *request, struct signer_answer *ret_answer,
                         struct error *err)
{
    (void)request;
    (void)ret_answer;
    return error_set(err, ERROR_INVALID,
                     "the OpenSSL that sealift was built with has no engines, which PKCS#11 tokens "
                     "are asked through; use a signer program (--signer) that asks the token");
}

#else
#include <openssl/engine.h>

// What went wrong first, in OpenSSL's and the token's words.
static const char *reason(void)
{
    const char *words = ERR_reason_error_string(ERR_peek_error());
    return words != NULL ? words : "no reason given";
}

// Where the engine would ask a person it gets no answer: who runs this may have a terminal, but not
// for this.
static int refuse_prompt(UI *ui, UI_STRING *string)
{
    (void)ui;
    (void)string;
    return 0;
}

static ENGINE *open_engine(const struct signer_request *request, struct error *err)
{
    ENGINE *engine = ENGINE_by_id("pkcs11");
    if (engine == NULL) {
        error_set(err, ERROR_NOT_FOUND,
                  "OpenSSL finds no engine \"pkcs11\"; install it (Debian: "
                  "libengine-pkcs11-openssl)");
        return NULL;
    }
    bool fine =
        (request->module == NULL ||
         ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", request->module, 0) == 1) &&
        (request->pin == NULL || ENGINE_ctrl_cmd_string(engine, "PIN", request->pin, 0) == 1) &&
        ENGINE_init(engine) == 1;
    if (fine)
        return engine;
    error_set(err, ERROR_DENIED, "OpenSSL's engine \"pkcs11\" does not start: %s", reason());
    ENGINE_free(engine);
    return NULL;
}

static void close_engine(ENGINE *engine)
{
    ENGINE_finish(engine);
    ENGINE_free(engine);
}

// A wrong PIN, which tokens count. libp11 gives the token's own codes as reasons (PKCS #11 v2.40,
// CKR_PIN_INCORRECT to CKR_PIN_LOCKED).
static bool pin_failed(void)
{
    int code = ERR_GET_REASON(ERR_peek_error());
    return code >= 0xA0 && code <= 0xA4;
}

static const char *advice(const struct signer_request *request)
{
    if (strstr(reason(), "PKCS#11 module") != NULL)
        return "name the token's library with module-path=… behind the '?' of the URI";
    if (pin_failed())
        return "correct it before the token locks itself";
    if (request->pin == NULL)
        return "no PIN was given, which pin-source or pin-value of the URI and "
               "$SEALIFT_PKCS11_PIN do";
    return "look with `pkcs11-tool --list-objects`; where Ed25519 keys are in the token, too, "
           "OpenSSL's engine finds none";
}

static int load(ENGINE *engine, const struct signer_request *request, bool private,
                EVP_PKEY **ret_pkey, struct error *err)
{
    UI_METHOD *silent = UI_create_method("sealift");
    if (silent == NULL || UI_method_set_reader(silent, refuse_prompt) != 0)
        abort();
    ERR_clear_error();
    *ret_pkey = private ? ENGINE_load_private_key(engine, request->key, silent, NULL)
                        : ENGINE_load_public_key(engine, request->key, silent, NULL);
    UI_destroy_method(silent);
    if (*ret_pkey != NULL)
        return 0;
    return error_set(err, ERROR_DENIED, "the token gives no %s key of that name: %s; %s",
                     private ? "private" : "public", reason(), advice(request));
}

// A private key of a curve without its public object: PKCS #11 keeps the point in that one alone.
static bool lacks_point(const EVP_PKEY *pkey)
{
    const EC_KEY *pair = EVP_PKEY_get0_EC_KEY(pkey);
    return pair != NULL && EC_KEY_get0_public_key(pair) == NULL;
}

static int read_public_key(ENGINE *engine, const struct signer_request *request,
                           struct signer_answer *answer, struct error *err)
{
    EVP_PKEY *pkey = NULL;
    cleanup_verify_key struct verify_key *key = NULL;
    // Some tokens keep the private half alone, which knows the public one.
    if (load(engine, request, false, &pkey, err) < 0 &&
        (request->pin == NULL || pin_failed() || load(engine, request, true, &pkey, err) < 0))
        return -1;
    int result =
        lacks_point(pkey)
            ? error_set(err, ERROR_DENIED,
                        "the token keeps the private half alone, without the point that makes the "
                        "public one; put the public key beside it, with the same label and id "
                        "(pkcs11-tool --write-object … --type pubkey)")
            : key_public_of(pkey, "the token's key", &key, err);
    EVP_PKEY_free(pkey);
    if (result == 0)
        answer->public_key = verify_key_pem(key);
    return result;
}

static bool sign_with(EVP_PKEY *pkey, const struct signer_request *request, int padding,
                      struct signer_answer *answer)
{
    const EVP_MD *hashes[] = {[SIGNER_SHA256] = EVP_sha256(),
                              [SIGNER_SHA384] = EVP_sha384(),
                              [SIGNER_SHA512] = EVP_sha512()};
    size_t size = (size_t)EVP_PKEY_get_size(pkey);
    cleanup_free unsigned char *signature = xmalloc(size);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    ERR_clear_error();
    if (context == NULL)
        abort();
    bool done = EVP_PKEY_sign_init(context) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, hashes[request->hash]) == 1 &&
                (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1) &&
                (padding != RSA_PKCS1_PSS_PADDING ||
                 EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1) &&
                EVP_PKEY_sign(context, signature, &size, request->digest,
                              signer_hash_size(request->hash)) == 1;
    EVP_PKEY_CTX_free(context);
    if (done) {
        answer->signature = STEAL(signature);
        answer->signature_size = size;
    }
    return done;
}

static int sign(ENGINE *engine, const struct signer_request *request, struct signer_answer *answer,
                struct error *err)
{
    EVP_PKEY *pkey = NULL;
    if (load(engine, request, true, &pkey, err) < 0)
        return -1;
    bool rsa = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA;
    // PKCS#1 v1.5 is what cosign verifies, and PSS what Notation does; some keys are made for PSS
    // alone.
    bool done = (!request->pss && sign_with(pkey, request, rsa ? RSA_PKCS1_PADDING : 0, answer)) ||
                (rsa && sign_with(pkey, request, RSA_PKCS1_PSS_PADDING, answer));
    EVP_PKEY_free(pkey);
    if (!done)
        return error_set(err, ERROR_DENIED, "the token did not sign: %s", reason());
    return 0;
}

int signer_pkcs11_answer(const struct signer_request *request, struct signer_answer *ret_answer,
                         struct error *err)
{
    if (request->operation == SIGNER_SIGN && request->algorithm == KEY_ED25519)
        return error_set(err, ERROR_INVALID, "OpenSSL's engine signs with no Ed25519 keys");
    ENGINE *engine = open_engine(request, err);
    if (engine == NULL)
        return -1;
    int result = request->operation == SIGNER_SIGN
                     ? sign(engine, request, ret_answer, err)
                     : read_public_key(engine, request, ret_answer, err);
    close_engine(engine);
    return result;
}

#endif
