#include "oci/sign/notation_trust.h"

#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_name.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const store_types[NOTATION_STORE_TYPES] = {
    [NOTATION_CA] = "ca", [NOTATION_AUTHORITY] = "signingAuthority", [NOTATION_TSA] = "tsa"};
static const char *const checks[NOTATION_CHECKS] = {
    [NOTATION_AUTHENTICITY] = "authenticity",
    [NOTATION_TIMESTAMP] = "authenticTimestamp",
    [NOTATION_EXPIRY] = "expiry",
    [NOTATION_REVOCATION] = "revocation",
};

const char *notation_store_type_name(enum notation_store_type type)
{
    return store_types[type];
}

const char *notation_check_name(enum notation_check check)
{
    return checks[check];
}

static void release_store(void *element)
{
    struct notation_store *store = element;
    free(store->name);
    vec_free(&store->certificates);
}

static void release_crl(void *element)
{
    X509_CRL_free(*(X509_CRL **)element);
}

struct notation_trust *notation_trust_new(void)
{
    struct notation_trust *trust = xcalloc(1, sizeof *trust);
    trust->stores = VEC_OF(struct notation_store, release_store);
    trust->identities = VEC_OF(struct notation_name, notation_name_release);
    trust->crls = VEC_OF(X509_CRL *, release_crl);
    return trust;
}

void notation_trust_free(struct notation_trust *trust)
{
    if (trust == NULL)
        return;
    vec_free(&trust->stores);
    vec_free(&trust->identities);
    vec_free(&trust->crls);
    free(trust);
}

void cleanup_notation_trust_pointer(struct notation_trust **trust)
{
    notation_trust_free(*trust);
}

int notation_store_name(const char *text, enum notation_store_type *ret_type, const char **ret_name,
                        struct error *err)
{
    const char *colon = strchr(text, ':');
    size_t type = colon != NULL ? (size_t)(colon - text) : 0;
    bool sound = colon != NULL && colon[1] != '\0' && strlen(colon + 1) <= 253 &&
                 strcmp(colon + 1, ".") != 0 && strcmp(colon + 1, "..") != 0;
    for (const char *at = sound ? colon + 1 : ""; *at != '\0'; at++)
        sound = sound && (isalnum((unsigned char)*at) || strchr("_.-", *at) != NULL);
    for (unsigned i = 0; i < NOTATION_STORE_TYPES && sound; i++)
        if (strlen(store_types[i]) == type && memcmp(store_types[i], text, type) == 0) {
            *ret_type = (enum notation_store_type)i;
            *ret_name = colon + 1;
            return 0;
        }
    return error_set(err, ERROR_INVALID,
                     "\"%.100s\" is no trust store; write ca:NAME, signingAuthority:NAME or "
                     "tsa:NAME, with a name of letters, digits, _, . and -",
                     text);
}

static struct notation_store *store_named(struct notation_trust *trust,
                                          enum notation_store_type type, const char *name)
{
    vec_foreach (struct notation_store, store, &trust->stores)
        if (store->type == type && strcmp(store->name, name) == 0)
            return store;
    struct notation_store *store = vec_push(&trust->stores);
    store->type = type;
    store->name = xstrdup(name);
    store->certificates = NOTATION_CHAIN;
    return store;
}

static int check_anchor(X509 *certificate, enum notation_store_type type, const char *what,
                        struct error *err)
{
    bool authority = (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
    bool own = notation_is_self_signed(certificate);
    cleanup_free char *subject = notation_subject(certificate);
    if (type == NOTATION_TSA && !(authority && own))
        return error_set(err, ERROR_INVALID,
                         "%s: \"%.300s\" is no root; a tsa store holds roots of timestamping "
                         "authorities",
                         what, subject);
    if (!authority && !own)
        return error_set(err, ERROR_INVALID,
                         "%s: \"%.300s\" is neither an authority nor signed by itself; trust its "
                         "issuer, and name it in trustedIdentities",
                         what, subject);
    return 0;
}

// Consumes certificate.
static int add_certificate(struct notation_store *store, X509 *certificate, const char *what,
                           struct error *err)
{
    *(X509 **)vec_push(&store->certificates) = certificate;
    if (store->certificates.len > NOTATION_MAX_CERTIFICATES)
        return error_set(err, ERROR_LIMIT, "%s: a trust store has at most %d certificates", what,
                         NOTATION_MAX_CERTIFICATES);
    return check_anchor(certificate, store->type, what, err);
}

int notation_trust_add_certificates(struct notation_trust *trust, enum notation_store_type type,
                                    const char *name, const char *data, size_t size,
                                    const char *what, struct error *err)
{
    cleanup_vec struct vec certificates = NOTATION_CHAIN;
    struct notation_store *store = store_named(trust, type, name);
    if (trust->stores.len > NOTATION_MAX_STORES)
        return error_set(err, ERROR_LIMIT, "there are more than %d trust stores",
                         NOTATION_MAX_STORES);
    if (notation_certificates_read(data, size, what, &certificates, err) < 0)
        return -1;
    for (size_t i = 0; i < certificates.len; i++) {
        X509 *certificate = notation_certificate(&certificates, i);
        X509_up_ref(certificate);
        if (add_certificate(store, certificate, what, err) < 0)
            return -1;
    }
    return 0;
}

int notation_trust_add_identity(struct notation_trust *trust, const char *text, struct error *err)
{
    static const char prefix[] = "x509.subject:";
    bool any = strcmp(text, "*") == 0;
    if (trust->anybody || (any && trust->identities.len > 0))
        return error_set(err, ERROR_INVALID,
                         "\"*\" trusts every signer of the trust stores, so no other identity may "
                         "stand beside it");
    if (any) {
        trust->anybody = true;
        return 0;
    }
    if (strncmp(text, prefix, sizeof prefix - 1) != 0)
        return error_set(err, ERROR_INVALID,
                         "\"%.200s\" is no identity; write \"x509.subject: C=…, ST=…, O=…\", or "
                         "\"*\" for every signer of the trust stores",
                         text);
    if (trust->identities.len == NOTATION_MAX_IDENTITIES)
        return error_set(err, ERROR_LIMIT, "there are more than %d identities",
                         NOTATION_MAX_IDENTITIES);
    struct notation_name name;
    if (notation_name_parse(text + sizeof prefix - 1, &name, err) < 0)
        return -1;
    vec_foreach (const struct notation_name, known, &trust->identities)
        if (notation_name_within(known, &name) || notation_name_within(&name, known)) {
            error_set(err, ERROR_INVALID, "the identities \"%.200s\" and \"%.200s\" overlap",
                      known->text, name.text);
            notation_name_release(&name);
            return -1;
        }
    *(struct notation_name *)vec_push(&trust->identities) = name;
    return 0;
}

static X509_CRL *read_crl(const char *data, size_t size)
{
    const unsigned char *at = (const unsigned char *)data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)size);
    if (crl != NULL && at == (const unsigned char *)data + size)
        return crl;
    X509_CRL_free(crl);
    BIO *bio = BIO_new_mem_buf(data, (int)size);
    if (bio == NULL)
        abort();
    crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    // A second list would be passed over in silence.
    X509_CRL *second = crl != NULL ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (second == NULL)
        return crl;
    X509_CRL_free(second);
    X509_CRL_free(crl);
    return NULL;
}

static int check_crl(const X509_CRL *crl, const char *what, struct error *err)
{
    int hash = NID_undef;
    int64_t ignored;
    if (crl == NULL)
        return error_set(err, ERROR_INVALID,
                         "%s holds not exactly one revocation list (PEM or DER)", what);
    // RSA-PSS does not show its hash here.
    OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &hash, NULL);
    if (hash != NID_sha256 && hash != NID_sha384 && hash != NID_sha512)
        return error_set(err, ERROR_INVALID, "%s is signed with a weak or unknown hash", what);
    if (notation_time_ms(X509_CRL_get0_lastUpdate(crl), &ignored) < 0 ||
        notation_time_ms(X509_CRL_get0_nextUpdate(crl), &ignored) < 0)
        return error_set(err, ERROR_INVALID, "%s does not say when the next list comes", what);
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        return error_set(err, ERROR_INVALID, "%s is a delta list; give the full one", what);
    return 0;
}

int notation_trust_add_crl(struct notation_trust *trust, const char *data, size_t size,
                           const char *what, struct error *err)
{
    if (size > NOTATION_MAX_CRL_BYTES || trust->crls.len == NOTATION_MAX_CRLS)
        return error_set(err, ERROR_LIMIT, "%s: at most %d revocation lists of %d bytes are read",
                         what, NOTATION_MAX_CRLS, NOTATION_MAX_CRL_BYTES);
    X509_CRL *crl = read_crl(data, size);
    ERR_clear_error();
    if (check_crl(crl, what, err) < 0) {
        X509_CRL_free(crl);
        return -1;
    }
    *(X509_CRL **)vec_push(&trust->crls) = crl;
    return 0;
}

static void hash_text(struct digest_stream *stream, const char *text)
{
    digest_stream_add(stream, text, strlen(text) + 1);
}

static void hash_der(struct digest_stream *stream, unsigned char *der, int size)
{
    if (size <= 0)
        abort();
    digest_stream_add(stream, der, (size_t)size);
    OPENSSL_free(der);
}

static struct digest hash_all(const struct notation_trust *trust)
{
    cleanup_digest_stream struct digest_stream *stream = digest_stream_new();
    unsigned char *der = NULL;
    vec_foreach (const struct notation_store, store, &trust->stores) {
        hash_text(stream, store_types[store->type]);
        hash_text(stream, store->name);
        for (size_t i = 0; i < store->certificates.len; i++, der = NULL) {
            int size = i2d_X509(notation_certificate(&store->certificates, i), &der);
            hash_der(stream, der, size);
        }
    }
    vec_foreach (const struct notation_name, name, &trust->identities)
        hash_text(stream, name->text);
    vec_foreach (X509_CRL *, crl, &trust->crls) {
        int size = i2d_X509_CRL(*crl, &der);
        hash_der(stream, der, size);
        der = NULL;
    }
    digest_stream_add(stream, trust->actions, sizeof trust->actions);
    digest_stream_add(stream, &trust->anybody, sizeof trust->anybody);
    digest_stream_add(stream, &trust->stamp_after_expiry, sizeof trust->stamp_after_expiry);
    return digest_stream_end(stream);
}

int notation_trust_seal(struct notation_trust *trust, struct error *err)
{
    bool signers = false;
    vec_foreach (const struct notation_store, store, &trust->stores)
        signers = signers || store->type != NOTATION_TSA;
    if (!signers)
        return error_set(err, ERROR_INVALID,
                         "it names no trust store of type ca or signingAuthority, so nobody is "
                         "trusted");
    if (!trust->anybody && trust->identities.len == 0)
        return error_set(err, ERROR_INVALID,
                         "it names no trusted identity; write \"x509.subject: C=…, ST=…, O=…\", or "
                         "\"*\" for every signer of the trust stores");
    trust->digest = hash_all(trust);
    return 0;
}

char *notation_trust_describe(const struct notation_trust *trust)
{
    struct strbuf out;
    strbuf_init(&out, (size_t)(NOTATION_MAX_IDENTITIES + 1) * (NOTATION_MAX_NAME + 64));
    if (trust->anybody)
        strbuf_addstr(&out, "any Notation signer of");
    for (size_t i = 0; i < trust->stores.len && trust->anybody; i++) {
        const struct notation_store *store = vec_at(&trust->stores, i);
        if (store->type != NOTATION_TSA)
            strbuf_addf(&out, " %s:%s", store_types[store->type], store->name);
    }
    for (size_t i = 0; i < trust->identities.len; i++)
        strbuf_addf(&out, "%sNotation signer \"%s\"", i > 0 ? ", " : "",
                    ((const struct notation_name *)vec_at(&trust->identities, i))->text);
    return strbuf_steal(&out);
}
