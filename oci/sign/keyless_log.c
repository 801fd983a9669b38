// Rekor: a signature, its certificate and the hash of what was signed in, an entry of the log with
// the proof of its place out. Version 2 answers as bundles have it; version 1 in words of its own.
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/dsse.h"
#include "oci/sign/json_strict.h"
#include "oci/sign/keyless_internal.h"
#include "oci/sign/pem.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ANSWER = 4 << 20 };

static char *text_of(json_t *value)
{
    if (value == NULL)
        abort();
    char *text = jval_compact(value);
    json_decref(value);
    return text;
}

// Of an envelope, too: then the hash is that of its encoding.
static char *request_v2(const struct rekor_claim *claim)
{
    cleanup_free char *digest = base64_encode(claim->data->sha256, SHA256_SIZE);
    cleanup_free char *signature = base64_encode(claim->signature, claim->signature_size);
    cleanup_free char *certificate = base64_encode(claim->signer, claim->signer_size);
    return text_of(json_pack("{s:{s:s, s:{s:s, s:{s:{s:s}, s:s}}}}", "hashedRekordRequestV002",
                             "digest", digest, "signature", "content", signature, "verifier",
                             "x509Certificate", "rawBytes", certificate, "keyDetails",
                             "PKIX_ECDSA_P256_SHA_256"));
}

static char *request_v1(const struct rekor_claim *claim)
{
    cleanup_free char *hash = hex_encode(claim->data->sha256, SHA256_SIZE);
    cleanup_free char *signature = base64_encode(claim->signature, claim->signature_size);
    cleanup_free char *pem = pem_encode("CERTIFICATE", claim->signer, claim->signer_size);
    cleanup_free char *certificate = base64_encode(pem, strlen(pem));
    if (claim->dsse != NULL) {
        cleanup_json json_t *value = dsse_json(claim->dsse);
        cleanup_free char *envelope = jval_compact(value);
        return text_of(json_pack("{s:s, s:s, s:{s:{s:s, s:[s]}}}", "apiVersion", "0.0.1", "kind",
                                 "dsse", "spec", "proposedContent", "envelope", envelope,
                                 "verifiers", certificate));
    }
    return text_of(json_pack("{s:s, s:s, s:{s:{s:{s:s, s:s}}, s:{s:s, s:{s:s}}}}", "apiVersion",
                             "0.0.1", "kind", "hashedrekord", "spec", "data", "hash", "algorithm",
                             "sha256", "value", hash, "signature", "content", signature,
                             "publicKey", "content", certificate));
}

static int read_v2_entry(const char *text, size_t size, struct rekor_entry *ret_entry,
                         struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (jval_parse_object(text, size, "its answer", &value, err) < 0 ||
        rekor_entry_parse(value, ret_entry, err) < 0)
        return -1;
    return 0;
}

// Hexadecimal as base64; NULL where it is none of at most 32 bytes.
static json_t *hash_json(const json_t *hex)
{
    unsigned char hash[SHA256_SIZE];
    if (!json_is_string(hex) || json_string_length(hex) != 2 * SHA256_SIZE ||
        hex_decode(json_string_value(hex), hash, sizeof hash) < 0)
        return NULL;
    cleanup_free char *text = base64_encode(hash, sizeof hash);
    return json_string(text);
}

// The proof as a bundle has it; NULL where a member is missing or wrong.
static json_t *proof_json(const json_t *proof)
{
    const json_t *hashes = json_object_get(proof, "hashes");
    cleanup_json json_t *list = json_array();
    size_t index;
    json_t *hash;
    if (json_array_size(hashes) > REKOR_MAX_PROOF)
        return NULL;
    json_array_foreach (jval_unconst(hashes), index, hash) {
        json_t *value = hash_json(hash);
        if (value == NULL)
            return NULL;
        json_array_append_new(list, value);
    }
    json_t *root = hash_json(json_object_get(proof, "rootHash"));
    if (root == NULL)
        return NULL;
    return json_pack("{s:O?, s:o, s:O?, s:O, s:{s:O?}}", "logIndex",
                     json_object_get(proof, "logIndex"), "rootHash", root, "treeSize",
                     json_object_get(proof, "treeSize"), "hashes", list, "checkpoint", "envelope",
                     json_object_get(proof, "checkpoint"));
}

// Which kind it is, the body says.
static json_t *kind_json(const json_t *body)
{
    cleanup_free unsigned char *data = NULL;
    cleanup_json json_t *value = NULL;
    size_t size = 0;
    if (!json_is_string(body) ||
        base64_decode(json_string_value(body), json_string_length(body), &data, &size, NULL) < 0 ||
        jval_parse_object((const char *)data, size, "body", &value, NULL) < 0)
        return NULL;
    return json_pack("{s:O?, s:O?}", "kind", json_object_get(value, "kind"), "version",
                     json_object_get(value, "apiVersion"));
}

// {body, integratedTime, logID, logIndex, verification: {inclusionProof, signedEntryTimestamp}}
static json_t *entry_json(const json_t *entry)
{
    const json_t *verification = json_object_get(entry, "verification");
    json_t *kind = kind_json(json_object_get(entry, "body"));
    json_t *id = hash_json(json_object_get(entry, "logID"));
    json_t *proof = proof_json(json_object_get(verification, "inclusionProof"));
    if (kind == NULL || id == NULL || proof == NULL) {
        json_decref(kind);
        json_decref(id);
        json_decref(proof);
        return NULL;
    }
    return json_pack("{s:O?, s:{s:o}, s:o, s:O?, s:o, s:{s:O?}, s:O?}", "logIndex",
                     json_object_get(entry, "logIndex"), "logId", "keyId", id, "kindVersion", kind,
                     "integratedTime", json_object_get(entry, "integratedTime"), "inclusionProof",
                     proof, "inclusionPromise", "signedEntryTimestamp",
                     json_object_get(verification, "signedEntryTimestamp"), "canonicalizedBody",
                     json_object_get(entry, "body"));
}

int keyless_read_v1_entry(const char *text, size_t size, struct rekor_entry *ret_entry,
                          struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (jval_parse_object(text, size, "its answer", &value, err) < 0)
        return -1;
    if (json_object_size(value) != 1)
        return error_set(err, ERROR_INVALID, "its answer holds %zu entries, not one",
                         json_object_size(value));
    cleanup_json json_t *entry = entry_json(json_object_iter_value(json_object_iter(value)));
    if (entry == NULL)
        return error_set(err, ERROR_INVALID, "its answer is no log entry with an inclusion proof");
    return rekor_entry_parse(entry, ret_entry, err);
}

static int check_entry(const struct keyless *keyless, const struct rekor_entry *entry,
                       const struct rekor_claim *claim, struct error *err)
{
    int64_t time_s = 0;
    const struct trusted_log *log =
        trusted_root_log(&keyless->root->logs, entry->log_id.data, entry->log_id.size);
    if (log == NULL)
        return error_set(err, ERROR_UNVERIFIED,
                         "its entries are of a log that the trusted root does not name; is the "
                         "trusted root that of this instance?");
    return rekor_entry_verify(entry, log, claim, &time_s, err);
}

int keyless_log(const struct keyless *keyless, const struct signing_service *log,
                const struct rekor_claim *claim, struct rekor_entry *ret_entry, struct error *err)
{
    bool old = log->major < 2;
    cleanup_free char *url = xasprintf("%s/api/v%d/log/entries", log->url, old ? 1 : 2);
    cleanup_free char *body = old ? request_v1(claim) : request_v2(claim);
    cleanup_http_response struct http_response response = {0};
    const struct keyless_question question = {.service = "Rekor",
                                              .url = url,
                                              .type = "application/json",
                                              .accept = "application/json",
                                              .body = body,
                                              .body_size = strlen(body),
                                              .max_bytes = MAX_ANSWER};
    if (keyless_ask(keyless, &question, &response, err) < 0 ||
        keyless_check_status(&question, &response, err) < 0)
        return -1;
    struct rekor_entry entry = {0};
    int result = (old ? keyless_read_v1_entry : read_v2_entry)(response.body.data,
                                                               response.body.len, &entry, err);
    if (result == 0)
        result = check_entry(keyless, &entry, claim, err);
    if (result < 0) {
        rekor_entry_release(&entry);
        return error_wrap(err, "Rekor %s", url);
    }
    *ret_entry = entry;
    return 0;
}
