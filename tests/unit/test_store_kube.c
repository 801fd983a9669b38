// What only the store on an API server promises.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_scene.h"

static void test_kube_says_what_to_grant(void **state)
{
    struct bench *bench = *state;
    fake_cluster_refuse(bench->cluster, 1, "GET", "/secrets/hook", 403, "Forbidden",
                        "secrets \\\"hook\\\" is forbidden: User "
                        "\\\"system:serviceaccount:sealift-system:sealift-receiver\\\" cannot get "
                        "resource");
    cleanup_secret_data struct secret_data *data = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(store_secret(bench->store, "shop", "hook", &data, &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    assert_non_null(strstr(err.message,
                           "cannot get resource; allow it: kubectl create role "
                           "sealift-read-hook -n shop --verb=get --resource=secrets "
                           "--resource-name=hook && kubectl label role sealift-read-hook -n shop "
                           "app.kubernetes.io/managed-by=sealift && kubectl create "
                           "rolebinding sealift-read-hook -n shop --role=sealift-read-hook "
                           "--serviceaccount=sealift-system:sealift-receiver && kubectl label "
                           "rolebinding sealift-read-hook -n shop "
                           "app.kubernetes.io/managed-by=sealift"));
    assert_int_equal(store_secret(bench->store, "shop", "hook", &data, &err), -1);
    assert_string_equal(err.message, "there is no Secret shop/hook; create it: sealift create "
                                     "secret hook -n shop --from-file KEY=FILE");
}

// What a Hook's own recipe writes goes with the Hook, so it has its name.
static void test_kube_says_what_to_grant_for_a_hook(void **state)
{
    struct bench *bench = *state;
    fake_cluster_refuse(bench->cluster, 1, "GET", "/secrets/token", 403, "Forbidden",
                        "secrets \\\"token\\\" is forbidden: User \\\"ada\\\" cannot get");
    cleanup_json json_t *hook =
        json_pack("{s:{s:s, s:s}, s:{s:{s:s}}}", "metadata", "name", "github", "namespace", "shop",
                  "spec", "secretRef", "name", "token");
    cleanup_secret_data struct secret_data *data = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(store_hook_secret(bench->store, hook, &data, &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    assert_non_null(strstr(err.message, "kubectl create role sealift-hook-github -n shop "));
    assert_non_null(strstr(err.message, "kubectl label role sealift-hook-github -n shop "));
    assert_non_null(strstr(err.message, "--role=sealift-hook-github --user=ada && kubectl label "
                                        "rolebinding sealift-hook-github -n shop "));
    assert_null(strstr(err.message, "sealift-read"));
}

static void test_kube_says_that_a_kind_is_missing(void **state)
{
    struct bench *bench = *state;
    static const char sentence[] = "the server could not find the requested resource";
    fake_cluster_refuse(bench->cluster, 100, "GET", "/bundles", 404, "NotFound", sentence);
    cleanup_json json_t *all = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(store_list(bench->store, "Bundle", NULL, &all, &err), -1);
    assert_non_null(strstr(err.message,
                           "does not know the kind Bundle: sealift, or a "
                           "part of it, is not installed there; run: sealift install"));
    struct seen seen;
    start_watch(bench, "Bundle", &seen);
    for (int i = 0; i < 2000; i++)
        turn(bench);
    // It is told once, however often it is tried.
    assert_true(fake_cluster_count(bench->cluster, "GET", "/bundles") > 2);
    assert_int_equal(seen.errors, 1);
    assert_non_null(strstr(seen.last_error, "sealift export crds"));
    end_watch(&seen);
}

static void test_kube_writes_status_once(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "web", "1m"));
    cleanup_json json_t *read = get(bench, "Bundle", "web");
    cleanup_json json_t *status = json_pack("{s:i}", "observedGeneration", 1);
    cleanup_json json_t *written = NULL;
    unsigned before = fake_cluster_count(bench->cluster, "", "");
    assert_int_equal(store_put_status(bench->store, read, status, &written, NULL), 0);
    assert_int_equal(store_put_status(bench->store, written, status, NULL, NULL), 0);
    assert_int_equal(fake_cluster_count(bench->cluster, "", ""), before + 1);
    assert_int_equal(fake_cluster_count(bench->cluster, "PATCH", "/bundles/web/status"), 1);
    fake_cluster_refuse(bench->cluster, 1, "PATCH", "/status", 403, "Forbidden", "no");
    cleanup_json json_t *more = json_pack("{s:i}", "observedGeneration", 2);
    assert_fails(store_put_status(bench->store, written, more, NULL, &err), ERROR_DENIED);
}

static void test_kube_marks_what_is_invalid(void **state)
{
    struct bench *bench = *state;
    struct kube_client *client = store_kube_client(bench->store);
    cleanup_json json_t *bad = bundle(bench, "bad", "soon");
    const struct kube_request request = {
        .verb = KUBE_CREATE,
        .ref = {API_GROUP, "v1alpha1", "bundles", "shop", NULL, NULL},
        .object = bad};
    assert_int_equal(kube_do(client, &request, NULL, NULL), 0);
    cleanup_json json_t *object = get(bench, "Bundle", "bad");
    assert_int_equal(object_problem(object), OBJECT_INVALID);
    assert_string_equal(
        object_problem_message(object),
        "Bundle shop/bad: spec.interval: \"soon\" is no duration; write it like 10m");
}

static void test_kube_watch_catches_up(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "kept", "1m"));
    apply(bench, bundle(bench, "changed", "1m"));
    apply(bench, bundle(bench, "removed", "1m"));
    apply(bench, bundle(bench, "replaced", "1m"));
    struct seen seen;
    start_watch(bench, "Bundle", &seen);
    strbuf_reset(&seen.text);
    fake_cluster_cut(bench->cluster);
    for (int i = 0; i < 5000 && seen.errors == 0; i++)
        turn(bench);
    apply(bench, bundle(bench, "changed", "2m"));
    apply(bench, bundle(bench, "new", "3m"));
    assert_int_equal(store_delete(bench->store, "Bundle", "shop", "removed", NULL), 0);
    assert_int_equal(store_delete(bench->store, "Bundle", "shop", "replaced", NULL), 0);
    apply(bench, bundle(bench, "replaced", "4m"));
    fake_cluster_mend(bench->cluster);
    for (int i = 0; i < 10000 && strstr(seen.text.data, "DELETED removed") == NULL; i++)
        turn(bench);
    // As it was last, though the server no longer tells.
    assert_non_null(strstr(seen.text.data, "DELETED removed 1m; "));
    assert_non_null(strstr(seen.text.data, "DELETED replaced 1m; ADDED replaced 4m; "));
    assert_non_null(strstr(seen.text.data, "MODIFIED changed 2m; "));
    assert_non_null(strstr(seen.text.data, "ADDED new 3m; "));
    assert_null(strstr(seen.text.data, "kept"));
    strbuf_reset(&seen.text);
    apply(bench, bundle(bench, "kept", "5m"));
    expect(&seen, "MODIFIED kept 5m; ");
    end_watch(&seen);
}

static void test_kube_guesses_at_no_record(void **state)
{
    struct bench *bench = *state;
    struct kube_client *client = store_kube_client(bench->store);
    cleanup_json json_t *record = json_pack("{s:i}", "sequence", 1);
    assert_int_equal(store_record_put(bench->store, "floors/0a", record, NULL, NULL, NULL), 0);
    const struct kube_request list = {.ref = {"", "v1", "configmaps", "shop", NULL, NULL}};
    cleanup_json json_t *maps = NULL;
    assert_int_equal(kube_list(client, &list, &maps, NULL), 0);
    json_t *map = json_array_get(maps, 0);
    assert_string_equal(object_label(map, "sealift.dev/record"), "floors");
    jval_set_string(map, "data.record", "{\"sequence\":");
    const struct kube_request put = {
        .verb = KUBE_UPDATE,
        .ref = {"", "v1", "configmaps", "shop", object_name(map), NULL},
        .object = map};
    assert_int_equal(kube_do(client, &put, NULL, NULL), 0);
    cleanup_json json_t *read = NULL;
    assert_fails(store_record_get(bench->store, "floors/0a", &read, NULL, &err), ERROR_INVALID);
}

#define KUBE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_fake, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KUBE_TEST(test_kube_says_what_to_grant),
        KUBE_TEST(test_kube_says_what_to_grant_for_a_hook),
        KUBE_TEST(test_kube_says_that_a_kind_is_missing),
        KUBE_TEST(test_kube_writes_status_once),
        KUBE_TEST(test_kube_marks_what_is_invalid),
        KUBE_TEST(test_kube_watch_catches_up),
        KUBE_TEST(test_kube_guesses_at_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
