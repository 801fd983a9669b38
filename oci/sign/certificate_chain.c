// Chains of signers' certificates: from the leaf to the authority of the trusted root that issued
// it, each certificate valid when the leaf was used. What the root's own certificates sign of each
// other is the same for every leaf, and is checked once, when the root is read.
#include "oci/sign/certificate.h"

#include "base/clock.h"
#include "oci/sign/trusted_root.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdlib.h>

// RSA below 2048 bits and SHA-1 are no signatures at this level of OpenSSL's.
enum { SECURITY_LEVEL = 2, MAX_DEPTH = 8, MS_PER_SECOND = 1000 };

// OpenSSL knows no purpose for code signing, so that intermediates are looked at here.
static bool authorities_may_sign_code(const STACK_OF(X509) * chain)
{
    for (int i = 1; i < sk_X509_num(chain); i++) {
        X509 *authority = sk_X509_value(chain, i);
        bool limited = (X509_get_extension_flags(authority) & EXFLAG_XKUSAGE) != 0;
        if (limited && (X509_get_extended_key_usage(authority) & (XKU_CODE_SIGN | XKU_ANYEKU)) == 0)
            return false;
    }
    return true;
}

// The certificates of the authority from `first` on. They stay the authority's.
static STACK_OF(X509) * certificates_from(const struct trusted_authority *authority, size_t first)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    if (certificates == NULL)
        abort();
    for (size_t i = first; i < authority->chain.len; i++)
        sk_X509_push(certificates, trusted_authority_certificate(authority, i));
    return certificates;
}

// A verification of `leaf` up to one of `anchors`, which may themselves be intermediates.
static X509_STORE_CTX *prepare(X509 *leaf, STACK_OF(X509) * anchors, STACK_OF(X509) * between)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (context == NULL || X509_STORE_CTX_init(context, NULL, leaf, between) != 1)
        abort();
    X509_STORE_CTX_set0_trusted_stack(context, anchors);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, MAX_DEPTH);
    return context;
}

// Whether what it says of the certificates below it would be lost if these were believed alone.
static bool limits_those_below(X509 *authority, size_t below)
{
    long most = X509_get_pathlen(authority);
    return (most >= 0 && (size_t)most < below) ||
           X509_get_ext_by_NID(authority, NID_name_constraints, -1) >= 0;
}

bool certificate_authority_is_linked(const struct trusted_authority *authority)
{
    size_t count = authority->chain.len;
    for (size_t i = 1; i < count; i++)
        if (limits_those_below(trusted_authority_certificate(authority, i), i))
            return false;
    STACK_OF(X509) *anchors = certificates_from(authority, count - 1);
    STACK_OF(X509) *between = certificates_from(authority, 1);
    X509_STORE_CTX *context =
        prepare(trusted_authority_certificate(authority, 0), anchors, between);
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
    bool linked = X509_verify_cert(context) == 1;
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    linked = linked && (size_t)sk_X509_num(chain) == count && authorities_may_sign_code(chain);
    for (size_t i = 0; linked && i < count; i++)
        linked = X509_cmp(sk_X509_value(chain, (int)i),
                          trusted_authority_certificate(authority, i)) == 0;
    X509_STORE_CTX_free(context);
    sk_X509_free(between);
    sk_X509_free(anchors);
    ERR_clear_error();
    return linked;
}

// Whether those above the first were valid then; of the first, and of the leaf, OpenSSL sees to it.
// A date that cannot be read is neither before nor after: 0.
static bool authority_was_valid(const struct trusted_authority *authority, time_t then)
{
    for (size_t i = 1; i < authority->chain.len; i++) {
        X509 *certificate = trusted_authority_certificate(authority, i);
        if (X509_cmp_time(X509_get0_notBefore(certificate), &then) >= 0 ||
            X509_cmp_time(X509_get0_notAfter(certificate), &then) <= 0)
            return false;
    }
    return true;
}

// The certificate that issued it, as OpenSSL built the chain; NULL with *ret_why when it did not.
static X509 *verified_issuer(X509_STORE_CTX *context, const char **ret_why)
{
    if (X509_verify_cert(context) != 1) {
        *ret_why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
        return NULL;
    }
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    if (sk_X509_num(chain) < 2 || !authorities_may_sign_code(chain)) {
        *ret_why = "the authority may not sign certificates for code signing";
        return NULL;
    }
    X509 *issuer = sk_X509_value(chain, 1);
    X509_up_ref(issuer);
    return issuer;
}

static X509 *issuer_within(const struct certificate *certificate,
                           const struct trusted_authority *authority, int64_t wall_ms,
                           const char **ret_why)
{
    time_t then = (time_t)(wall_ms / 1000);
    // Of linked certificates each is as good an anchor as the last.
    bool all = authority->linked && authority_was_valid(authority, then);
    STACK_OF(X509) *anchors = certificates_from(authority, all ? 0 : authority->chain.len - 1);
    STACK_OF(X509) *between = certificates_from(authority, 0);
    X509_STORE_CTX *context = prepare(certificate->x509, anchors, between);
    X509_STORE_CTX_set_time(context, 0, then);
    X509 *issuer = verified_issuer(context, ret_why);
    X509_STORE_CTX_free(context);
    sk_X509_free(between);
    sk_X509_free(anchors);
    ERR_clear_error();
    return issuer;
}

bool certificate_is_valid_at(const struct certificate *certificate, int64_t wall_s)
{
    time_t then = (time_t)wall_s;
    time_t before = (time_t)wall_s - 1;
    return X509_cmp_time(X509_get0_notBefore(certificate->x509), &then) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate->x509), &before) > 0;
}

int certificate_check_chain(const struct certificate *certificate, const struct trusted_root *root,
                            int64_t wall_ms, X509 **ret_issuer, struct error *err)
{
    const char *why = "the trusted root names no authority of certificates for that time";
    vec_foreach (const struct trusted_authority, authority, &root->authorities) {
        if (!validity_covers(&authority->valid, wall_ms))
            continue;
        // notAfter belongs to the time of a certificate (RFC 5280 section 4.1.2.5); OpenSSL ends it
        // a second before.
        X509 *issuer = issuer_within(certificate, authority, wall_ms, &why);
        if (issuer == NULL)
            issuer = issuer_within(certificate, authority, wall_ms - MS_PER_SECOND, &why);
        if (issuer != NULL) {
            *ret_issuer = issuer;
            return 0;
        }
    }
    char time[TIME_TEXT_SIZE];
    time_format(wall_ms, time);
    return error_set(err, ERROR_UNVERIFIED,
                     "the certificate of %s was not valid at %s, when it was used: %s",
                     certificate->subject, time, why);
}
