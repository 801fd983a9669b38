#include "oci/sign/tuf_metadata.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/key.h"
#include "oci/sign/tuf_key.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 64, MAX_SIGNATURES = 64, MAX_SIGNATURE = 1024, MAX_FILES = 4096 };

static const char *const roles[] = {[TUF_ROOT] = "root",
                                    [TUF_TIMESTAMP] = "timestamp",
                                    [TUF_SNAPSHOT] = "snapshot",
                                    [TUF_TARGETS] = "targets"};

const char *tuf_role_name(enum tuf_role role)
{
    return roles[role];
}

void tuf_metadata_release(struct tuf_metadata *metadata)
{
    json_decref(metadata->value);
    *metadata = (struct tuf_metadata){0};
}

// "expires", "version" and the like, which all four have.
static int read_head(struct tuf_metadata *metadata, struct error *err)
{
    const json_t *part = metadata->signed_part;
    const char *type = jval_string(part, "_type"), *spec = jval_string(part, "spec_version");
    const char *expires = jval_string(part, "expires");
    if (type == NULL || strcmp(type, roles[metadata->role]) != 0)
        return error_set(err, ERROR_INVALID, "it is no %s metadata", roles[metadata->role]);
    if (spec == NULL || strncmp(spec, "1.", 2) != 0)
        return error_set(err, ERROR_INVALID, "it is not written as version 1 of TUF has it");
    metadata->version = jval_int(part, "version", 0);
    if (metadata->version < 1)
        return error_set(err, ERROR_INVALID, "it has no version");
    if (expires == NULL || time_parse(expires, &metadata->expires_ms, NULL) < 0)
        return error_set(err, ERROR_INVALID, "it has no time at which it expires");
    return 0;
}

static int check_role(const json_t *part, const char *name, struct error *err)
{
    const json_t *role = json_object_get(json_object_get(part, "roles"), name);
    const json_t *ids = json_object_get(role, "keyids");
    if (!json_is_array(ids) || json_array_size(ids) > MAX_KEYS ||
        jval_int(role, "threshold", 0) < 1)
        return error_set(err, ERROR_INVALID,
                         "it does not say which keys sign %s, and at least one of them must", name);
    return 0;
}

static int check_root(const struct tuf_metadata *metadata, struct error *err)
{
    const json_t *part = metadata->signed_part, *keys = json_object_get(part, "keys");
    if (!json_is_object(keys) || json_object_size(keys) > MAX_KEYS)
        return error_set(err, ERROR_INVALID, "it has no keys, or more than %d", MAX_KEYS);
    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++)
        if (check_role(part, roles[i], err) < 0)
            return -1;
    return 0;
}

static const json_t *files_of(const struct tuf_metadata *metadata)
{
    return json_object_get(metadata->signed_part,
                           metadata->role == TUF_TARGETS ? "targets" : "meta");
}

static int check_files(const struct tuf_metadata *metadata, struct error *err)
{
    const json_t *files = files_of(metadata);
    if (!json_is_object(files) || json_object_size(files) > MAX_FILES)
        return error_set(err, ERROR_INVALID, "it lists no files, or more than %d", MAX_FILES);
    return 0;
}

int tuf_metadata_parse(const char *text, size_t size, enum tuf_role role,
                       struct tuf_metadata *ret_metadata, struct error *err)
{
    cleanup_tuf_metadata struct tuf_metadata metadata = {.role = role};
    if (jval_parse_object(text, size, roles[role], &metadata.value, err) < 0)
        return -1;
    metadata.signed_part = json_object_get(metadata.value, "signed");
    const json_t *signatures = json_object_get(metadata.value, "signatures");
    if (!json_is_object(metadata.signed_part) || !json_is_array(signatures) ||
        json_array_size(signatures) > MAX_SIGNATURES)
        return error_set(err, ERROR_INVALID,
                         "it is no TUF metadata with \"signed\" and at most %d \"signatures\"",
                         MAX_SIGNATURES);
    if (read_head(&metadata, err) < 0)
        return -1;
    if (role == TUF_ROOT ? check_root(&metadata, err) < 0 : check_files(&metadata, err) < 0)
        return -1;
    *ret_metadata = metadata;
    metadata = (struct tuf_metadata){0};
    return 0;
}

// --- signatures
// -----------------------------------------------------------------------------------

// The signatures of one file while they are counted.
struct count {
    const struct tuf_metadata *root;
    const json_t *ids; // of the keys that may sign
    char *text;
    size_t size;
    struct digest signers[MAX_SIGNATURES];
    size_t n_signers;
};

static bool may_sign(const struct count *count, const char *id)
{
    size_t index;
    json_t *other;
    jval_array_foreach(count->ids, index,
                       other) if (json_is_string(other) &&
                                  strcmp(json_string_value(other), id) == 0) return true;
    return false;
}

static bool has_signed(const struct count *count, const struct digest *signer)
{
    for (size_t i = 0; i < count->n_signers; i++)
        if (strcmp(count->signers[i].text, signer->text) == 0)
            return true;
    return false;
}

// Nothing here is an error: what does not verify is not counted. Some signatures are empty where a
// signer is still to come.
static void count_signature(struct count *count, const json_t *signature)
{
    const char *id = jval_string(signature, "keyid"), *hex = jval_string(signature, "sig");
    unsigned char bytes[MAX_SIGNATURE];
    size_t size = hex != NULL ? strlen(hex) / 2 : 0;
    if (id == NULL || size == 0 || size > sizeof bytes || !may_sign(count, id) ||
        hex_decode(hex, bytes, size) < 0)
        return;
    const json_t *stated = json_object_get(json_object_get(count->root->signed_part, "keys"), id);
    cleanup_verify_key struct verify_key *key = NULL;
    if (tuf_key_load(stated, &key, NULL) < 0 ||
        verify_key_check(key, count->text, count->size, bytes, size, NULL) < 0)
        return;
    if (!has_signed(count, verify_key_fingerprint(key)))
        count->signers[count->n_signers++] = *verify_key_fingerprint(key);
}

int tuf_metadata_verify(const struct tuf_metadata *metadata, const struct tuf_metadata *root,
                        struct error *err)
{
    const char *name = roles[metadata->role];
    const json_t *role = json_object_get(json_object_get(root->signed_part, "roles"), name);
    struct count count = {.root = root, .ids = json_object_get(role, "keyids")};
    int64_t threshold = jval_int(role, "threshold", 0);
    count.text = tuf_canonical(metadata->signed_part, &count.size);
    if (count.text == NULL)
        return error_set(err, ERROR_INVALID, "it holds a number that is no integer");
    size_t index;
    json_t *signature;
    jval_array_foreach(json_object_get(metadata->value, "signatures"), index, signature)
        count_signature(&count, signature);
    free(count.text);
    if (threshold >= 1 && count.n_signers >= (size_t)threshold)
        return 0;
    return error_set(err, ERROR_UNVERIFIED,
                     "%zu of the keys that root %lld names for %s signed it, and %lld must",
                     count.n_signers, (long long)root->version, name, (long long)threshold);
}

bool tuf_root_is_consistent(const struct tuf_metadata *root)
{
    return jval_bool(root->signed_part, "consistent_snapshot", false);
}

// --- files
// ----------------------------------------------------------------------------------------

static int read_hash(const json_t *hashes, const char *name, size_t digits, const char **ret_hex,
                     struct error *err)
{
    const json_t *value = json_object_get(hashes, name);
    const char *hex = json_string_value(value);
    if (value == NULL)
        return 0;
    if (hex == NULL || strlen(hex) != digits || strspn(hex, "0123456789abcdef") != digits)
        return error_set(err, ERROR_INVALID, "%s is no hash", name);
    *ret_hex = hex;
    return 0;
}

int tuf_metadata_file(const struct tuf_metadata *metadata, const char *name,
                      struct tuf_file *ret_file, struct error *err)
{
    const json_t *value = json_object_get(files_of(metadata), name);
    const json_t *hashes = json_object_get(value, "hashes");
    struct tuf_file file = {.version = jval_int(value, "version", 0),
                            .length = jval_int(value, "length", -1)};
    if (value == NULL)
        return error_set(err, ERROR_NOT_FOUND, "the %s metadata lists no %s", roles[metadata->role],
                         name);
    if (read_hash(hashes, "sha256", 2 * SHA256_SIZE, &file.sha256, err) < 0 ||
        read_hash(hashes, "sha512", 128, &file.sha512, err) < 0)
        return error_wrap(err, "%s", name);
    bool target = metadata->role == TUF_TARGETS;
    if (target && (file.length < 0 || (file.sha256 == NULL && file.sha512 == NULL)))
        return error_set(err, ERROR_INVALID, "%s has no length, or no hash that is known here",
                         name);
    if (!target && file.version < 1)
        return error_set(err, ERROR_INVALID, "%s has no version", name);
    *ret_file = file;
    return 0;
}

int tuf_metadata_is_newer(const struct tuf_metadata *metadata, const struct tuf_metadata *before,
                          struct error *err)
{
    const char *name;
    json_t *value;
    jval_foreach (files_of(before), name, value) {
        int64_t old = jval_int(value, "version", 0);
        int64_t new = jval_int(json_object_get(files_of(metadata), name), "version", 0);
        if (new < old)
            return error_set(err, ERROR_UNVERIFIED,
                             "it lists %.100s in version %lld, and %lld was there before: somebody "
                             "shows an older state",
                             name, (long long)new, (long long)old);
    }
    return 0;
}

static bool has_hash(const EVP_MD *kind, const char *hex, const char *data, size_t size)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (hex == NULL)
        return true;
    if (EVP_Digest(data, size, hash, &length, kind, NULL) != 1)
        abort();
    cleanup_free char *text = hex_encode(hash, length);
    return strcmp(text, hex) == 0;
}

int tuf_file_check(const struct tuf_file *file, const char *data, size_t size, const char *what,
                   struct error *err)
{
    if (file->length >= 0 && (uint64_t)file->length != size)
        return error_set(err, ERROR_UNVERIFIED, "%s has %zu bytes, and the metadata says %lld",
                         what, size, (long long)file->length);
    if (!has_hash(EVP_sha256(), file->sha256, data, size) ||
        !has_hash(EVP_sha512(), file->sha512, data, size))
        return error_set(err, ERROR_UNVERIFIED, "%s has another hash than the metadata says", what);
    return 0;
}
