#include "oci/sign/timestamp.h"

#include "base/clock.h"
#include "base/memory.h"
#include "oci/sign/trusted_root.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECURITY_LEVEL = 2, GRANTED = 0, GRANTED_WITH_MODS = 1, MS_PER_SECOND = 1000 };

static void release_response(TS_RESP **response)
{
    TS_RESP_free(*response);
}

// Hashes that nobody finds collisions for; NULL for others.
static const EVP_MD *imprint_hash(TS_MSG_IMPRINT *imprint)
{
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    switch (OBJ_obj2nid(object)) {
    case NID_sha256:
        return EVP_sha256();
    case NID_sha384:
        return EVP_sha384();
    case NID_sha512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

static int check_imprint(TS_TST_INFO *info, const void *data, size_t size, struct error *err)
{
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
    const EVP_MD *hash = imprint_hash(imprint);
    const ASN1_OCTET_STRING *stamped = TS_MSG_IMPRINT_get_msg(imprint);
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned expected_size = 0;
    if (hash == NULL)
        return error_set(err, ERROR_INVALID,
                         "the timestamp's hash is none of SHA-256, SHA-384 and SHA-512");
    if (EVP_Digest(data, size, expected, &expected_size, hash, NULL) != 1)
        abort();
    if (ASN1_STRING_length(stamped) != (int)expected_size ||
        memcmp(ASN1_STRING_get0_data(stamped), expected, expected_size) != 0)
        return error_set(err, ERROR_UNVERIFIED, "the timestamp is about another signature");
    return 0;
}

static int told_time(TS_TST_INFO *info, int64_t *ret_wall_ms, struct error *err)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(TS_TST_INFO_get_time(info), &tm) != 1 || timegm(&tm) <= 0)
        return error_set(err, ERROR_INVALID, "the timestamp tells no time");
    *ret_wall_ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

// The chain's certificates but for the anchor, and the leaf even if it is the only one; with
// references of their own, because the verifying context frees them.
static STACK_OF(X509) * chain_below_anchor(const struct trusted_authority *tsa)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    if (certificates == NULL)
        abort();
    for (size_t i = 0; i == 0 || i + 1 < tsa->chain.len; i++) {
        X509 *certificate = trusted_authority_certificate(tsa, i);
        X509_up_ref(certificate);
        sk_X509_push(certificates, certificate);
    }
    return certificates;
}

static X509_STORE *anchor_at(const struct trusted_authority *tsa, int64_t wall_ms)
{
    X509_STORE *store = X509_STORE_new();
    X509_VERIFY_PARAM *param = X509_VERIFY_PARAM_new();
    if (store == NULL || param == NULL)
        abort();
    X509_STORE_add_cert(store, trusted_authority_certificate(tsa, tsa->chain.len - 1));
    X509_VERIFY_PARAM_set_time(param, (time_t)(wall_ms / 1000));
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_STORE_set1_param(store, param);
    X509_VERIFY_PARAM_free(param);
    return store;
}

// Where the root names the TSA's own certificate, another one under the same authority will not do.
static bool signer_is_named(TS_RESP *response, const struct trusted_authority *tsa,
                            STACK_OF(X509) * certificates)
{
    X509 *leaf = trusted_authority_certificate(tsa, 0);
    if (X509_check_ca(leaf) != 0)
        return true;
    // Certificates that came along are to hold it as well, untouched.
    PKCS7 *token = TS_RESP_get_token(response);
    bool alone = sk_X509_num(token->d.sign->cert) <= 0;
    STACK_OF(X509) *signers = PKCS7_get0_signers(token, alone ? certificates : NULL, 0);
    bool named = signers != NULL && sk_X509_num(signers) == 1 &&
                 X509_cmp(sk_X509_value(signers, 0), leaf) == 0;
    sk_X509_free(signers);
    return named;
}

static bool made_by(TS_RESP *response, const struct trusted_authority *tsa, int64_t wall_ms)
{
    TS_VERIFY_CTX *context = TS_VERIFY_CTX_new();
    STACK_OF(X509) *certificates = chain_below_anchor(tsa);
    if (context == NULL)
        abort();
    bool named = signer_is_named(response, tsa, certificates);
    // Purpose "timestamping" (critical, and that alone) is part of checking the signature.
    TS_VERIFY_CTX_set_flags(context, TS_VFY_VERSION | TS_VFY_SIGNATURE);
    TS_VERIFY_CTX_set_store(context, anchor_at(tsa, wall_ms));
    TS_VERIFY_CTX_set_certs(context, certificates);
    bool made = named && TS_RESP_verify_response(context, response) == 1;
    TS_VERIFY_CTX_free(context);
    ERR_clear_error();
    return made;
}

static TS_RESP *parse_response(const void *data, size_t size, struct error *err)
{
    const unsigned char *at = data;
    TS_RESP *response = size <= TIMESTAMP_MAX_BYTES ? d2i_TS_RESP(NULL, &at, (long)size) : NULL;
    ERR_clear_error();
    bool whole = response != NULL && at == (const unsigned char *)data + size;
    const TS_STATUS_INFO *status = whole ? TS_RESP_get_status_info(response) : NULL;
    int64_t code = -1;
    bool granted = status != NULL &&
                   ASN1_INTEGER_get_int64(&code, TS_STATUS_INFO_get0_status(status)) == 1 &&
                   (code == GRANTED || code == GRANTED_WITH_MODS) &&
                   TS_RESP_get_token(response) != NULL && TS_RESP_get_tst_info(response) != NULL;
    if (granted)
        return response;
    TS_RESP_free(response);
    error_set(err, ERROR_INVALID, "the timestamp is no granted RFC 3161 response");
    return NULL;
}

int timestamp_verify(const void *response, size_t response_size, const void *data, size_t size,
                     const struct vec *tsas, int64_t *ret_wall_ms, struct error *err)
{
    __attribute__((cleanup(release_response))) TS_RESP *parsed =
        parse_response(response, response_size, err);
    int64_t wall_ms = 0;
    if (parsed == NULL || check_imprint(TS_RESP_get_tst_info(parsed), data, size, err) < 0 ||
        told_time(TS_RESP_get_tst_info(parsed), &wall_ms, err) < 0)
        return -1;
    bool outside = false;
    vec_foreach (const struct trusted_authority, tsa, tsas) {
        // As of signers' certificates, notAfter is the last second.
        if (!made_by(parsed, tsa, wall_ms) && !made_by(parsed, tsa, wall_ms - MS_PER_SECOND))
            continue;
        if (validity_covers(&tsa->valid, wall_ms)) {
            *ret_wall_ms = wall_ms;
            return 0;
        }
        outside = true;
    }
    if (outside)
        return error_set(err, ERROR_UNVERIFIED,
                         "the timestamp is from a time when its authority was not trusted");
    *ret_wall_ms = 0;
    return 0;
}
