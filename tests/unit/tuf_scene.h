// A TUF repository made here, and a client that follows it. Included after cmocka.h by one file per
// test program.
#ifndef TESTS_UNIT_TUF_SCENE_H
#define TESTS_UNIT_TUF_SCENE_H

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/key.h"
#include "oci/sign/tuf_metadata.h"
#include "oci/sign/tuf_update.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS = 6, DAY_MS = 24 * 60 * 60 * 1000, ROLES = 4 };
static const int64_t now_ms = 1800000000000;

// Which keys sign a role, as bits.
struct signers {
    unsigned keys;
    int threshold;
};

struct repository {
    json_t *files; // path -> text
    char *dir;     // state
    struct sign_key *keys[KEYS];
    struct signers roles[ROLES];
    bool consistent;
    char *first_root; // what clients trust
    char *asked_last;
    size_t allowed_last; // bytes
};

static inline json_t *key_json(const struct sign_key *key)
{
    cleanup_free char *pem = verify_key_pem(sign_key_public(key));
    return json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ecdsa", "scheme", "ecdsa-sha2-nistp256",
                     "keyval", "public", pem);
}

static inline char key_name(size_t index)
{
    return (char)('a' + (char)index);
}

// Consumes part; signed by the keys of `mask`.
static inline char *seal(const struct repository *repo, json_t *part, unsigned mask)
{
    size_t size = 0;
    cleanup_free char *text = tuf_canonical(part, &size);
    json_t *signatures = json_array();
    for (size_t i = 0; i < KEYS; i++) {
        cleanup_free unsigned char *signature = NULL;
        size_t signature_size = 0;
        if ((mask >> i & 1) == 0)
            continue;
        assert_int_equal(
            sign_key_sign(repo->keys[i], text, size, &signature, &signature_size, NULL), 0);
        cleanup_free char *hex = hex_encode(signature, signature_size);
        const char id[] = {key_name(i), '\0'};
        json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", id, "sig", hex));
    }
    cleanup_json json_t *whole = json_pack("{s:o, s:o}", "signed", part, "signatures", signatures);
    return jval_compact(whole);
}

static inline json_t *head(const char *type, int64_t version, int64_t expires_ms)
{
    char expires[TIME_TEXT_SIZE];
    time_format(expires_ms, expires);
    return json_pack("{s:s, s:s, s:I, s:s}", "_type", type, "spec_version", "1.0.31", "version",
                     (json_int_t)version, "expires", expires);
}

static inline void put(struct repository *repo, const char *path, char *text)
{
    json_object_set_new(repo->files, path, json_string(text));
    free(text);
}

static inline json_t *root_part(const struct repository *repo, int64_t version, int64_t expires_ms)
{
    static const char *const names[] = {"root", "timestamp", "snapshot", "targets"};
    json_t *part = head("root", version, expires_ms);
    json_t *keys = json_object(), *roles = json_object();
    for (size_t i = 0; i < KEYS; i++) {
        const char id[] = {key_name(i), '\0'};
        json_object_set_new(keys, id, key_json(repo->keys[i]));
    }
    for (size_t i = 0; i < ROLES; i++) {
        json_t *ids = json_array();
        for (size_t k = 0; k < KEYS; k++) {
            const char id[] = {key_name(k), '\0'};
            if ((repo->roles[i].keys >> k & 1) != 0)
                json_array_append_new(ids, json_string(id));
        }
        json_object_set_new(
            roles, names[i],
            json_pack("{s:o, s:i}", "keyids", ids, "threshold", repo->roles[i].threshold));
    }
    json_object_set_new(part, "keys", keys);
    json_object_set_new(part, "roles", roles);
    json_object_set_new(part, "consistent_snapshot", json_boolean(repo->consistent));
    return part;
}

static inline void put_root(struct repository *repo, int64_t version, unsigned mask)
{
    cleanup_free char *path = xasprintf("%d.root.json", (int)version);
    put(repo, path, seal(repo, root_part(repo, version, now_ms + 30LL * DAY_MS), mask));
}

// Of timestamp and snapshot: one file's version, length and hash.
static inline void put_list(struct repository *repo, const char *path, const char *type,
                            int64_t version, const char *listed, int64_t listed_version,
                            const char *listed_text, int64_t expires_ms, unsigned mask)
{
    json_t *part = head(type, version, expires_ms);
    json_t *file = json_pack("{s:I}", "version", (json_int_t)listed_version);
    if (listed_text != NULL) {
        struct digest digest = digest_of(listed_text, strlen(listed_text));
        json_object_set_new(file, "length", json_integer((json_int_t)strlen(listed_text)));
        json_object_set_new(file, "hashes", json_pack("{s:s}", "sha256", digest_hex(digest.text)));
    }
    json_object_set_new(part, "meta", json_pack("{s:o}", listed, file));
    put(repo, path, seal(repo, part, mask));
}

static const char *text_at(const struct repository *repo, const char *path)
{
    return json_string_value(json_object_get(repo->files, path));
}

static inline char *versioned(const struct repository *repo, int64_t version, const char *name)
{
    return repo->consistent ? xasprintf("%d.%s", (int)version, name) : xstrdup(name);
}

static inline void put_targets(struct repository *repo, int64_t version, const char *content)
{
    struct digest digest = digest_of(content, strlen(content));
    const char *hex = digest_hex(digest.text);
    cleanup_free char *name = versioned(repo, version, "targets.json");
    cleanup_free char *path = repo->consistent ? xasprintf("targets/%s.trusted_root.json", hex)
                                               : xstrdup("targets/trusted_root.json");
    json_t *part = head("targets", version, now_ms + 20LL * DAY_MS);
    json_object_set_new(part, "targets",
                        json_pack("{s:{s:I, s:{s:s}, s:{s:s}}}", "trusted_root.json", "length",
                                  (json_int_t)strlen(content), "hashes", "sha256", hex, "custom",
                                  "note", "a\nline \"quoted\" \\ été"));
    put(repo, name, seal(repo, part, repo->roles[TUF_TARGETS].keys));
    put(repo, path, xstrdup(content));
}

// A whole state: targets, snapshot and timestamp of one version.
static inline void publish(struct repository *repo, int64_t version, const char *content)
{
    cleanup_free char *targets = versioned(repo, version, "targets.json");
    cleanup_free char *snapshot = versioned(repo, version, "snapshot.json");
    put_targets(repo, version, content);
    put_list(repo, snapshot, "snapshot", version, "targets.json", version, text_at(repo, targets),
             now_ms + 10LL * DAY_MS, repo->roles[TUF_SNAPSHOT].keys);
    put_list(repo, "timestamp.json", "timestamp", version, "snapshot.json", version,
             text_at(repo, snapshot), now_ms + DAY_MS, repo->roles[TUF_TIMESTAMP].keys);
}

static inline int setup(void **state)
{
    struct repository *repo = xcalloc(1, sizeof *repo);
    repo->files = json_object();
    repo->consistent = true;
    for (size_t i = 0; i < KEYS; i++)
        assert_int_equal(sign_key_generate(&repo->keys[i], NULL), 0);
    assert_int_equal(file_make_temp_dir("tuf", &repo->dir, NULL), 0);
    repo->roles[TUF_ROOT] = (struct signers){0x7, 2};      // a b c
    repo->roles[TUF_TARGETS] = (struct signers){0x3, 2};   // a b
    repo->roles[TUF_SNAPSHOT] = (struct signers){0x8, 1};  // d
    repo->roles[TUF_TIMESTAMP] = (struct signers){0x8, 1}; // d
    put_root(repo, 1, 0x7);
    repo->first_root = xstrdup(text_at(repo, "1.root.json"));
    publish(repo, 1, "first");
    *state = repo;
    return 0;
}

static inline int teardown(void **state)
{
    struct repository *repo = *state;
    json_decref(repo->files);
    for (size_t i = 0; i < KEYS; i++)
        sign_key_free(repo->keys[i]);
    assert_int_equal(file_remove_tree(repo->dir, NULL), 0);
    free(repo->dir);
    free(repo->first_root);
    free(repo->asked_last);
    free(repo);
    return 0;
}

static inline int fetch(void *arg, const char *path, size_t max_bytes, char **ret_data,
                        size_t *ret_size, struct error *err)
{
    struct repository *repo = arg;
    const char *text = text_at(repo, path);
    free(repo->asked_last);
    repo->asked_last = xstrdup(path);
    repo->allowed_last = max_bytes;
    if (text == NULL)
        return error_set(err, ERROR_NOT_FOUND, "no %s", path);
    if (strlen(text) > max_bytes)
        return error_set(err, ERROR_LIMIT, "%s is larger than %zu bytes", path, max_bytes);
    *ret_data = xstrdup(text);
    *ret_size = strlen(text);
    return 0;
}

static inline struct tuf_update update_of(struct repository *repo, int64_t when_ms)
{
    return (struct tuf_update){.fetch = fetch,
                               .fetch_arg = repo,
                               .root = repo->first_root,
                               .root_size = strlen(repo->first_root),
                               .root_name = "root.json",
                               .target = "trusted_root.json",
                               .max_target_bytes = 1000,
                               .state_dir = repo->dir,
                               .now_ms = when_ms};
}

static inline int update_at(struct repository *repo, int64_t when_ms, struct tuf_result *ret_result,
                            struct error *err)
{
    const struct tuf_update update = update_of(repo, when_ms);
    return tuf_update(&update, ret_result, err);
}

static inline void expect(struct repository *repo, const char *content)
{
    cleanup_tuf_result struct tuf_result result = {0};
    cleanup_error struct error err = {0};
    if (update_at(repo, now_ms, &result, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(result.size, strlen(content));
    assert_memory_equal(result.data, content, result.size);
}

static inline void expect_refusal(struct repository *repo, enum error_code code,
                                  const char *sentence)
{
    struct tuf_result result = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(update_at(repo, now_ms, &result, &err), -1);
    if (err.code != code || strstr(error_message(&err), sentence) == NULL)
        fail_msg("%s is not: %s (%s)", sentence, error_message(&err), error_code_name(err.code));
    assert_null(result.data);
}

#endif
