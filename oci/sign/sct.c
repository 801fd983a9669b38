// Signed certificate timestamps: a log's promise to publish what the authority issued, embedded in
// the certificate. Signed is the certificate without that promise.
// Format: RFC 6962 sections 3.2 and 3.3.
#include "oci/sign/certificate.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/key.h"
#include "oci/sign/trusted_root.h"

#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdlib.h>

enum { MAX_SCTS = 16, MAX_SIGNED = 2 * CERTIFICATE_MAX_BYTES + 1024 };

static void add_number(struct strbuf *out, uint64_t number, unsigned bytes)
{
    while (bytes-- > 0)
        strbuf_addch(out, (char)(unsigned char)(number >> (8 * bytes)));
}

// The part of the certificate that its issuer signed, without the SCT list. OPENSSL_free; -1 when
// there is no such list, or two.
static int certificate_without_scts(X509 *x509, unsigned char **ret_der)
{
    X509 *copy = X509_dup(x509);
    if (copy == NULL)
        abort();
    int size = -1;
    int at = X509_get_ext_by_NID(copy, NID_ct_precert_scts, -1);
    if (at >= 0) {
        X509_EXTENSION_free(X509_delete_ext(copy, at));
        if (X509_get_ext_by_NID(copy, NID_ct_precert_scts, -1) < 0)
            size = i2d_re_X509_tbs(copy, ret_der);
    }
    X509_free(copy);
    return size;
}

static void issuer_key_hash(X509 *issuer, unsigned char ret_hash[SHA256_SIZE])
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(issuer), &der);
    sha256(der, size > 0 ? (size_t)size : 0, ret_hash);
    OPENSSL_free(der);
}

static bool sct_is_valid(const SCT *sct, const struct strbuf *certificate,
                         const struct trusted_root *root)
{
    unsigned char *part = NULL;
    size_t size = SCT_get0_log_id(sct, &part);
    const struct trusted_log *log = trusted_root_log(&root->ct_logs, part, size);
    uint64_t time_ms = SCT_get_timestamp(sct);
    if (log == NULL || SCT_get_version(sct) != SCT_VERSION_V1 || time_ms > INT64_MAX ||
        !validity_covers(&log->valid, (int64_t)time_ms))
        return false;
    struct strbuf data;
    strbuf_init(&data, MAX_SIGNED);
    add_number(&data, 0, 1); // version 1
    add_number(&data, 0, 1); // certificate_timestamp
    add_number(&data, time_ms, 8);
    strbuf_add(&data, certificate->data, certificate->len);
    size = SCT_get0_extensions(sct, &part);
    add_number(&data, size, 2);
    strbuf_add(&data, part, size);
    size = SCT_get0_signature(sct, &part);
    bool valid =
        !data.overflowed && verify_key_check(log->key, data.data, data.len, part, size, NULL) == 0;
    strbuf_release(&data);
    return valid;
}

int certificate_check_sct(const struct certificate *certificate, X509 *issuer,
                          const struct trusted_root *root, struct error *err)
{
    unsigned char *der = NULL;
    unsigned char hash[SHA256_SIZE];
    int size = certificate_without_scts(certificate->x509, &der);
    STACK_OF(SCT) *scts = X509_get_ext_d2i(certificate->x509, NID_ct_precert_scts, NULL, NULL);
    ERR_clear_error();
    if (size <= 0 || scts == NULL) {
        OPENSSL_free(der);
        SCT_LIST_free(scts);
        return error_set(err, ERROR_UNVERIFIED,
                         "the certificate of %s holds no promise of a log to publish it",
                         certificate->subject);
    }
    struct strbuf entry;
    strbuf_init(&entry, MAX_SIGNED);
    add_number(&entry, 1, 2); // precert_entry
    issuer_key_hash(issuer, hash);
    strbuf_add(&entry, hash, sizeof hash);
    add_number(&entry, (uint64_t)size, 3);
    strbuf_add(&entry, der, (size_t)size);
    OPENSSL_free(der);
    bool valid = false;
    for (int i = 0; i < sk_SCT_num(scts) && i < MAX_SCTS && !valid; i++)
        valid = sct_is_valid(sk_SCT_value(scts, i), &entry, root);
    strbuf_release(&entry);
    SCT_LIST_free(scts);
    if (!valid)
        return error_set(err, ERROR_UNVERIFIED,
                         "no log of the trusted root promised to publish the certificate of %s",
                         certificate->subject);
    return 0;
}
