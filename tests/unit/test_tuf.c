// A TUF repository made here, and whoever holds its mirror doing what the specification's section
// 1.5.2 lists. tests/e2e/test_tuf.py reads a repository that go-tuf wrote.
#include "oci/sign/tuf_update.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/key.h"
#include "oci/sign/public_good_root.h"
#include "oci/sign/tuf_key.h"
#include "oci/sign/tuf_metadata.h"

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

static json_t *key_json(const struct sign_key *key)
{
    cleanup_free char *pem = verify_key_pem(sign_key_public(key));
    return json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ecdsa", "scheme", "ecdsa-sha2-nistp256",
                     "keyval", "public", pem);
}

static char key_name(size_t index)
{
    return (char)('a' + (char)index);
}

// Consumes part; signed by the keys of `mask`.
static char *seal(const struct repository *repo, json_t *part, unsigned mask)
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

static json_t *head(const char *type, int64_t version, int64_t expires_ms)
{
    char expires[TIME_TEXT_SIZE];
    time_format(expires_ms, expires);
    return json_pack("{s:s, s:s, s:I, s:s}", "_type", type, "spec_version", "1.0.31", "version",
                     (json_int_t)version, "expires", expires);
}

static void put(struct repository *repo, const char *path, char *text)
{
    json_object_set_new(repo->files, path, json_string(text));
    free(text);
}

static json_t *root_part(const struct repository *repo, int64_t version, int64_t expires_ms)
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

static void put_root(struct repository *repo, int64_t version, unsigned mask)
{
    cleanup_free char *path = xasprintf("%d.root.json", (int)version);
    put(repo, path, seal(repo, root_part(repo, version, now_ms + 30LL * DAY_MS), mask));
}

// Of timestamp and snapshot: one file's version, length and hash.
static void put_list(struct repository *repo, const char *path, const char *type, int64_t version,
                     const char *listed, int64_t listed_version, const char *listed_text,
                     int64_t expires_ms, unsigned mask)
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

static char *versioned(const struct repository *repo, int64_t version, const char *name)
{
    return repo->consistent ? xasprintf("%d.%s", (int)version, name) : xstrdup(name);
}

static void put_targets(struct repository *repo, int64_t version, const char *content)
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
static void publish(struct repository *repo, int64_t version, const char *content)
{
    cleanup_free char *targets = versioned(repo, version, "targets.json");
    cleanup_free char *snapshot = versioned(repo, version, "snapshot.json");
    put_targets(repo, version, content);
    put_list(repo, snapshot, "snapshot", version, "targets.json", version, text_at(repo, targets),
             now_ms + 10LL * DAY_MS, repo->roles[TUF_SNAPSHOT].keys);
    put_list(repo, "timestamp.json", "timestamp", version, "snapshot.json", version,
             text_at(repo, snapshot), now_ms + DAY_MS, repo->roles[TUF_TIMESTAMP].keys);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static int fetch(void *arg, const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
                 struct error *err)
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

static int update_at(struct repository *repo, int64_t when_ms, struct tuf_result *ret_result,
                     struct error *err)
{
    const struct tuf_update update = {.fetch = fetch,
                                      .fetch_arg = repo,
                                      .root = repo->first_root,
                                      .root_size = strlen(repo->first_root),
                                      .root_name = "root.json",
                                      .target = "trusted_root.json",
                                      .max_target_bytes = 1000,
                                      .state_dir = repo->dir,
                                      .now_ms = when_ms};
    return tuf_update(&update, ret_result, err);
}

static void expect(struct repository *repo, const char *content)
{
    cleanup_tuf_result struct tuf_result result = {0};
    cleanup_error struct error err = {0};
    if (update_at(repo, now_ms, &result, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(result.size, strlen(content));
    assert_memory_equal(result.data, content, result.size);
}

static void expect_refusal(struct repository *repo, enum error_code code, const char *sentence)
{
    struct tuf_result result = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(update_at(repo, now_ms, &result, &err), -1);
    if (err.code != code || strstr(error_message(&err), sentence) == NULL)
        fail_msg("%s is not: %s (%s)", sentence, error_message(&err), error_code_name(err.code));
    assert_null(result.data);
}

// --- what holds
// -----------------------------------------------------------------------------------

static void test_tuf_follows_what_is_published(void **state)
{
    struct repository *repo = *state;
    expect(repo, "first");
    expect(repo, "first");
    publish(repo, 2, "second");
    expect(repo, "second");
    publish(repo, 7, "seventh");
    expect(repo, "seventh");
}

static void test_tuf_without_consistent_snapshots(void **state)
{
    struct repository *repo = *state;
    repo->consistent = false;
    put_root(repo, 2, 0x7);
    publish(repo, 1, "plain");
    expect(repo, "plain");
}

static void test_tuf_follows_roots(void **state)
{
    struct repository *repo = *state;
    expect(repo, "first");
    // All keys are replaced in two steps; the second root has expired by now, which does not
    // matter.
    repo->roles[TUF_ROOT] = (struct signers){0x1c, 2}; // c d e
    put(repo, "2.root.json", seal(repo, root_part(repo, 2, now_ms - DAY_MS), 0x1f));
    repo->roles[TUF_ROOT] = (struct signers){0x30, 2}; // e f
    repo->roles[TUF_TIMESTAMP] = (struct signers){0x20, 1};
    repo->roles[TUF_SNAPSHOT] = (struct signers){0x20, 1};
    repo->roles[TUF_TARGETS] = (struct signers){0x10, 1};
    put_root(repo, 3, 0x3c);
    publish(repo, 2, "second");
    expect(repo, "second");
    // The newest root is kept: the mirror need not have the others any more.
    json_object_del(repo->files, "2.root.json");
    expect(repo, "second");
    assert_int_equal(file_remove_tree(repo->dir, NULL), 0);
    expect_refusal(repo, ERROR_UNVERIFIED, "timestamp.json: 0 of the keys that root 1 names");
}

static void test_tuf_recovers_from_a_fast_forward(void **state)
{
    struct repository *repo = *state;
    publish(repo, 1000000, "far");
    expect(repo, "far");
    publish(repo, 2, "second");
    expect_refusal(repo, ERROR_UNVERIFIED, "an older state");
    // A new snapshot key is enough, also where the timestamp's stays.
    repo->roles[TUF_SNAPSHOT] = (struct signers){0x10, 1};
    put_root(repo, 2, 0x7);
    publish(repo, 2, "second");
    expect(repo, "second");
}

// --- attacks
// --------------------------------------------------------------------------------------

static void test_tuf_arbitrary_files(void **state)
{
    struct repository *repo = *state;
    cleanup_free char *path =
        xasprintf("targets/%s.trusted_root.json", digest_hex(digest_of("first", 5).text));
    put(repo, path, xstrdup("fIrst"));
    expect_refusal(repo, ERROR_UNVERIFIED, "another hash");
    put(repo, path, xstrdup("short"));
    expect_refusal(repo, ERROR_UNVERIFIED, "another hash");
    put(repo, path, xstrdup("f"));
    expect_refusal(repo, ERROR_UNVERIFIED, "has 1 bytes");
    // Metadata signed by a stranger: the key is in the root, but not of that role.
    const unsigned stranger = 0x20;
    put_list(repo, "timestamp.json", "timestamp", 2, "snapshot.json", 1, NULL, now_ms + DAY_MS,
             stranger);
    expect_refusal(repo, ERROR_UNVERIFIED, "0 of the keys");
}

static void test_tuf_endless_data(void **state)
{
    struct repository *repo = *state;
    cleanup_free char *large = xcalloc(1, 600 << 10);
    memset(large, ' ', (600 << 10) - 1);
    put(repo, "2.root.json", xstrdup(large));
    expect_refusal(repo, ERROR_LIMIT, "2.root.json");
    json_object_del(repo->files, "2.root.json");
    cleanup_free char *snapshot = xstrdup(text_at(repo, "1.snapshot.json"));
    put(repo, "1.snapshot.json", xasprintf("%s ", snapshot));
    expect_refusal(repo, ERROR_LIMIT, "1.snapshot.json");
    assert_int_equal(repo->allowed_last, strlen(snapshot));
    put(repo, "timestamp.json", xstrdup(large));
    expect_refusal(repo, ERROR_LIMIT, "timestamp.json");
    // A target larger than its reader wants is not asked for.
    publish(repo, 2, large);
    expect_refusal(repo, ERROR_LIMIT, "more than the limit");
    assert_string_equal(repo->asked_last, "2.targets.json");
    // Nor are roots without end.
    for (int version = 2; version < 300; version++)
        put_root(repo, version, 0x7);
    expect_refusal(repo, ERROR_LIMIT, "newer roots");
}

static void test_tuf_freeze(void **state)
{
    struct repository *repo = *state;
    struct tuf_result none = {0};
    static const struct {
        int days;
        const char *sentence;
    } cases[] = {{2, "timestamp 1 expired"}, {40, "root 1 expired"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        assert_int_equal(update_at(repo, now_ms + cases[i].days * (int64_t)DAY_MS, &none, &err),
                         -1);
        assert_int_equal(err.code, ERROR_UNVERIFIED);
        assert_non_null(strstr(err.message, cases[i].sentence));
    }
    // A fresh timestamp over an expired snapshot, and that over expired targets.
    put_list(repo, "1.snapshot.json", "snapshot", 1, "targets.json", 1, NULL, now_ms - 1000, 0x8);
    put_list(repo, "timestamp.json", "timestamp", 2, "snapshot.json", 1, NULL, now_ms + DAY_MS,
             0x8);
    expect_refusal(repo, ERROR_UNVERIFIED, "snapshot 1 expired");
    cleanup_error struct error err = {0};
    put_list(repo, "2.snapshot.json", "snapshot", 2, "targets.json", 1, NULL,
             now_ms + 90LL * DAY_MS, 0x8);
    put_list(repo, "timestamp.json", "timestamp", 3, "snapshot.json", 2, NULL,
             now_ms + 90LL * DAY_MS, 0x8);
    assert_int_equal(update_at(repo, now_ms + 25LL * DAY_MS, &none, &err), -1);
    assert_non_null(strstr(err.message, "targets 1 expired"));
}

static void test_tuf_rollback(void **state)
{
    struct repository *repo = *state;
    publish(repo, 3, "third");
    cleanup_json json_t *older = json_deep_copy(repo->files);
    publish(repo, 4, "fourth");
    expect(repo, "fourth");
    json_t *newer = repo->files;
    repo->files = older;
    expect_refusal(repo, ERROR_UNVERIFIED, "timestamp.json: it has version 3, and 4");
    repo->files = newer;
    // A newer timestamp over the older snapshot, a newer snapshot over older targets, or none.
    put_list(repo, "timestamp.json", "timestamp", 5, "snapshot.json", 3, NULL, now_ms + DAY_MS,
             0x8);
    expect_refusal(repo, ERROR_UNVERIFIED, "lists snapshot.json in version 3, and 4");
    put_list(repo, "5.snapshot.json", "snapshot", 5, "targets.json", 3, NULL, now_ms + DAY_MS, 0x8);
    put_list(repo, "timestamp.json", "timestamp", 5, "snapshot.json", 5, NULL, now_ms + DAY_MS,
             0x8);
    expect_refusal(repo, ERROR_UNVERIFIED, "lists targets.json in version 3, and 4");
    put_list(repo, "5.snapshot.json", "snapshot", 5, "other.json", 9, NULL, now_ms + DAY_MS, 0x8);
    expect_refusal(repo, ERROR_UNVERIFIED, "lists targets.json in version 0, and 4");
}

static void test_tuf_rollback_of_the_root(void **state)
{
    struct repository *repo = *state;
    put_root(repo, 2, 0x7);
    expect(repo, "first");
    // The second root under the third's name.
    put(repo, "3.root.json", xstrdup(text_at(repo, "2.root.json")));
    expect_refusal(repo, ERROR_UNVERIFIED, "3.root.json holds version 2");
    put(repo, "3.root.json", seal(repo, root_part(repo, 4, now_ms + DAY_MS), 0x7));
    expect_refusal(repo, ERROR_UNVERIFIED, "3.root.json holds version 4");
}

static void test_tuf_mix_and_match(void **state)
{
    struct repository *repo = *state;
    publish(repo, 2, "second");
    // Each of these files is signed and fresh; together they were never published.
    char *other = xstrdup(text_at(repo, "2.targets.json"));
    other[strlen(other) - 1] = ' ';
    put(repo, "2.targets.json", other);
    expect_refusal(repo, ERROR_UNVERIFIED, "2.targets.json: it has another hash");
    put(repo, "2.targets.json", xstrdup(text_at(repo, "1.targets.json")));
    put_list(repo, "2.snapshot.json", "snapshot", 2, "targets.json", 2, NULL, now_ms + DAY_MS, 0x8);
    put_list(repo, "timestamp.json", "timestamp", 2, "snapshot.json", 2, NULL, now_ms + DAY_MS,
             0x8);
    expect_refusal(repo, ERROR_UNVERIFIED, "different states are mixed");
    put(repo, "2.snapshot.json", xstrdup(text_at(repo, "1.snapshot.json")));
    expect_refusal(repo, ERROR_UNVERIFIED, "different states are mixed");
    // One role's metadata in the place of another's, signed by a key that both have.
    put(repo, "2.snapshot.json", xstrdup(text_at(repo, "timestamp.json")));
    expect_refusal(repo, ERROR_INVALID, "no snapshot metadata");
}

static void test_tuf_thresholds(void **state)
{
    struct repository *repo = *state;
    struct signers before = repo->roles[TUF_ROOT];
    put_root(repo, 2, 0x1);
    expect_refusal(repo, ERROR_UNVERIFIED, "1 of the keys that root 1 names");
    // Enough of the new keys and too few of the old ones, and the other way round.
    repo->roles[TUF_ROOT] = (struct signers){0x38, 2};
    put_root(repo, 2, 0x38 | 0x1);
    expect_refusal(repo, ERROR_UNVERIFIED, "1 of the keys that root 1 names");
    put_root(repo, 2, 0x7 | 0x8);
    expect_refusal(repo, ERROR_UNVERIFIED, "1 of the keys that root 2 names");
    repo->roles[TUF_ROOT] = (struct signers){0x7, 0};
    put_root(repo, 2, 0x7);
    expect_refusal(repo, ERROR_INVALID, "at least one of them must");
    repo->roles[TUF_ROOT] = before;
    json_object_del(repo->files, "2.root.json");
    // One key twice, under two names: in "signatures", and in the root.
    cleanup_json json_t *targets = NULL;
    const char *text = text_at(repo, "1.targets.json");
    assert_int_equal(jval_parse(text, strlen(text), "it", &targets, NULL), 0);
    json_t *signatures = json_object_get(targets, "signatures");
    json_array_remove(signatures, 1);
    json_array_append(signatures, json_array_get(signatures, 0));
    put(repo, "1.targets.json", jval_compact(targets));
    put_list(repo, "1.snapshot.json", "snapshot", 1, "targets.json", 1, NULL, now_ms + DAY_MS, 0x8);
    put_list(repo, "timestamp.json", "timestamp", 1, "snapshot.json", 1, NULL, now_ms + DAY_MS,
             0x8);
    expect_refusal(repo, ERROR_UNVERIFIED, "1 of the keys that root 1 names for targets");
    json_t *again = json_deep_copy(json_array_get(signatures, 0));
    json_object_set_new(again, "keyid", json_string("b"));
    json_array_append_new(signatures, again);
    put(repo, "1.targets.json", jval_compact(targets));
    sign_key_free(repo->keys[1]);
    cleanup_free char *pem = NULL;
    assert_int_equal(sign_key_write(repo->keys[0], "", &pem, NULL), 0);
    assert_int_equal(sign_key_load(pem, strlen(pem), "", "it", &repo->keys[1], NULL), 0);
    put_root(repo, 1, 0x7);
    free(repo->first_root);
    repo->first_root = xstrdup(text_at(repo, "1.root.json"));
    assert_int_equal(file_remove_tree(repo->dir, NULL), 0);
    expect_refusal(repo, ERROR_UNVERIFIED, "1 of the keys that root 1 names for targets");
}

static void test_tuf_another_beginning(void **state)
{
    struct repository *repo = *state;
    expect(repo, "first");
    free(repo->first_root);
    repo->first_root = seal(repo, root_part(repo, 1, now_ms + 3LL * DAY_MS), 0x7);
    expect_refusal(repo, ERROR_CONFLICT, "another root");
    free(repo->first_root);
    repo->first_root = seal(repo, root_part(repo, 1, now_ms + 3LL * DAY_MS), 0x1);
    expect_refusal(repo, ERROR_UNVERIFIED, "root.json: 1 of the keys");
}

static void test_tuf_metadata_that_is_none(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "[]",
        "{}",
        "{\"signed\":{},\"signatures\":[]}",
        "{\"signed\":{\"_type\":\"timestamp\",\"spec_version\":\"1.0\",\"version\":0,\"expires\":"
        "\"2030-01-01T00:00:00Z\",\"meta\":{}},\"signatures\":[]}",
        "{\"signed\":{\"_type\":\"timestamp\",\"spec_version\":\"2.0\",\"version\":1,\"expires\":"
        "\"2030-01-01T00:00:00Z\",\"meta\":{}},\"signatures\":[]}",
        "{\"signed\":{\"_type\":\"timestamp\",\"spec_version\":\"1.0\",\"version\":1,\"expires\":"
        "\"never\",\"meta\":{}},\"signatures\":[]}",
        "{\"signed\":{\"_type\":\"timestamp\",\"spec_version\":\"1.0\",\"version\":1,\"expires\":"
        "\"2030-01-01T00:00:00Z\",\"meta\":[]},\"signatures\":[]}",
        "{\"signed\":{\"_type\":\"timestamp\",\"_type\":\"timestamp\"},\"signatures\":[]}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct tuf_metadata metadata = {0};
        assert_int_equal(
            tuf_metadata_parse(cases[i], strlen(cases[i]), TUF_TIMESTAMP, &metadata, NULL), -1);
    }
}

static void test_tuf_keys(void **state)
{
    (void)state;
    static const struct {
        const char *type, *scheme, *public;
        bool fine;
    } cases[] = {
        {"ed25519", "ed25519", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
         true},
        {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256",
         "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e"
         "9"
         "5628bc64f2f1b20c2d7e9f5177a3c294d4462299",
         true},
        {"ed25519", "ecdsa-sha2-nistp256",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", false},
        {"ed25519", "ed25519", "d75a", false},
        {"ed25519", "ed25519", "zz", false},
        {"rsa", "rsassa-pss-sha256", "d75a", false},
        {"gpg", "gpg", "d75a", false},
        {"ed25519", "ed25519",
         "-----BEGIN PUBLIC KEY-----\n"
         "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwr\n"
         "kBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==\n"
         "-----END PUBLIC KEY-----\n",
         false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *value =
            json_pack("{s:s, s:s, s:{s:s}}", "keytype", cases[i].type, "scheme", cases[i].scheme,
                      "keyval", "public", cases[i].public);
        cleanup_verify_key struct verify_key *key = NULL;
        assert_int_equal(tuf_key_load(value, &key, NULL), cases[i].fine ? 0 : -1);
    }
}

// Signed by people with hardware keys, in canonical JSON of the tools that they use.
static void test_tuf_root_of_the_public_instance(void **state)
{
    (void)state;
    cleanup_tuf_metadata struct tuf_metadata root = {0};
    cleanup_error struct error err = {0};
    if (tuf_metadata_parse(public_good_tuf_root, public_good_tuf_root_size, TUF_ROOT, &root, &err) <
            0 ||
        tuf_metadata_verify(&root, &root, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(root.version, 14);
    assert_true(tuf_root_is_consistent(&root));
    // One letter of what is signed.
    json_t *part = json_object_get(root.value, "signed");
    json_object_set_new(part, "expires", json_string("2036-06-22T13:27:01Z"));
    assert_int_equal(tuf_metadata_verify(&root, &root, NULL), -1);
}

static void test_tuf_canonical_json(void **state)
{
    (void)state;
    static const char text[] =
        "{\"b\": [1, true, null, -5], \"a\\n\": \"x\\\"\\\\\\u00e9\\u0001\", "
        "\"B\": {}, \"\": false}";
    cleanup_json json_t *value = json_loads(text, 0, NULL);
    size_t size = 0;
    cleanup_free char *canonical = tuf_canonical(value, &size);
    assert_string_equal(
        canonical,
        "{\"\":false,\"B\":{},\"a\n\":\"x\\\"\\\\\xc3\xa9\x01\",\"b\":[1,true,null,-5]}");
    assert_int_equal(size, strlen(canonical));
    cleanup_json json_t *real = json_loads("[1.5]", 0, NULL);
    assert_null(tuf_canonical(real, &size));
}

#define TEST_OF_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_REPOSITORY(test_tuf_follows_what_is_published),
        TEST_OF_REPOSITORY(test_tuf_without_consistent_snapshots),
        TEST_OF_REPOSITORY(test_tuf_follows_roots),
        TEST_OF_REPOSITORY(test_tuf_recovers_from_a_fast_forward),
        TEST_OF_REPOSITORY(test_tuf_arbitrary_files),
        TEST_OF_REPOSITORY(test_tuf_endless_data),
        TEST_OF_REPOSITORY(test_tuf_freeze),
        TEST_OF_REPOSITORY(test_tuf_rollback),
        TEST_OF_REPOSITORY(test_tuf_rollback_of_the_root),
        TEST_OF_REPOSITORY(test_tuf_mix_and_match),
        TEST_OF_REPOSITORY(test_tuf_thresholds),
        TEST_OF_REPOSITORY(test_tuf_another_beginning),
        cmocka_unit_test(test_tuf_metadata_that_is_none),
        cmocka_unit_test(test_tuf_keys),
        cmocka_unit_test(test_tuf_root_of_the_public_instance),
        cmocka_unit_test(test_tuf_canonical_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
