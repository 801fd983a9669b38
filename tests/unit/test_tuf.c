// A TUF repository made here, and whoever holds its mirror doing what the specification's section
// 1.5.2 lists. tests/e2e/test_tuf.py reads a repository that go-tuf wrote.
#include "oci/sign/tuf_update.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tuf_scene.h"

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

// Nothing is kept without a state folder: what is older is believed again, what is expired is not.
static void test_tuf_without_a_state_folder(void **state)
{
    struct repository *repo = *state;
    struct tuf_update update = update_of(repo, now_ms);
    cleanup_tuf_result struct tuf_result first = {0}, again = {0}, late = {0};
    update.state_dir = NULL;
    assert_int_equal(tuf_update(&update, &first, NULL), 0);
    publish(repo, 2, "second");
    assert_int_equal(tuf_update(&update, &again, NULL), 0);
    assert_string_equal(again.data, "second");
    publish(repo, 1, "first");
    tuf_result_release(&again);
    assert_int_equal(tuf_update(&update, &again, NULL), 0);
    assert_string_equal(again.data, "first");
    update.now_ms = now_ms + 2LL * DAY_MS;
    assert_int_equal(tuf_update(&update, &late, NULL), -1);
}

// What cannot be kept must not be believed: the next update could not tell what was seen.
static void test_tuf_a_state_folder_that_cannot_be_written(void **state)
{
    struct repository *repo = *state;
    static const char *const names[] = {"root.json", "timestamp.json", "targets.json"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        cleanup_free char *path = path_join(repo->dir, names[i]);
        cleanup_free char *inside = path_join(path, "x");
        cleanup_tuf_result struct tuf_result result = {0};
        assert_int_equal(file_make_dirs(inside, NULL), 0);
        assert_int_equal(update_at(repo, now_ms, &result, NULL), -1);
        assert_int_equal(file_remove_tree(path, NULL), 0);
    }
    // A root that follows, too.
    expect(repo, "first");
    put_root(repo, 2, 0x7);
    cleanup_free char *path = path_join(repo->dir, "root.json");
    cleanup_free char *inside = path_join(path, "x");
    cleanup_tuf_result struct tuf_result result = {0};
    assert_int_equal(file_remove_tree(path, NULL), 0);
    assert_int_equal(file_make_dirs(inside, NULL), 0);
    assert_int_equal(update_at(repo, now_ms, &result, NULL), -1);
    struct tuf_update update = update_of(repo, now_ms);
    cleanup_free char *file = path_join(repo->dir, "timestamp.json");
    cleanup_free char *below = path_join(file, "below");
    update.state_dir = below;
    assert_int_equal(tuf_update(&update, &result, NULL), -1);
}

// Damaged by a disk, not by the mirror: begun again with the root that was given.
static void test_tuf_a_damaged_state(void **state)
{
    struct repository *repo = *state;
    static const char *const names[] = {"root.json", "timestamp.json", "snapshot.json"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        cleanup_free char *path = path_join(repo->dir, names[i]);
        expect(repo, "first");
        assert_int_equal(file_write_atomic(path, "{\"x\":", 5, 0600, NULL), 0);
        expect(repo, "first");
    }
}

static void test_tuf_what_is_not_listed(void **state)
{
    struct repository *repo = *state;
    put_list(repo, "timestamp.json", "timestamp", 1, "other.json", 1, NULL, now_ms + DAY_MS, 0x8);
    expect_refusal(repo, ERROR_NOT_FOUND, "lists no snapshot.json");
    publish(repo, 1, "first");
    assert_int_equal(file_remove_tree(repo->dir, NULL), 0);
    // A length beyond what is read at all is no permission to read as much.
    cleanup_free char *large = xcalloc(1, 4 << 20);
    memset(large, ' ', (4 << 20) - 1);
    put_list(repo, "timestamp.json", "timestamp", 1, "snapshot.json", 1, large, now_ms + DAY_MS,
             0x8);
    expect_refusal(repo, ERROR_UNVERIFIED, "bytes, and the metadata says 4194303");
    assert_true(repo->allowed_last < (4 << 20) - 1);
    publish(repo, 1, "first");
    assert_int_equal(file_remove_tree(repo->dir, NULL), 0);
    struct tuf_update update = update_of(repo, now_ms);
    cleanup_tuf_result struct tuf_result result = {0};
    cleanup_error struct error err = {0};
    update.target = "another.json";
    assert_int_equal(tuf_update(&update, &result, &err), -1);
    assert_non_null(strstr(error_message(&err), "lists no another.json"));
    cleanup_free char *path =
        xasprintf("targets/%s.trusted_root.json", digest_hex(digest_of("first", 5).text));
    json_object_del(repo->files, path);
    expect_refusal(repo, ERROR_NOT_FOUND, "trusted_root.json");
    update = update_of(repo, now_ms);
    update.root = "{}";
    update.root_size = 2;
    assert_int_equal(tuf_update(&update, &result, &err), -1);
    assert_non_null(strstr(error_message(&err), "root.json"));
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
        TEST_OF_REPOSITORY(test_tuf_without_a_state_folder),
        TEST_OF_REPOSITORY(test_tuf_a_state_folder_that_cannot_be_written),
        TEST_OF_REPOSITORY(test_tuf_a_damaged_state),
        TEST_OF_REPOSITORY(test_tuf_what_is_not_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
