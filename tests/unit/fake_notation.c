#include "fake_notation.h"

#include "base/encoding.h"
#include "base/memory.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok)
{
    if (!ok)
        abort();
}

void fake_signer_release(struct fake_signer *signer)
{
    X509_free(signer->cert);
    EVP_PKEY_free(signer->key);
    *signer = (struct fake_signer){0};
}

static EVP_PKEY *make_key(const char *kind)
{
    if (strncmp(kind, "RSA", 3) == 0)
        return EVP_RSA_gen((unsigned)strtoul(kind + 3, NULL, 10));
    if (strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_EC_gen(kind);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    if (value == NULL || *value == '\0')
        return;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension != NULL && X509_add_ext(cert, extension, -1));
    X509_EXTENSION_free(extension);
}

// "broken": a key usage that is none.
static void add_strange(X509 *cert, const char *kind)
{
    bool critical = strcmp(kind, "plain") != 0;
    ASN1_OBJECT *object = OBJ_txt2obj(strcmp(kind, "broken") == 0 ? "2.5.29.15" : "1.2.3.4.5", 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    must(ASN1_OCTET_STRING_set(value, (const unsigned char *)"\5", 2));
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    must(extension != NULL && X509_add_ext(cert, extension, -1));
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
}

// "C=US/ST=WA/CN=x"
static void set_subject(X509 *cert, const char *subject)
{
    cleanup_free char *copy = xstrdup(subject);
    char *rest = copy;
    for (char *part = strsep(&rest, "/"); part != NULL; part = strsep(&rest, "/")) {
        char *value = part;
        const char *type = strsep(&value, "=");
        must(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), type, MBSTRING_UTF8,
                                        (const unsigned char *)value, -1, -1, 0));
    }
}

static void set_time(ASN1_TIME *time, int64_t against_now_s)
{
    must(ASN1_TIME_set(time, (time_t)(FAKE_NOW_S + against_now_s)) != NULL);
}

static const EVP_MD *hash_for(const EVP_PKEY *key, const char *name)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
        return NULL;
    return EVP_get_digestbyname(name != NULL ? name : "SHA256");
}

static const char *or_default(const char *text, const char *fallback)
{
    return text != NULL ? text : fallback;
}

void fake_certify(const struct fake_certificate *wanted, const struct fake_signer *issuer,
                  struct fake_signer *ret_signer)
{
    EVP_PKEY *key = make_key(or_default(wanted->kind, "P-256"));
    X509 *cert = X509_new();
    uint32_t serial = 1;
    must(key != NULL && cert != NULL && RAND_bytes((unsigned char *)&serial, 3) == 1);
    must(X509_set_version(cert, wanted->version < 0 ? 0 : 2));
    must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial | 1));
    set_time(X509_getm_notBefore(cert), wanted->from_s != 0 ? wanted->from_s : -24 * FAKE_HOUR_S);
    set_time(X509_getm_notAfter(cert), wanted->until_s != 0 ? wanted->until_s : 24 * FAKE_HOUR_S);
    must(X509_set_pubkey(cert, key));
    set_subject(cert, wanted->subject);
    X509 *above = issuer != NULL ? issuer->cert : cert;
    must(X509_set_issuer_name(cert, X509_get_subject_name(above)));
    add_extension(cert, above, NID_key_usage,
                  or_default(wanted->usage, "critical,digitalSignature"));
    add_extension(cert, above, NID_ext_key_usage, or_default(wanted->purpose, "codeSigning"));
    add_extension(cert, above, NID_basic_constraints, wanted->constraints);
    add_extension(cert, above, NID_crl_distribution_points, wanted->lists);
    add_extension(cert, above, NID_name_constraints, wanted->names);
    if (wanted->strange != NULL)
        add_strange(cert, wanted->strange);
    EVP_PKEY *signing = issuer != NULL ? issuer->key : key;
    must(X509_sign(cert, signing, hash_for(signing, wanted->hash)) > 0);
    *ret_signer = (struct fake_signer){cert, key};
}

void fake_root(const char *name, struct fake_signer *ret_root)
{
    cleanup_free char *subject = xasprintf("C=US/ST=WA/O=acme/CN=%s", name);
    fake_certify(&(struct fake_certificate){.subject = subject,
                                            .usage = "critical,keyCertSign,cRLSign",
                                            .purpose = "",
                                            .constraints = "critical,CA:TRUE"},
                 NULL, ret_root);
}

void fake_leaf(const char *name, const struct fake_signer *root, struct fake_signer *ret_leaf)
{
    cleanup_free char *subject = xasprintf("C=US/ST=WA/O=acme/CN=%s", name);
    fake_certify(&(struct fake_certificate){.subject = subject}, root, ret_leaf);
}

char *fake_pem(X509 *const certificates[], size_t count)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    for (size_t i = 0; i < count; i++)
        must(PEM_write_bio_X509(bio, certificates[i]));
    long size = BIO_get_mem_data(bio, &data);
    char *text = xstrndup(data != NULL ? data : "", (size_t)size);
    BIO_free(bio);
    return text;
}

static unsigned char *adopt(unsigned char *openssl_der, int size, size_t *ret_size)
{
    must(size > 0);
    unsigned char *copy = xmemdup(openssl_der, (size_t)size);
    OPENSSL_free(openssl_der);
    *ret_size = (size_t)size;
    return copy;
}

unsigned char *fake_der(const X509 *certificate, size_t *ret_size)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    return adopt(der, size, ret_size);
}

static void add_revoked(X509_CRL *crl, const struct fake_list *wanted)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)(FAKE_NOW_S - FAKE_HOUR_S));
    ASN1_INTEGER *serial = ASN1_INTEGER_dup(X509_get0_serialNumber(wanted->revoked));
    must(X509_REVOKED_set_serialNumber(entry, serial) &&
         X509_REVOKED_set_revocationDate(entry, when));
    if (wanted->invalid_from_s != 0) {
        ASN1_GENERALIZEDTIME *invalid =
            ASN1_GENERALIZEDTIME_set(NULL, (time_t)(FAKE_NOW_S + wanted->invalid_from_s));
        must(X509_REVOKED_add1_ext_i2d(entry, NID_invalidity_date, invalid, 0, 0));
        ASN1_GENERALIZEDTIME_free(invalid);
    }
    must(X509_CRL_add0_revoked(crl, entry));
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(when);
}

unsigned char *fake_list(const struct fake_list *wanted, size_t *ret_size)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(
        NULL, (time_t)(FAKE_NOW_S + (wanted->from_s != 0 ? wanted->from_s : -FAKE_HOUR_S)));
    ASN1_TIME *until = ASN1_TIME_set(
        NULL, (time_t)(FAKE_NOW_S + (wanted->until_s != 0 ? wanted->until_s : FAKE_HOUR_S)));
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    must(ASN1_INTEGER_set(number, 7) && X509_CRL_set_version(crl, 1));
    must(X509_CRL_set_issuer_name(crl, X509_get_subject_name(wanted->issuer->cert)));
    must(X509_CRL_set1_lastUpdate(crl, from));
    must(wanted->endless || X509_CRL_set1_nextUpdate(crl, until));
    must(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0));
    must(!wanted->delta || X509_CRL_add1_ext_i2d(crl, NID_delta_crl, number, 1, 0));
    if (wanted->revoked != NULL)
        add_revoked(crl, wanted);
    must(X509_CRL_sign(crl, wanted->issuer->key, hash_for(wanted->issuer->key, wanted->hash)) > 0);
    unsigned char *der = NULL;
    int size = i2d_X509_CRL(crl, &der);
    X509_CRL_free(crl);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    ASN1_INTEGER_free(number);
    return adopt(der, size, ret_size);
}

struct stamping {
    int64_t at_s;
};

static int tell_time(TS_RESP_CTX *context, void *arg, long *seconds, long *micros)
{
    const struct stamping *stamping = arg;
    (void)context;
    *seconds = (long)(FAKE_NOW_S + stamping->at_s);
    *micros = 0;
    return 1;
}

static ASN1_INTEGER *tell_serial(TS_RESP_CTX *context, void *arg)
{
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    (void)context;
    (void)arg;
    must(ASN1_INTEGER_set(serial, 42));
    return serial;
}

static BIO *stamp_request(const void *data, size_t size, const char *hash)
{
    unsigned char imprint_bytes[EVP_MAX_MD_SIZE];
    unsigned imprint_size = 0;
    const EVP_MD *digest = EVP_get_digestbyname(hash);
    must(EVP_Digest(data, size, imprint_bytes, &imprint_size, digest, NULL));
    TS_REQ *request = TS_REQ_new();
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    must(X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(digest)), V_ASN1_NULL, NULL));
    must(TS_REQ_set_version(request, 1) && TS_MSG_IMPRINT_set_algo(imprint, algorithm) &&
         TS_MSG_IMPRINT_set_msg(imprint, imprint_bytes, (int)imprint_size) &&
         TS_REQ_set_msg_imprint(request, imprint) && TS_REQ_set_cert_req(request, 1));
    BIO *bio = BIO_new(BIO_s_mem());
    must(i2d_TS_REQ_bio(bio, request));
    TS_MSG_IMPRINT_free(imprint);
    X509_ALGOR_free(algorithm);
    TS_REQ_free(request);
    return bio;
}

unsigned char *fake_stamp(const struct fake_signer *stamper, const X509 *root, const void *data,
                          size_t size, int64_t at_s, int accuracy_ms, const char *hash,
                          size_t *ret_size)
{
    struct stamping stamping = {at_s};
    TS_RESP_CTX *context = TS_RESP_CTX_new();
    const char *own = strchr(hash, '/');
    const char *naming = own != NULL ? strchr(own + 1, '/') : NULL;
    cleanup_free char *imprint = xstrndup(hash, strcspn(hash, "/"));
    cleanup_free char *digest =
        own != NULL ? xstrndup(own + 1, strcspn(own + 1, "/")) : xstrdup("SHA256");
    // ETSI's baseline policy is good to a second.
    ASN1_OBJECT *policy = OBJ_txt2obj(accuracy_ms < 0 ? "0.4.0.2023.1.1" : "1.2.3.4", 1);
    STACK_OF(X509) *more = sk_X509_new_null();
    BIO *bio = stamp_request(data, size, imprint);
    X509 *above = X509_dup(root);
    sk_X509_push(more, above);
    must(TS_RESP_CTX_set_signer_cert(context, stamper->cert) &&
         TS_RESP_CTX_set_signer_key(context, stamper->key) &&
         TS_RESP_CTX_set_signer_digest(context, EVP_get_digestbyname(digest)) &&
         TS_RESP_CTX_set_ess_cert_id_digest(
             context, EVP_get_digestbyname(naming != NULL ? naming + 1 : "SHA256")) &&
         TS_RESP_CTX_set_certs(context, more) && TS_RESP_CTX_set_def_policy(context, policy) &&
         TS_RESP_CTX_add_md(context, EVP_get_digestbyname(imprint)));
    if (accuracy_ms > 0)
        must(TS_RESP_CTX_set_accuracy(context, accuracy_ms / 1000, accuracy_ms % 1000, 1));
    TS_RESP_CTX_set_time_cb(context, tell_time, &stamping);
    TS_RESP_CTX_set_serial_cb(context, tell_serial, NULL);
    TS_RESP *response = TS_RESP_create_response(context, bio);
    must(response != NULL && TS_RESP_get_token(response) != NULL);
    unsigned char *der = NULL;
    int der_size = i2d_PKCS7(TS_RESP_get_token(response), &der);
    TS_RESP_free(response);
    TS_RESP_CTX_free(context);
    sk_X509_pop_free(more, X509_free);
    ASN1_OBJECT_free(policy);
    BIO_free(bio);
    return adopt(der, der_size, ret_size);
}

// As JOSE and COSE want it.
static unsigned char *sign(EVP_PKEY *key, const char *algorithm, const void *data, size_t size,
                           size_t *ret_size)
{
    const char *bits = algorithm + 2;
    const EVP_MD *hash = strcmp(bits, "512") == 0   ? EVP_sha512()
                         : strcmp(bits, "384") == 0 ? EVP_sha384()
                                                    : EVP_sha256();
    EVP_PKEY_CTX *parameters = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char der[1024];
    size_t der_size = sizeof der;
    must(EVP_DigestSignInit(context, &parameters, hash, NULL, key) == 1);
    if (*algorithm == 'P')
        must(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1);
    must(EVP_DigestSign(context, der, &der_size, data, size) == 1);
    EVP_MD_CTX_free(context);
    if (*algorithm == 'P') {
        *ret_size = der_size;
        return xmemdup(der, der_size);
    }
    const unsigned char *at = der;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
    size_t width = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
    unsigned char *raw = xcalloc(2, width);
    must(BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, (int)width) >= 0 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + width, (int)width) >= 0);
    ECDSA_SIG_free(pair);
    *ret_size = 2 * width;
    return raw;
}

static void add_chain(struct strbuf *out, X509 *const chain[])
{
    strbuf_addstr(out, "\"x5c\":[");
    for (size_t i = 0; chain[i] != NULL; i++) {
        size_t size = 0;
        cleanup_free unsigned char *der = fake_der(chain[i], &size);
        cleanup_free char *text = base64_encode(der, size);
        strbuf_addf(out, "%s\"%s\"", i > 0 ? "," : "", text);
    }
    strbuf_addstr(out, "]");
}

char *fake_jws(const struct fake_envelope *wanted, unsigned char **ret_signature, size_t *ret_size)
{
    static const char usual[] =
        "{\"alg\":\"%s\",\"cty\":\"application/vnd.cncf.notary.payload.v1+json\","
        "\"crit\":[\"io.cncf.notary.signingScheme\"],\"io.cncf.notary.signingScheme\":"
        "\"notary.x509\",\"io.cncf.notary.signingTime\":\"2026-11-21T10:00:00Z\"}";
    const char *algorithm = or_default(wanted->algorithm, "ES256");
    char header[1024];
    snprintf(header, sizeof header, usual, algorithm);
    const char *said = or_default(wanted->protected, header);
    const char *content = or_default(wanted->payload, FAKE_PAYLOAD);
    cleanup_free char *protected = base64url_encode(said, strlen(said));
    cleanup_free char *payload = base64url_encode(content, strlen(content));
    cleanup_free char *text = xasprintf("%s.%s", protected, payload);
    size_t size = 0;
    unsigned char *raw = sign(wanted->signer->key, algorithm, text, strlen(text), &size);
    cleanup_free char *signature = base64url_encode(raw, size);
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    strbuf_addf(&out, "{\"payload\":\"%s\",\"protected\":\"%s\",\"header\":{", payload, protected);
    add_chain(&out, wanted->chain);
    if (wanted->stamp != NULL) {
        cleanup_free char *stamp = base64_encode(wanted->stamp, wanted->stamp_size);
        strbuf_addf(&out, ",\"io.cncf.notary.timestampSignature\":\"%s\"", stamp);
    }
    strbuf_addf(&out, "%s},\"signature\":\"%s\"}", or_default(wanted->header, ""), signature);
    if (ret_signature != NULL) {
        *ret_signature = raw;
        *ret_size = size;
    } else {
        free(raw);
    }
    return strbuf_steal(&out);
}

void fake_cbor(struct strbuf *out, unsigned kind, uint64_t value)
{
    unsigned bytes = value < 24 ? 0 : value <= 0xFF ? 1 : value <= 0xFFFF ? 2 : 4;
    unsigned info = bytes == 0 ? (unsigned)value : bytes == 1 ? 24 : bytes == 2 ? 25 : 26;
    strbuf_addch(out, (char)(kind << 5 | info));
    for (unsigned i = bytes; i > 0; i--)
        strbuf_addch(out, (char)(value >> 8 * (i - 1)));
}

void fake_cbor_text(struct strbuf *out, const char *text)
{
    fake_cbor(out, 3, strlen(text));
    strbuf_addstr(out, text);
}

void fake_cbor_bytes(struct strbuf *out, const void *data, size_t size)
{
    fake_cbor(out, 2, size);
    strbuf_add(out, data, size);
}

void fake_cbor_time(struct strbuf *out, int64_t seconds)
{
    fake_cbor(out, 6, 1);
    fake_cbor(out, 0, (uint64_t)seconds);
}

void fake_cose_header(struct strbuf *out, int64_t expiry_s)
{
    fake_cbor(out, 5, expiry_s != 0 ? 6 : 5);
    fake_cbor(out, 0, 1);
    fake_cbor(out, 1, 6); // ES256
    fake_cbor(out, 0, 2);
    fake_cbor(out, 4, expiry_s != 0 ? 2 : 1);
    fake_cbor_text(out, "io.cncf.notary.signingScheme");
    if (expiry_s != 0)
        fake_cbor_text(out, "io.cncf.notary.expiry");
    fake_cbor(out, 0, 3);
    fake_cbor_text(out, "application/vnd.cncf.notary.payload.v1+json");
    fake_cbor_text(out, "io.cncf.notary.signingScheme");
    fake_cbor_text(out, "notary.x509");
    fake_cbor_text(out, "io.cncf.notary.signingTime");
    fake_cbor_time(out, FAKE_NOW_S);
    if (expiry_s == 0)
        return;
    fake_cbor_text(out, "io.cncf.notary.expiry");
    fake_cbor_time(out, expiry_s);
}

void fake_cose(const struct fake_envelope *wanted, const struct strbuf *header, struct strbuf *out)
{
    const char *payload = or_default(wanted->payload, FAKE_PAYLOAD);
    struct strbuf text;
    size_t chain = 0;
    strbuf_init(&text, 1 << 18);
    fake_cbor(&text, 4, 4);
    fake_cbor_text(&text, "Signature1");
    fake_cbor_bytes(&text, header->data, header->len);
    fake_cbor_bytes(&text, "", 0);
    fake_cbor_bytes(&text, payload, strlen(payload));
    size_t size = 0;
    cleanup_free unsigned char *signature =
        sign(wanted->signer->key, "ES256", text.data, text.len, &size);
    strbuf_release(&text);
    while (wanted->chain[chain] != NULL)
        chain++;
    fake_cbor(out, 6, 18);
    fake_cbor(out, 4, 4);
    fake_cbor_bytes(out, header->data, header->len);
    fake_cbor(out, 5, wanted->stamp != NULL ? 2 : 1);
    fake_cbor(out, 0, 33);
    fake_cbor(out, 4, chain);
    for (size_t i = 0; i < chain; i++) {
        size_t der_size = 0;
        cleanup_free unsigned char *der = fake_der(wanted->chain[i], &der_size);
        fake_cbor_bytes(out, der, der_size);
    }
    if (wanted->stamp != NULL) {
        fake_cbor_text(out, "io.cncf.notary.timestampSignature");
        fake_cbor_bytes(out, wanted->stamp, wanted->stamp_size);
    }
    fake_cbor_bytes(out, payload, strlen(payload));
    fake_cbor_bytes(out, signature, size);
}

X509 *fake_unreadable_key(const X509 *certificate)
{
    static const unsigned char kind[] = {0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};
    size_t size = 0;
    cleanup_free unsigned char *der = fake_der(certificate, &size);
    unsigned char *at = memmem(der, size, kind, sizeof kind);
    must(at != NULL);
    at[sizeof kind - 1] = 0x7F;
    const unsigned char *from = der;
    X509 *made = d2i_X509(NULL, &from, (long)size);
    must(made != NULL);
    return made;
}
