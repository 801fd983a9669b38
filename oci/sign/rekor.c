#include "oci/sign/rekor.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "oci/sign/checkpoint.h"
#include "oci/sign/json_strict.h"
#include "oci/sign/key.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BODY = 1 << 20, MAX_KIND = 64 };

void rekor_entry_release(void *element)
{
    struct rekor_entry *entry = element;
    bytes_release(&entry->log_id);
    free(STEAL(entry->kind));
    free(STEAL(entry->version));
    bytes_release(&entry->promise);
    free(STEAL(entry->hashes));
    free(STEAL(entry->checkpoint));
    bytes_release(&entry->body);
}

static int parse_checkpoint(const json_t *proof, struct rekor_entry *entry, struct error *err)
{
    static const char *const names[] = {"envelope", NULL};
    const json_t *checkpoint = json_proto_member(proof, "checkpoint");
    const char *text = NULL;
    if (json_strict_members(checkpoint, "checkpoint", names, err) < 0 ||
        json_strict_string(checkpoint, "envelope", &text, err) < 0)
        return -1;
    entry->checkpoint = xstrdup(text);
    return 0;
}

static int parse_hashes(const json_t *proof, struct rekor_entry *entry, struct error *err)
{
    const json_t *hashes = NULL;
    if (json_proto_array(proof, "hashes", REKOR_MAX_PROOF, &hashes, err) < 0)
        return -1;
    entry->hash_count = json_array_size(hashes);
    entry->hashes = xcalloc(entry->hash_count + 1, sizeof *entry->hashes);
    for (size_t i = 0; i < entry->hash_count; i++) {
        cleanup_bytes struct bytes hash = {0};
        if (json_proto_bytes_of(json_array_get(hashes, i), "hashes", &hash, NULL) < 0 ||
            hash.size != SHA256_SIZE)
            return error_set(err, ERROR_INVALID, "hashes[%zu] is no hash", i);
        memcpy(entry->hashes[i], hash.data, hash.size);
    }
    return 0;
}

static int parse_proof(const json_t *proof, struct rekor_entry *entry, struct error *err)
{
    static const char *const names[] = {"logIndex", "rootHash",   "treeSize",
                                        "hashes",   "checkpoint", NULL};
    if (proof == NULL)
        return 0;
    entry->has_proof = true;
    if (json_strict_members(proof, "inclusionProof", names, err) < 0 ||
        json_proto_number(proof, "logIndex", false, &entry->proof_index, err) < 0 ||
        json_proto_number(proof, "treeSize", true, &entry->tree_size, err) < 0 ||
        json_proto_fixed(proof, "rootHash", entry->root, sizeof entry->root, err) < 0 ||
        parse_hashes(proof, entry, err) < 0 || parse_checkpoint(proof, entry, err) < 0)
        return error_wrap(err, "inclusionProof");
    return 0;
}

static int parse_promise(const json_t *promise, struct rekor_entry *entry, struct error *err)
{
    static const char *const names[] = {"signedEntryTimestamp", NULL};
    if (promise == NULL)
        return 0;
    if (json_strict_members(promise, "inclusionPromise", names, err) < 0)
        return -1;
    return json_proto_bytes(promise, "signedEntryTimestamp", &entry->promise, err);
}

static int parse_kind(const json_t *value, struct rekor_entry *entry, struct error *err)
{
    static const char *const names[] = {"kind", "version", NULL};
    const json_t *kind_version = json_proto_member(value, "kindVersion");
    const char *kind = NULL;
    const char *version = NULL;
    if (json_strict_members(kind_version, "kindVersion", names, err) < 0 ||
        json_strict_string(kind_version, "kind", &kind, err) < 0 ||
        json_strict_string(kind_version, "version", &version, err) < 0)
        return -1;
    entry->kind = xstrndup(kind, MAX_KIND);
    entry->version = xstrndup(version, MAX_KIND);
    return 0;
}

static int parse_entry(const json_t *value, struct rekor_entry *entry, struct error *err)
{
    static const char *const names[] = {"logIndex",          "logId",
                                        "kindVersion",       "integratedTime",
                                        "inclusionProof",    "inclusionPromise",
                                        "canonicalizedBody", NULL};
    static const char *const id_names[] = {"keyId", NULL};
    const json_t *id = json_proto_member(value, "logId");
    // Proto3 JSON leaves a 0 out, and the first entry has the index 0.
    if (json_strict_members(value, "the entry", names, err) < 0 ||
        json_proto_number(value, "logIndex", false, &entry->index, err) < 0 ||
        json_strict_members(id, "logId", id_names, err) < 0 ||
        json_proto_bytes(id, "keyId", &entry->log_id, err) < 0 ||
        parse_kind(value, entry, err) < 0 ||
        json_proto_number(value, "integratedTime", false, &entry->integrated_s, err) < 0 ||
        parse_promise(json_proto_member(value, "inclusionPromise"), entry, err) < 0 ||
        parse_proof(json_proto_member(value, "inclusionProof"), entry, err) < 0 ||
        json_proto_bytes(value, "canonicalizedBody", &entry->body, err) < 0)
        return -1;
    if (entry->body.size > MAX_BODY)
        return error_set(err, ERROR_LIMIT, "canonicalizedBody has more than %d bytes", MAX_BODY);
    return 0;
}

int rekor_entry_parse(const json_t *value, struct rekor_entry *ret_entry, struct error *err)
{
    struct rekor_entry entry = {0};
    if (parse_entry(value, &entry, err) < 0) {
        rekor_entry_release(&entry);
        return -1;
    }
    *ret_entry = entry;
    return 0;
}

static void hash_leaf(const struct bytes *body, unsigned char ret_hash[SHA256_SIZE])
{
    cleanup_free unsigned char *leaf = xmalloc(body->size + 1);
    leaf[0] = 0;
    memcpy(leaf + 1, body->data, body->size);
    sha256(leaf, body->size + 1, ret_hash);
}

static void hash_node(const unsigned char left[SHA256_SIZE], const unsigned char right[SHA256_SIZE],
                      unsigned char ret_hash[SHA256_SIZE])
{
    unsigned char node[1 + 2 * SHA256_SIZE] = {1};
    memcpy(node + 1, left, SHA256_SIZE);
    memcpy(node + 1 + SHA256_SIZE, right, SHA256_SIZE);
    sha256(node, sizeof node, ret_hash);
}

bool rekor_proof_holds(const unsigned char leaf[SHA256_SIZE], int64_t index, int64_t tree_size,
                       const unsigned char (*hashes)[SHA256_SIZE], size_t hash_count,
                       const unsigned char root[SHA256_SIZE])
{
    if (index < 0 || tree_size <= index)
        return false;
    unsigned char hash[SHA256_SIZE];
    memcpy(hash, leaf, sizeof hash);
    int64_t at = index;           // of the node that `hash` is, on its level
    int64_t last = tree_size - 1; // of the last node there
    for (size_t i = 0; i < hash_count; i++) {
        if (last == 0)
            return false;
        if ((at & 1) == 0 && at != last) {
            hash_node(hash, hashes[i], hash);
        } else {
            hash_node(hashes[i], hash, hash);
            // A last node without a sibling rises until it has one; it is not 0, as `last` is not.
            while ((at & 1) == 0) {
                at >>= 1;
                last >>= 1;
            }
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(hash, root, sizeof hash) == 0;
}

// The signed entry timestamp: the log's promise to take the entry in, and when it did.
static int check_promise(const struct rekor_entry *entry, const struct trusted_log *log,
                         struct error *err)
{
    cleanup_free char *body = base64_encode(entry->body.data, entry->body.size);
    cleanup_free char *id = hex_encode(entry->log_id.data, entry->log_id.size);
    cleanup_free char *text =
        xasprintf("{\"body\":\"%s\",\"integratedTime\":%lld,\"logID\":\"%s\",\"logIndex\":%lld}",
                  body, (long long)entry->integrated_s, id, (long long)entry->index);
    if (verify_key_check(log->key, text, strlen(text), entry->promise.data, entry->promise.size,
                         err) < 0)
        return error_wrap(err, "the log's promise (signed entry timestamp)");
    if (entry->integrated_s > INT64_MAX / 1000 ||
        !validity_covers(&log->valid, entry->integrated_s * 1000))
        return error_set(err, ERROR_UNVERIFIED,
                         "the log's key was not valid when it took the entry in");
    return 0;
}

static int check_proof(const struct rekor_entry *entry, const struct trusted_log *log,
                       struct error *err)
{
    struct checkpoint checkpoint = {0};
    unsigned char leaf[SHA256_SIZE];
    if (checkpoint_parse(entry->checkpoint, &checkpoint, err) < 0 ||
        checkpoint_verify(&checkpoint, log, err) < 0)
        return -1;
    if (checkpoint.tree_size != entry->tree_size ||
        memcmp(checkpoint.root, entry->root, sizeof entry->root) != 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "the inclusion proof is about another tree than the checkpoint");
    if (!checkpoint_is_v1(&checkpoint) && entry->proof_index != entry->index)
        return error_set(err, ERROR_UNVERIFIED, "the inclusion proof is about another entry");
    hash_leaf(&entry->body, leaf);
    if (!rekor_proof_holds(leaf, entry->proof_index, entry->tree_size,
                           (const unsigned char(*)[SHA256_SIZE])entry->hashes, entry->hash_count,
                           entry->root))
        return error_set(err, ERROR_UNVERIFIED,
                         "the inclusion proof does not lead from the entry to the log's root");
    return 0;
}

int rekor_entry_verify(const struct rekor_entry *entry, const struct trusted_log *log,
                       const struct rekor_claim *claim, int64_t *ret_time_s, struct error *err)
{
    bool promised = entry->promise.size > 0;
    if (!promised && !entry->has_proof)
        return error_set(err, ERROR_UNVERIFIED, "it holds neither a promise nor a proof");
    if ((promised && check_promise(entry, log, err) < 0) ||
        (entry->has_proof && check_proof(entry, log, err) < 0) ||
        rekor_body_check(entry, claim, err) < 0)
        return -1;
    *ret_time_s = promised ? entry->integrated_s : 0;
    return 0;
}
