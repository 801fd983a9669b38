#include "oci/sign/sigstore_verify.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/statement.h"
#include "oci/sign/timestamp.h"
#include "oci/sign/trusted_root.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

// One verification. All borrowed but what is said.
struct inspection {
    const struct sigstore_bundle *bundle;
    const struct trusted_root *root;
    struct signed_data data; // what the signature is over
    char *encoding;          // of an envelope; data is it then; owned
    const void *signature;
    size_t signature_size;
    struct vec times_ms; // int64_t: when the signature is known to have existed
    size_t entries_verified;
};

void signed_data_of(const void *data, size_t size, struct signed_data *ret_data)
{
    *ret_data = (struct signed_data){.data = data, .size = size};
    sha256(data, size, ret_data->sha256);
}

int signed_data_of_digest(const char *text, struct signed_data *ret_data, struct error *err)
{
    struct signed_data data = {0};
    if (!digest_is_valid(text))
        return error_set(err, ERROR_INVALID,
                         "\"%.100s\" is no digest: write sha256: and 64 hex digits", text);
    if (hex_decode(digest_hex(text), data.sha256, SHA256_SIZE) < 0)
        abort();
    *ret_data = data;
    return 0;
}

static void inspection_release(struct inspection *inspection)
{
    free(inspection->encoding);
    vec_free(&inspection->times_ms);
}

static void inspection_init(struct inspection *inspection, const struct sigstore_bundle *bundle,
                            const struct trusted_root *root, const struct signed_data *data)
{
    *inspection = (struct inspection){
        .bundle = bundle, .root = root, .data = *data, .times_ms = VEC_OF(int64_t, NULL)};
    inspection->signature = bundle->signature.data;
    inspection->signature_size = bundle->signature.size;
    if (bundle->content == SIGSTORE_DSSE) {
        const struct dsse_envelope *dsse = &bundle->dsse;
        size_t size = 0;
        inspection->encoding =
            dsse_pae(dsse->payload_type, dsse->payload, dsse->payload_size, &size);
        signed_data_of(inspection->encoding, size, &inspection->data);
        inspection->signature = dsse->signature;
        inspection->signature_size = dsse->signature_size;
    }
}

// Whether the artifact is the one that the bundle claims to be about.
static int check_claim(const struct sigstore_bundle *bundle, const struct signed_data *data,
                       struct error *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t size = bundle->digest.size;
    if (size == 0)
        return 0;
    if (size == SHA256_SIZE) {
        memcpy(hash, data->sha256, SHA256_SIZE);
    } else if (data->data == NULL) {
        return error_set(err, ERROR_UNVERIFIED,
                         "the bundle names the artifact by a hash other than SHA-256; give the "
                         "bytes, not their digest");
    } else if (EVP_Digest(data->data, data->size, hash, NULL, bundle->digest_hash, NULL) != 1) {
        abort();
    }
    if (bytes_equal(&bundle->digest, hash, size))
        return 0;
    return error_set(err, ERROR_UNVERIFIED,
                     "the bundle is about another artifact (its messageDigest is not the "
                     "artifact's)");
}

static int check_signature(const struct inspection *inspection, const struct verify_key *key,
                           struct error *err)
{
    const struct signed_data *data = &inspection->data;
    if (check_claim(inspection->bundle, data, err) < 0)
        return -1;
    if (data->data == NULL)
        return verify_key_check_sha256(key, data->sha256, inspection->signature,
                                       inspection->signature_size, err);
    return verify_key_check(key, data->data, data->size, inspection->signature,
                            inspection->signature_size, err);
}

static void observe(struct inspection *inspection, int64_t wall_ms)
{
    *(int64_t *)vec_push(&inspection->times_ms) = wall_ms;
}

static int check_timestamps(struct inspection *inspection, struct error *err)
{
    vec_foreach (const struct bytes, timestamp, &inspection->bundle->timestamps) {
        int64_t wall_ms = 0;
        const struct bytes *stamped = &inspection->bundle->stamped;
        const void *what = stamped->size > 0 ? stamped->data : inspection->signature;
        size_t size = stamped->size > 0 ? stamped->size : inspection->signature_size;
        if (timestamp_verify(timestamp->data, timestamp->size, what, size, &inspection->root->tsas,
                             &wall_ms, err) < 0)
            return -1;
        if (wall_ms != 0)
            observe(inspection, wall_ms);
    }
    return 0;
}

// A log without times of its own was the right one when the signature was made.
static int check_log_window(const struct inspection *inspection, const struct trusted_log *log,
                            struct error *err)
{
    for (size_t i = 0; i < inspection->times_ms.len; i++)
        if (!validity_covers(&log->valid, *(int64_t *)vec_at(&inspection->times_ms, i)))
            return error_set(err, ERROR_UNVERIFIED,
                             "the key of the log %s was not valid when the signature was made",
                             log->host);
    return 0;
}

// Entries of logs that the root does not name are nobody's word.
static int check_entries(struct inspection *inspection, const void *signer, size_t signer_size,
                         bool is_certificate, struct error *err)
{
    const struct sigstore_bundle *bundle = inspection->bundle;
    const struct rekor_claim claim = {
        .signature = inspection->signature,
        .signature_size = inspection->signature_size,
        .signer = signer,
        .signer_size = signer_size,
        .signer_is_certificate = is_certificate,
        .data = &inspection->data,
        .dsse = bundle->content == SIGSTORE_DSSE ? &bundle->dsse : NULL,
    };
    vec_foreach (const struct rekor_entry, entry, &bundle->entries) {
        int64_t time_s = 0;
        const struct trusted_log *log =
            trusted_root_log(&inspection->root->logs, entry->log_id.data, entry->log_id.size);
        if (log == NULL)
            continue;
        if (rekor_entry_verify(entry, log, &claim, &time_s, err) < 0 ||
            (time_s == 0 && check_log_window(inspection, log, err) < 0))
            return error_wrap(err, "log entry %lld", (long long)entry->index);
        if (time_s != 0)
            observe(inspection, time_s * 1000);
        inspection->entries_verified++;
    }
    return 0;
}

// What an entry says of its time is nobody's word without the log's promise; but it may not say
// that the certificate was not valid.
static int check_claimed_times(const struct inspection *inspection,
                               const struct certificate *certificate, struct error *err)
{
    vec_foreach (const struct rekor_entry, entry, &inspection->bundle->entries) {
        if (entry->integrated_s != 0 && !certificate_is_valid_at(certificate, entry->integrated_s))
            return error_set(err, ERROR_UNVERIFIED,
                             "log entry %lld is from a time when the certificate was not valid",
                             (long long)entry->index);
    }
    return 0;
}

static int check_certificate(const struct inspection *inspection,
                             const struct certificate *certificate, struct error *err)
{
    X509 *issuer = NULL;
    int result = 0;
    for (size_t i = 0; i < inspection->times_ms.len && result == 0; i++) {
        X509_free(STEAL(issuer));
        result =
            certificate_check_chain(certificate, inspection->root,
                                    *(int64_t *)vec_at(&inspection->times_ms, i), &issuer, err);
    }
    if (result == 0 && issuer == NULL)
        result = error_set(err, ERROR_UNVERIFIED,
                           "nothing trusted tells when the signature was made (a log's promise or "
                           "a timestamp of an authority that the trusted root names)");
    if (result == 0)
        result = certificate_check_sct(certificate, issuer, inspection->root, err);
    X509_free(issuer);
    return result;
}

static int inspect_keyless(struct inspection *inspection, struct certificate **ret_signer,
                           struct error *err)
{
    const struct bytes *der = &inspection->bundle->certificate;
    cleanup_certificate struct certificate *certificate = NULL;
    if (inspection->bundle->material != SIGSTORE_CERTIFICATE)
        return error_set(err, ERROR_UNVERIFIED,
                         "it is signed with a key, not with a certificate; name the key");
    if (certificate_parse(der->data, der->size, &certificate, err) < 0 ||
        check_timestamps(inspection, err) < 0 ||
        check_entries(inspection, certificate->der, certificate->der_size, true, err) < 0)
        return -1;
    if (inspection->entries_verified == 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "no log that the trusted root names has an entry of it");
    if (check_certificate(inspection, certificate, err) < 0 ||
        check_claimed_times(inspection, certificate, err) < 0 ||
        check_signature(inspection, certificate->key, err) < 0)
        return -1;
    *ret_signer = STEAL(certificate);
    return 0;
}

int sigstore_verify_keyless(const struct sigstore_bundle *bundle, const struct trusted_root *root,
                            const struct signed_data *data, struct certificate **ret_signer,
                            struct error *err)
{
    __attribute__((cleanup(inspection_release))) struct inspection inspection;
    inspection_init(&inspection, bundle, root, data);
    return inspect_keyless(&inspection, ret_signer, err);
}

int sigstore_verify_keyed(const struct sigstore_bundle *bundle, const struct verify_key *key,
                          const struct trusted_root *root, const struct signed_data *data,
                          struct error *err)
{
    __attribute__((cleanup(inspection_release))) struct inspection inspection;
    inspection_init(&inspection, bundle, root, data);
    if (bundle->material != SIGSTORE_PUBLIC_KEY)
        return error_set(err, ERROR_UNVERIFIED,
                         "it is signed with a certificate, not with a key; name the identity");
    if (check_signature(&inspection, key, err) < 0)
        return -1;
    if (root == NULL || bundle->entries.len == 0)
        return 0;
    size_t size = 0;
    const unsigned char *der = verify_key_der(key, &size);
    if (check_timestamps(&inspection, err) < 0 ||
        check_entries(&inspection, der, size, false, err) < 0)
        return -1;
    if (inspection.entries_verified == 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "its log entries are of logs that the trusted root does not name");
    return 0;
}

// Whether the statement names the artifact by SHA-512 or SHA-384 alone.
static bool names_stronger(const struct sigstore_bundle *bundle, const struct signed_data *data)
{
    static const struct {
        const char *name;
        const EVP_MD *(*hash)(void);
    } hashes[] = {{"sha512", EVP_sha512}, {"sha384", EVP_sha384}};
    for (size_t i = 0; data->data != NULL && i < ARRAY_LENGTH(hashes); i++) {
        cleanup_statement struct statement statement = {0};
        unsigned char hash[EVP_MAX_MD_SIZE];
        if (EVP_Digest(data->data, data->size, hash, NULL, hashes[i].hash(), NULL) != 1)
            abort();
        cleanup_free char *hex = hex_encode(hash, (size_t)EVP_MD_get_size(hashes[i].hash()));
        cleanup_free char *digest = xasprintf("%s:%s", hashes[i].name, hex);
        if (statement_parse(bundle->dsse.payload, bundle->dsse.payload_size, digest, &statement,
                            NULL) == 0)
            return true;
    }
    return false;
}

int sigstore_check_content(const struct sigstore_bundle *bundle, const struct signed_data *data,
                           struct error *err)
{
    cleanup_statement struct statement statement = {0};
    if (bundle->content != SIGSTORE_DSSE)
        return 0;
    if (strcmp(bundle->dsse.payload_type, DSSE_IN_TOTO) != 0)
        return error_set(err, ERROR_UNVERIFIED, "its payload is a %.64s, not an in-toto statement",
                         bundle->dsse.payload_type);
    struct digest digest = digest_from_hash(data->sha256);
    if (names_stronger(bundle, data))
        return 0;
    return statement_parse(bundle->dsse.payload, bundle->dsse.payload_size, digest.text, &statement,
                           err);
}
