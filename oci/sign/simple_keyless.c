// Keyless signatures of the older form: certificate, log entry and timestamp are annotations of the
// layer. They say what a bundle of version 0.1 says.
#include "oci/sign/simple_signing.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/manifest.h"
#include "oci/sign/json_strict.h"
#include "oci/sign/pem.h"
#include "oci/sign/rekor.h"
#include "oci/sign/sigstore_bundle.h"

#include <stdlib.h>
#include <string.h>

#define LOG_ANNOTATION "dev.sigstore.cosign/bundle"
#define TIMESTAMP_ANNOTATION "dev.sigstore.cosign/rfc3161timestamp"

static int parse_certificate(const char *pem, struct bytes *ret_der, struct error *err)
{
    char label[PEM_LABEL_SIZE];
    cleanup_bytes struct bytes der = {0};
    if (pem_decode(pem, strlen(pem), "the certificate", label, &der.data, &der.size, err) < 0)
        return -1;
    if (strcmp(label, "CERTIFICATE") != 0)
        return error_set(err, ERROR_INVALID, "the certificate is a \"%s\"", label);
    *ret_der = der;
    der = (struct bytes){0};
    return 0;
}

static int parse_log_id(const json_t *payload, struct bytes *ret_id, struct error *err)
{
    const char *text = NULL;
    if (json_strict_string(payload, "logID", &text, err) < 0)
        return -1;
    cleanup_free unsigned char *id = xmalloc(SHA256_SIZE);
    if (strlen(text) != SHA256_HEX_SIZE - 1 || hex_decode(text, id, SHA256_SIZE) < 0)
        return error_set(err, ERROR_INVALID, "logID is no hash in hex digits");
    ret_id->data = STEAL(id);
    ret_id->size = SHA256_SIZE;
    return 0;
}

// Of which kind the entry is, its body alone says here.
static int parse_kind(struct rekor_entry *entry, struct error *err)
{
    cleanup_json json_t *body = NULL;
    const char *kind = NULL;
    const char *version = NULL;
    if (jval_parse_object((const char *)entry->body.data, entry->body.size, "body", &body, err) <
            0 ||
        json_strict_string(body, "kind", &kind, err) < 0 ||
        json_strict_string(body, "apiVersion", &version, err) < 0)
        return -1;
    entry->kind = xstrdup(kind);
    entry->version = xstrdup(version);
    return 0;
}

static int parse_log_entry(const char *text, struct vec *entries, struct error *err)
{
    static const char *const names[] = {"SignedEntryTimestamp", "Payload", NULL};
    static const char *const payload_names[] = {"body", "integratedTime", "logIndex", "logID",
                                                NULL};
    cleanup_json json_t *root = NULL;
    if (jval_parse_object(text, strlen(text), LOG_ANNOTATION, &root, err) < 0)
        return -1;
    struct rekor_entry *entry = vec_push(entries);
    const json_t *payload = json_object_get(root, "Payload");
    if (json_strict_members(root, LOG_ANNOTATION, names, err) < 0 ||
        json_strict_members(payload, "Payload", payload_names, err) < 0 ||
        json_proto_bytes(root, "SignedEntryTimestamp", &entry->promise, err) < 0 ||
        json_proto_bytes(payload, "body", &entry->body, err) < 0 ||
        json_proto_number(payload, "integratedTime", true, &entry->integrated_s, err) < 0 ||
        json_proto_number(payload, "logIndex", true, &entry->index, err) < 0 ||
        parse_log_id(payload, &entry->log_id, err) < 0)
        return -1;
    return parse_kind(entry, err);
}

static int parse_timestamp(const char *text, struct vec *timestamps, struct error *err)
{
    static const char *const names[] = {"SignedRFC3161Timestamp", NULL};
    cleanup_json json_t *root = NULL;
    if (jval_parse_object(text, strlen(text), TIMESTAMP_ANNOTATION, &root, err) < 0 ||
        json_strict_members(root, TIMESTAMP_ANNOTATION, names, err) < 0)
        return -1;
    return json_proto_bytes(root, "SignedRFC3161Timestamp", vec_push(timestamps), err);
}

static int parse(const struct oci_descriptor *layer, struct sigstore_bundle *bundle,
                 struct error *err)
{
    const char *signature = oci_descriptor_annotation(layer, SIMPLE_SIGNING_ANNOTATION);
    const char *certificate = oci_descriptor_annotation(layer, SIMPLE_SIGNING_CERTIFICATE);
    const char *log = oci_descriptor_annotation(layer, LOG_ANNOTATION);
    const char *timestamp = oci_descriptor_annotation(layer, TIMESTAMP_ANNOTATION);
    // An attestation has its signature in its envelope.
    if ((signature != NULL && base64_decode(signature, strlen(signature), &bundle->signature.data,
                                            &bundle->signature.size, err) < 0) ||
        parse_certificate(certificate, &bundle->certificate, err) < 0 ||
        (log != NULL && parse_log_entry(log, &bundle->entries, err) < 0) ||
        (timestamp != NULL && parse_timestamp(timestamp, &bundle->timestamps, err) < 0))
        return -1;
    return 0;
}

int simple_signing_bundle(const struct oci_descriptor *layer, struct sigstore_bundle *ret_bundle,
                          struct error *err)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {
        .material = SIGSTORE_CERTIFICATE,
        .content = SIGSTORE_MESSAGE,
        .entries = VEC_OF(struct rekor_entry, rekor_entry_release),
        .timestamps = VEC_OF(struct bytes, bytes_release),
    };
    if (parse(layer, &bundle, err) < 0)
        return -1;
    *ret_bundle = bundle;
    bundle = (struct sigstore_bundle){0};
    return 0;
}
