// Writing bundles with everything in them, as proto3 JSON.
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/rekor.h"
#include "oci/sign/sigstore_bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *must(json_t *value)
{
    if (value == NULL)
        abort();
    return value;
}

static json_t *base64_json(const void *data, size_t size)
{
    cleanup_free char *text = base64_encode(data, size);
    return must(json_string(text));
}

static json_t *bytes_json(const struct bytes *bytes)
{
    return base64_json(bytes->data, bytes->size);
}

// 64-bit numbers are texts.
static json_t *number_json(int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    return must(json_string(text));
}

static json_t *proof_json(const struct rekor_entry *entry)
{
    json_t *hashes = json_array();
    for (size_t i = 0; i < entry->hash_count; i++)
        json_array_append_new(hashes, base64_json(entry->hashes[i], SHA256_SIZE));
    return must(json_pack(
        "{s:o, s:o, s:o, s:o, s:{s:s}}", "logIndex", number_json(entry->proof_index), "rootHash",
        base64_json(entry->root, sizeof entry->root), "treeSize", number_json(entry->tree_size),
        "hashes", hashes, "checkpoint", "envelope", entry->checkpoint));
}

json_t *rekor_entry_json(const struct rekor_entry *entry)
{
    json_t *value = must(
        json_pack("{s:o, s:{s:o}, s:{s:s, s:s}, s:o}", "logIndex", number_json(entry->index),
                  "logId", "keyId", bytes_json(&entry->log_id), "kindVersion", "kind", entry->kind,
                  "version", entry->version, "integratedTime", number_json(entry->integrated_s)));
    if (entry->promise.size > 0)
        jval_set(value, "inclusionPromise",
                 must(json_pack("{s:o}", "signedEntryTimestamp", bytes_json(&entry->promise))));
    if (entry->has_proof)
        jval_set(value, "inclusionProof", proof_json(entry));
    jval_set(value, "canonicalizedBody", bytes_json(&entry->body));
    return value;
}

static json_t *material_json(const struct sigstore_bundle *bundle)
{
    json_t *material = json_object();
    json_t *entries = json_array(), *timestamps = json_array();
    if (bundle->material == SIGSTORE_CERTIFICATE)
        jval_set(material, "certificate.rawBytes", bytes_json(&bundle->certificate));
    else
        jval_set_string(material, "publicKey.hint", bundle->hint);
    vec_foreach (const struct rekor_entry, entry, &bundle->entries)
        json_array_append_new(entries, rekor_entry_json(entry));
    vec_foreach (const struct bytes, timestamp, &bundle->timestamps)
        json_array_append_new(timestamps,
                              must(json_pack("{s:o}", "signedTimestamp", bytes_json(timestamp))));
    jval_set(material, "tlogEntries", entries);
    jval_set(material, "timestampVerificationData.rfc3161Timestamps", timestamps);
    return material;
}

char *sigstore_bundle_write(const struct sigstore_bundle *bundle, size_t *ret_size)
{
    cleanup_json json_t *root = must(json_pack("{s:s, s:o}", "mediaType", SIGSTORE_BUNDLE_TYPE,
                                               "verificationMaterial", material_json(bundle)));
    if (bundle->content == SIGSTORE_DSSE)
        jval_set(root, "dsseEnvelope", dsse_json(&bundle->dsse));
    else
        jval_set(root, "messageSignature",
                 must(json_pack("{s:{s:s, s:o}, s:o}", "messageDigest", "algorithm", "SHA2_256",
                                "digest", bytes_json(&bundle->digest), "signature",
                                bytes_json(&bundle->signature))));
    char *text = jval_compact(root);
    *ret_size = strlen(text);
    return text;
}
