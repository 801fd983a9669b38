#include "oci/sign/notation_chain.h"

#include "base/memory.h"
#include "oci/sign/notation_envelope.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECURITY_LEVEL = 2, MIN_RSA_BITS = 2048, MIN_EC_BITS = 256 };

// What a signer's key may not be used for besides.
static const uint32_t other_usages = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT |
                                     KU_KEY_CERT_SIGN | KU_CRL_SIGN | KU_ENCIPHER_ONLY |
                                     KU_DECIPHER_ONLY;
static const uint32_t other_purposes =
    XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_SMIME | XKU_TIMESTAMP | XKU_OCSP_SIGN | XKU_ANYEKU;

// The next block, consumed into the vec; 0 when there is none, -1 when it is no certificate.
static int read_block(BIO *bio, struct vec *certificates)
{
    char *label = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long size = 0;
    if (PEM_read_bio(bio, &label, &header, &der, &size) != 1)
        return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? 0 : -1;
    const unsigned char *at = der;
    bool named = strcmp(label, "CERTIFICATE") == 0;
    X509 *certificate = named ? d2i_X509(NULL, &at, size) : NULL;
    bool whole = certificate != NULL && at == der + size;
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(der);
    if (!whole) {
        X509_free(certificate);
        return -1;
    }
    *(X509 **)vec_push(certificates) = certificate;
    return 1;
}

static int read_blocks(const char *data, size_t size, struct vec *certificates)
{
    BIO *bio = BIO_new_mem_buf(data, (int)size);
    int result = 1;
    if (bio == NULL)
        abort();
    ERR_clear_error();
    while (result == 1)
        result = read_block(bio, certificates);
    BIO_free(bio);
    return result;
}

int notation_certificates_read(const char *data, size_t size, const char *what,
                               struct vec *certificates, struct error *err)
{
    const unsigned char *at = (const unsigned char *)data;
    size_t before = certificates->len;
    if (size > NOTATION_MAX_PEM_BYTES)
        return error_set(err, ERROR_LIMIT, "%s has %zu bytes; at most %d are read", what, size,
                         NOTATION_MAX_PEM_BYTES);
    X509 *single = d2i_X509(NULL, &at, (long)size);
    int result = 0;
    if (single != NULL && at == (const unsigned char *)data + size) {
        *(X509 **)vec_push(certificates) = single;
    } else {
        X509_free(single);
        result = read_blocks(data, size, certificates);
    }
    ERR_clear_error();
    if (result < 0)
        return error_set(err, ERROR_INVALID,
                         "%s holds a PEM block that is damaged or no certificate", what);
    if (certificates->len == before)
        return error_set(err, ERROR_INVALID, "%s holds no certificate (PEM or DER)", what);
    return 0;
}

char *notation_subject(const X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        abort();
    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
                       XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = xstrndup(size > 0 ? data : "", (size_t)size);
    BIO_free(bio);
    return text;
}

static int refuse(const X509 *certificate, const char *why, struct error *err)
{
    cleanup_free char *subject = notation_subject(certificate);
    return error_set(err, ERROR_UNVERIFIED, "the certificate of \"%.300s\" %s", subject, why);
}

static bool is_issued_by(X509 *certificate, const X509 *issuer)
{
    const unsigned char *name = NULL;
    const unsigned char *wanted = NULL;
    size_t name_size = 0;
    size_t wanted_size = 0;
    if (X509_NAME_get0_der(X509_get_issuer_name(certificate), &name, &name_size) != 1 ||
        X509_NAME_get0_der(X509_get_subject_name(issuer), &wanted, &wanted_size) != 1)
        abort();
    return name_size == wanted_size && memcmp(name, wanted, name_size) == 0;
}

bool notation_is_self_signed(X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    bool own =
        key != NULL && is_issued_by(certificate, certificate) && X509_verify(certificate, key) == 1;
    ERR_clear_error();
    return own;
}

static bool is_critical(const X509 *certificate, int nid)
{
    int at = X509_get_ext_by_NID(certificate, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

static int check_common(X509 *certificate, struct error *err)
{
    uint32_t flags = X509_get_extension_flags(certificate);
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    int kind = key != NULL ? EVP_PKEY_get_base_id(key) : 0;
    int bits = key != NULL ? EVP_PKEY_get_bits(key) : 0;
    int hash = NID_undef;
    X509_get_signature_info(certificate, &hash, NULL, NULL, NULL);
    if ((flags & EXFLAG_INVALID) != 0 || X509_get_version(certificate) != 2)
        return refuse(certificate, "is no readable X.509 certificate of version 3", err);
    if ((flags & EXFLAG_CRITICAL) != 0)
        return refuse(certificate, "has a critical extension that is not understood", err);
    if (hash != NID_sha256 && hash != NID_sha384 && hash != NID_sha512)
        return refuse(certificate, "is signed with a hash other than SHA-256, SHA-384 and SHA-512",
                      err);
    if (!(kind == EVP_PKEY_RSA && bits >= MIN_RSA_BITS) &&
        !(kind == EVP_PKEY_EC && bits >= MIN_EC_BITS))
        return refuse(certificate,
                      "has a weak key; RSA needs 2048 bits, a curve 256, and there is nothing else",
                      err);
    return 0;
}

static int check_code_purpose(X509 *leaf, struct error *err)
{
    if (!is_critical(leaf, NID_key_usage))
        return refuse(leaf, "does not mark its key usage as critical", err);
    if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) != 0 &&
        (X509_get_extended_key_usage(leaf) & other_purposes) != 0)
        return refuse(leaf, "may be used for more than code signing (extended key usage)", err);
    return 0;
}

static int check_time_purpose(X509 *leaf, struct error *err)
{
    if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) == 0 ||
        X509_get_extended_key_usage(leaf) != XKU_TIMESTAMP || !is_critical(leaf, NID_ext_key_usage))
        return refuse(leaf, "is not for timestamps alone (critical extended key usage)", err);
    return 0;
}

static int check_leaf(X509 *leaf, enum notation_purpose purpose, struct error *err)
{
    uint32_t flags = X509_get_extension_flags(leaf);
    uint32_t usage = X509_get_key_usage(leaf);
    enum notation_algorithm algorithm;
    cleanup_error struct error cause = {0};
    if ((flags & EXFLAG_CA) != 0)
        return refuse(leaf, "is an authority's, not a signer's", err);
    if ((flags & EXFLAG_KUSAGE) == 0 || (usage & KU_DIGITAL_SIGNATURE) == 0 ||
        (usage & other_usages) != 0)
        return refuse(leaf, "is not for digital signatures alone (key usage)", err);
    if (notation_algorithm_of(X509_get0_pubkey(leaf), &algorithm, &cause) < 0)
        return refuse(leaf, error_message(&cause), err);
    return purpose == NOTATION_FOR_CODE ? check_code_purpose(leaf, err)
                                        : check_time_purpose(leaf, err);
}

// below: how many authorities stand between it and the leaf.
static int check_authority(X509 *authority, long below, enum notation_purpose purpose,
                           struct error *err)
{
    uint32_t flags = X509_get_extension_flags(authority);
    long path = X509_get_pathlen(authority);
    if ((flags & EXFLAG_CA) == 0 || !is_critical(authority, NID_basic_constraints))
        return refuse(authority, "issued another one and is no authority's (basic constraints)",
                      err);
    bool marked = purpose == NOTATION_FOR_TIME || is_critical(authority, NID_key_usage);
    if ((flags & EXFLAG_KUSAGE) == 0 || !marked ||
        (X509_get_key_usage(authority) & KU_KEY_CERT_SIGN) == 0)
        return refuse(authority, "may not sign certificates (key usage)", err);
    uint32_t needed = XKU_ANYEKU | (purpose == NOTATION_FOR_CODE ? XKU_CODE_SIGN : XKU_TIMESTAMP);
    if ((flags & EXFLAG_XKUSAGE) != 0 && (X509_get_extended_key_usage(authority) & needed) == 0)
        return refuse(authority, "certifies for other purposes only (extended key usage)", err);
    if (path >= 0 && path < below)
        return refuse(authority, "does not allow as many authorities below it (path length)", err);
    return 0;
}

static int check_order(const struct vec *chain, struct error *err)
{
    for (size_t i = 0; i < chain->len; i++) {
        X509 *certificate = notation_certificate(chain, i);
        bool last = i + 1 == chain->len;
        if (!last && notation_is_self_signed(certificate))
            return refuse(certificate, "signed itself and is not the last of the chain", err);
        if (last && !notation_is_self_signed(certificate))
            return refuse(certificate,
                          "ends the chain and did not sign itself; the chain must "
                          "hold everything up to the root",
                          err);
        if (!last && !is_issued_by(certificate, notation_certificate(chain, i + 1)))
            return refuse(certificate,
                          "is not followed by its issuer's; the chain must be in "
                          "order, the signer first",
                          err);
    }
    return 0;
}

static int accept_times(int ok, X509_STORE_CTX *context)
{
    int why = X509_STORE_CTX_get_error(context);
    return ok == 1 || why == X509_V_ERR_CERT_HAS_EXPIRED || why == X509_V_ERR_CERT_NOT_YET_VALID;
}

// Signatures, and what RFC 5280 asks for besides (name constraints, policies): OpenSSL's word, for
// exactly this path.
static int check_path(const struct vec *chain, struct error *err)
{
    X509_STORE *anchors = X509_STORE_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (anchors == NULL || between == NULL || context == NULL)
        abort();
    for (size_t i = 1; i + 1 < chain->len; i++)
        sk_X509_push(between, notation_certificate(chain, i));
    X509_STORE_add_cert(anchors, notation_certificate(chain, chain->len - 1));
    if (X509_STORE_CTX_init(context, anchors, notation_certificate(chain, 0), between) != 1)
        abort();
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, NOTATION_MAX_CHAIN);
    X509_STORE_CTX_set_verify_cb(context, accept_times);
    bool sound = X509_verify_cert(context) == 1;
    const char *why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    if (sound && sk_X509_num(X509_STORE_CTX_get0_chain(context)) != (int)chain->len)
        sound = (why = "the chain holds certificates that are not needed", false);
    int result = sound ? 0
                       : error_set(err, ERROR_UNVERIFIED,
                                   "its certificates do not lead to their root: %s", why);
    X509_STORE_CTX_free(context);
    sk_X509_free(between);
    X509_STORE_free(anchors);
    ERR_clear_error();
    return result;
}

int notation_chain_check(const struct vec *chain, enum notation_purpose purpose, struct error *err)
{
    if (check_order(chain, err) < 0)
        return -1;
    for (size_t i = 0; i < chain->len; i++)
        if (check_common(notation_certificate(chain, i), err) < 0)
            return -1;
    if (check_leaf(notation_certificate(chain, 0), purpose, err) < 0)
        return -1;
    for (size_t i = 1; i < chain->len; i++)
        if (check_authority(notation_certificate(chain, i), (long)i - 1, purpose, err) < 0)
            return -1;
    return check_path(chain, err);
}

int notation_time_ms(const ASN1_TIME *time, int64_t *ret_ms)
{
    struct tm tm = {0};
    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return -1;
    *ret_ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

int notation_chain_window(const struct vec *chain, int64_t *ret_from_ms, int64_t *ret_until_ms,
                          struct error *err)
{
    int64_t latest_start = INT64_MIN;
    int64_t first_end = INT64_MAX;
    for (size_t i = 0; i < chain->len; i++) {
        const X509 *certificate = notation_certificate(chain, i);
        int64_t from;
        int64_t until;
        if (notation_time_ms(X509_get0_notBefore(certificate), &from) < 0 ||
            notation_time_ms(X509_get0_notAfter(certificate), &until) < 0)
            return error_set(err, ERROR_INVALID, "a certificate does not tell when it is valid");
        latest_start = from > latest_start ? from : latest_start;
        first_end = until < first_end ? until : first_end;
    }
    *ret_from_ms = latest_start;
    // 0 would be no end at all.
    *ret_until_ms = first_end > 0 ? first_end : 1;
    return 0;
}
