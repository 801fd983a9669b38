// RFC 3161 tokens as Notation embeds them: the CMS message alone, with the authority's
// certificates in it, over the signature.
#include "oci/sign/notation_time.h"

#include "base/memory.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"

#include <openssl/err.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKEN = 64 << 10, SECURITY_LEVEL = 2, BASELINE_ACCURACY_MS = 1000 };

// ETSI EN 319 421: a token of this policy that names no accuracy is good to a second.
static const char baseline_policy[] = "0.4.0.2023.1.1";

struct token {
    PKCS7 *message;
    TS_TST_INFO *info;
};

static void release_token(struct token *token)
{
    PKCS7_free(token->message);
    TS_TST_INFO_free(token->info);
}

static bool is_strong(int nid)
{
    return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static int parse_token(const struct bytes *bytes, struct token *ret_token, struct error *err)
{
    const unsigned char *at = bytes->data;
    PKCS7 *message = bytes->size <= MAX_TOKEN ? d2i_PKCS7(NULL, &at, (long)bytes->size) : NULL;
    bool whole = message != NULL && at == bytes->data + bytes->size;
    bool sealed = whole && PKCS7_type_is_signed(message) && message->d.sign != NULL;
    TS_TST_INFO *info = sealed ? PKCS7_to_TS_TST_INFO(message) : NULL;
    ERR_clear_error();
    *ret_token = (struct token){message, info};
    if (info == NULL || TS_TST_INFO_get_version(info) != 1)
        return error_set(err, ERROR_INVALID, "the timestamp is no RFC 3161 token");
    return 0;
}

static int check_imprint(TS_TST_INFO *info, const struct bytes *signature, struct error *err)
{
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
    const ASN1_OCTET_STRING *stamped = TS_MSG_IMPRINT_get_msg(imprint);
    const ASN1_OBJECT *object = NULL;
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned expected_size = 0;
    X509_ALGOR_get0(&object, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    int nid = OBJ_obj2nid(object);
    if (!is_strong(nid))
        return error_set(err, ERROR_INVALID,
                         "the timestamp's hash is none of SHA-256, SHA-384 and SHA-512");
    if (EVP_Digest(signature->data, signature->size, expected, &expected_size,
                   EVP_get_digestbynid(nid), NULL) != 1)
        abort();
    if (ASN1_STRING_length(stamped) != (int)expected_size ||
        memcmp(ASN1_STRING_get0_data(stamped), expected, expected_size) != 0)
        return error_set(err, ERROR_UNVERIFIED, "the timestamp is about another signature");
    return 0;
}

// 0 when absent; -1 when it is no time.
static int64_t small_number(const ASN1_INTEGER *number)
{
    int64_t value = 0;
    if (number == NULL)
        return 0;
    return ASN1_INTEGER_get_int64(&value, number) == 1 && value >= 0 && value <= 1 << 30 ? value
                                                                                         : -1;
}

// How far the time may be off, rounded up; -1 when it cannot be read.
static int64_t accuracy_ms(TS_TST_INFO *info)
{
    TS_ACCURACY *accuracy = TS_TST_INFO_get_accuracy(info);
    char policy[64] = "";
    OBJ_obj2txt(policy, sizeof policy, TS_TST_INFO_get_policy_id(info), 1);
    if (accuracy == NULL)
        return strcmp(policy, baseline_policy) == 0 ? BASELINE_ACCURACY_MS : 0;
    int64_t seconds = small_number(TS_ACCURACY_get_seconds(accuracy));
    int64_t millis = small_number(TS_ACCURACY_get_millis(accuracy));
    int64_t micros = small_number(TS_ACCURACY_get_micros(accuracy));
    if (seconds < 0 || millis < 0 || micros < 0)
        return -1;
    return seconds * 1000 + millis + (micros + 999) / 1000;
}

static int told_time(TS_TST_INFO *info, int64_t *ret_ms, int64_t *ret_accuracy_ms,
                     struct error *err)
{
    int64_t off_ms = accuracy_ms(info);
    if (notation_time_ms(TS_TST_INFO_get_time(info), ret_ms) < 0 || *ret_ms <= 0 || off_ms < 0)
        return error_set(err, ERROR_INVALID, "the timestamp tells no time");
    *ret_accuracy_ms = off_ms;
    return 0;
}

static X509_STORE *anchors_at(const struct vec *roots, int64_t wall_ms)
{
    X509_STORE *store = X509_STORE_new();
    X509_VERIFY_PARAM *param = X509_VERIFY_PARAM_new();
    if (store == NULL || param == NULL)
        abort();
    for (size_t i = 0; i < roots->len; i++)
        X509_STORE_add_cert(store, notation_certificate(roots, i));
    X509_VERIFY_PARAM_set_time(param, (time_t)(wall_ms / 1000));
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, NOTATION_MAX_CHAIN);
    X509_STORE_set1_param(store, param);
    X509_VERIFY_PARAM_free(param);
    return store;
}

// One signer, whose own hash is a strong one, and who names its certificate by more than SHA-1
// (RFC 5816).
static bool is_sealed_well(PKCS7 *message)
{
    STACK_OF(PKCS7_SIGNER_INFO) *signers = PKCS7_get_signer_info(message);
    if (signers == NULL || sk_PKCS7_SIGNER_INFO_num(signers) != 1)
        return false;
    PKCS7_SIGNER_INFO *signer = sk_PKCS7_SIGNER_INFO_value(signers, 0);
    X509_ALGOR *hash = NULL;
    PKCS7_SIGNER_INFO_get0_algs(signer, NULL, &hash, NULL);
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, hash);
    return is_strong(OBJ_obj2nid(object)) &&
           PKCS7_get_signed_attribute(signer, NID_id_smime_aa_signingCertificateV2) != NULL;
}

static bool is_made_by(PKCS7 *message, const struct vec *roots, int64_t wall_ms)
{
    TS_VERIFY_CTX *context = TS_VERIFY_CTX_new();
    if (context == NULL)
        abort();
    // Purpose "timestamping" is part of checking the signature.
    TS_VERIFY_CTX_set_flags(context, TS_VFY_VERSION | TS_VFY_SIGNATURE);
    TS_VERIFY_CTX_set_store(context, anchors_at(roots, wall_ms));
    bool made = TS_RESP_verify_token(context, message) == 1;
    TS_VERIFY_CTX_free(context);
    ERR_clear_error();
    return made;
}

// The path from the token's signer to a root, as OpenSSL finds it at that time.
static void add_chain(PKCS7 *message, const struct vec *roots, int64_t wall_ms, struct vec *chain)
{
    X509_STORE *anchors = anchors_at(roots, wall_ms);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *signers = PKCS7_get0_signers(message, NULL, 0);
    if (context == NULL)
        abort();
    if (signers != NULL &&
        X509_STORE_CTX_init(context, anchors, sk_X509_value(signers, 0), message->d.sign->cert) ==
            1 &&
        X509_verify_cert(context) == 1) {
        STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
        for (int i = 0; i < sk_X509_num(path); i++) {
            X509_up_ref(sk_X509_value(path, i));
            *(X509 **)vec_push(chain) = sk_X509_value(path, i);
        }
    }
    sk_X509_free(signers);
    X509_STORE_CTX_free(context);
    X509_STORE_free(anchors);
    ERR_clear_error();
}

static int verify_token(const struct token *token, const struct bytes *signature,
                        const struct vec *roots, int64_t *ret_ms, int64_t *ret_accuracy_ms,
                        struct vec *ret_chain, struct error *err)
{
    if (check_imprint(token->info, signature, err) < 0 ||
        told_time(token->info, ret_ms, ret_accuracy_ms, err) < 0)
        return -1;
    if (is_sealed_well(token->message) && is_made_by(token->message, roots, *ret_ms))
        add_chain(token->message, roots, *ret_ms, ret_chain);
    if (ret_chain->len == 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "the timestamp is by none of the authorities of the tsa trust stores");
    if (notation_chain_check(ret_chain, NOTATION_FOR_TIME, err) < 0)
        return error_wrap(err, "the timestamp's authority");
    return 0;
}

int notation_stamp_verify(const struct bytes *bytes, const struct bytes *signature,
                          const struct vec *roots, int64_t *ret_earliest_ms, int64_t *ret_latest_ms,
                          struct vec *ret_chain, struct error *err)
{
    __attribute__((cleanup(release_token))) struct token token = {0};
    int64_t wall_ms = 0;
    int64_t off_ms = 0;
    if (parse_token(bytes, &token, err) < 0 ||
        verify_token(&token, signature, roots, &wall_ms, &off_ms, ret_chain, err) < 0)
        return -1;
    *ret_earliest_ms = wall_ms - off_ms;
    *ret_latest_ms = wall_ms + off_ms;
    return 0;
}
