#include "receiver/pending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "receiver/route.h"
#include "receiver/seen.h"

static const int64_t start_ms = 1768000000000; // 2026-01-09T23:06:40Z

static void merge(json_t *status, const char *repository, const char *ref, const char *id,
                  int64_t at_ms)
{
    struct hook_delivery delivery = {.id = xstrdup(id),
                                     .repository = xstrdup_or_null(repository),
                                     .ref = xstrdup_or_null(ref),
                                     .received_ms = at_ms};
    pending_merge(status, &delivery);
    hook_delivery_release(&delivery);
}

static void expect(const json_t *status, const char *wanted)
{
    cleanup_free char *text = jval_compact(status);
    assert_string_equal(text, wanted);
}

static void test_receiver_pending_merges_by_repository_and_ref(void **state)
{
    (void)state;
    cleanup_json json_t *status = json_object();
    merge(status, "a/b", "refs/heads/main", "1", start_ms);
    merge(status, "a/b", "refs/tags/main", "2", start_ms);
    merge(status, NULL, NULL, "3", start_ms);
    merge(status, "a/b", "refs/heads/main", "4", start_ms + 1);
    merge(status, NULL, NULL, "5", start_ms);
    expect(status,
           "{\"pending\":["
           "{\"repository\":\"a/b\",\"ref\":\"refs/tags/main\",\"delivery\":\"2\",\"sequence\":2,"
           "\"receivedAt\":\"2026-01-09T23:06:40.000Z\"},"
           "{\"repository\":\"a/b\",\"ref\":\"refs/heads/main\",\"delivery\":\"4\",\"sequence\":4,"
           "\"receivedAt\":\"2026-01-09T23:06:40.001Z\"},"
           "{\"delivery\":\"5\",\"sequence\":5,\"receivedAt\":\"2026-01-09T23:06:40.000Z\"}]}");
    assert_int_equal(pending_count(status), 3);
}

static void test_receiver_pending_two_names_make_two_entries(void **state)
{
    (void)state;
    cleanup_json json_t *status = json_object();
    struct hook_delivery delivery = {.id = xstrdup("1"),
                                     .repository = xstrdup("forge:3000/a"),
                                     .other_repository = xstrdup("forge:2222/a"),
                                     .ref = xstrdup("refs/heads/main"),
                                     .received_ms = start_ms};
    pending_merge(status, &delivery);
    pending_merge(status, &delivery);
    hook_delivery_release(&delivery);
    const json_t *pending = jval_array(status, "pending");
    assert_int_equal(json_array_size(pending), 2);
    assert_string_equal(jval_string(json_array_get(pending, 0), "repository"), "forge:2222/a");
    assert_string_equal(jval_string(json_array_get(pending, 1), "repository"), "forge:3000/a");
    assert_int_equal(jval_int(json_array_get(pending, 1), "sequence", 0), 4);
}

static void test_receiver_pending_long_names_become_cannot_tell(void **state)
{
    (void)state;
    char ref[1200] = "refs/heads/";
    memset(ref + 11, 'x', sizeof ref - 12);
    cleanup_json json_t *status = json_object();
    merge(status, "a/b", ref, "1", start_ms);
    const json_t *entry = json_array_get(jval_array(status, "pending"), 0);
    assert_string_equal(jval_string(entry, "repository"), "a/b");
    assert_null(jval_string(entry, "ref"));
    merge(status, ref, "refs/heads/main", "2", start_ms);
    entry = json_array_get(jval_array(status, "pending"), 1);
    assert_null(jval_string(entry, "repository"));
    assert_null(jval_string(entry, "ref"));
    assert_string_equal(jval_string(entry, "delivery"), "2");
}

static void test_receiver_pending_drops_the_old(void **state)
{
    (void)state;
    cleanup_json json_t *status = json_object();
    merge(status, "a", "refs/heads/1", "1", start_ms);
    merge(status, "a", "refs/heads/2", "2", start_ms + 1000);
    pending_drop(status, start_ms + PENDING_MAX_AGE_MS);
    assert_int_equal(pending_count(status), 2);
    assert_null(jval_get(status, "droppedThrough"));
    pending_drop(status, start_ms + PENDING_MAX_AGE_MS + 1);
    assert_int_equal(pending_count(status), 1);
    assert_int_equal(jval_int(status, "droppedThrough", 0), 1);
    pending_drop(status, start_ms + 2 * PENDING_MAX_AGE_MS);
    assert_int_equal(pending_count(status), 0);
    assert_int_equal(jval_int(status, "droppedThrough", 0), 2);
    // The sequence goes on rising over what was dropped.
    merge(status, "a", "refs/heads/1", "3", start_ms);
    assert_int_equal(jval_int(json_array_get(jval_array(status, "pending"), 0), "sequence", 0), 3);
}

static void test_receiver_pending_keeps_at_most_256(void **state)
{
    (void)state;
    cleanup_json json_t *status = json_object();
    for (int i = 1; i <= 300; i++) {
        char ref[40];
        snprintf(ref, sizeof ref, "refs/heads/%d", i);
        merge(status, "a", ref, "x", start_ms);
    }
    pending_drop(status, start_ms);
    assert_int_equal(pending_count(status), 256);
    assert_int_equal(jval_int(status, "droppedThrough", 0), 44);
    assert_string_equal(jval_string(json_array_get(jval_array(status, "pending"), 0), "ref"),
                        "refs/heads/45");
}

static void test_receiver_pending_survives_a_damaged_status(void **state)
{
    (void)state;
    cleanup_json json_t *status = NULL;
    static const char text[] = "{\"pending\":[1,{\"sequence\":\"x\"},{\"receivedAt\":\"never\","
                               "\"sequence\":7}],\"droppedThrough\":[]}";
    assert_int_equal(jval_parse(text, strlen(text), "status", &status, NULL), 0);
    merge(status, "a", "refs/heads/1", "1", start_ms);
    pending_drop(status, start_ms);
    assert_int_equal(pending_count(status), 1);
    assert_int_equal(jval_int(status, "droppedThrough", 0), 7);
}

static void test_receiver_seen_forgets_the_oldest(void **state)
{
    (void)state;
    struct seen seen = {0};
    char id[20];
    for (int i = 0; i < SEEN_MAX_IDS + 10; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        seen_add(&seen, id);
        seen_add(&seen, id);
        assert_true(seen_has(&seen, id));
    }
    assert_false(seen_has(&seen, "id-9"));
    assert_true(seen_has(&seen, "id-10"));
    assert_int_equal(seen.count, SEEN_MAX_IDS);
    seen_release(&seen);
    assert_false(seen_has(&seen, "id-10"));
}

static void test_receiver_route_depends_on_token_namespace_and_name(void **state)
{
    (void)state;
    static const char token[] = "0123456789abcdef";
    char path[HOOK_PATH_SIZE], other[HOOK_PATH_SIZE], shown[HOOK_PATH_SHOWN_SIZE];
    hook_path(token, 16, "shop", "github", path);
    // printf 'hook\0shop\0github' | openssl dgst -sha256 -hmac 0123456789abcdef
    assert_string_equal(path,
                        "/hook/c33cd09483b3d5da93a7fcac931a45ee671c89c7d877db53d4e334d859e80ead");
    hook_path(token, 16, "shopg", "ithub", other);
    assert_false(hook_path_equal(path, other));
    assert_true(hook_path_equal(path, path));
    assert_false(hook_path_equal("", ""));
    hook_path_shown(path, shown);
    assert_int_equal(strlen(shown), 6 + 8 + strlen("…"));
    assert_memory_equal(shown, path, 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receiver_pending_merges_by_repository_and_ref),
        cmocka_unit_test(test_receiver_pending_two_names_make_two_entries),
        cmocka_unit_test(test_receiver_pending_long_names_become_cannot_tell),
        cmocka_unit_test(test_receiver_pending_drops_the_old),
        cmocka_unit_test(test_receiver_pending_keeps_at_most_256),
        cmocka_unit_test(test_receiver_pending_survives_a_damaged_status),
        cmocka_unit_test(test_receiver_seen_forgets_the_oldest),
        cmocka_unit_test(test_receiver_route_depends_on_token_namespace_and_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
