// What the store promises, whatever is behind it: each test runs on files and on an API server that
// fake_cluster plays, and on a real one when SEALIFT_TEST_KUBECONFIG names it (with our
// definitions, and SEALIFT_TEST_NAMESPACE to work in; tests/e2e/test_store_kube.py sets them). Two
// stores on one back end stand for two processes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_scene.h"

static void test_contract_objects_are_complete(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "complete-b", "1m"));
    apply(bench, bundle(bench, "complete-a", "2m"));
    cleanup_json json_t *object = get(bench, "Bundle", "complete-b");
    assert_string_not_equal(object_uid(object), "");
    assert_string_not_equal(object_resource_version(object), "");
    assert_int_equal(object_generation(object), 1);
    assert_non_null(jval_string(object, "metadata.creationTimestamp"));
    assert_null(jval_get(object, "metadata.managedFields"));
    assert_string_equal(object_spec_string(object, "timeout"), "5m");
    assert_int_equal(object_problem(object), OBJECT_FINE);
    cleanup_json json_t *all = NULL;
    cleanup_json json_t *none = NULL;
    assert_int_equal(store_list(bench->store, "Bundle", bench->namespace, &all, NULL), 0);
    assert_int_equal(store_list(bench->store, "Bundle", "elsewhere", &none, NULL), 0);
    assert_int_equal(json_array_size(all), 2);
    assert_int_equal(json_array_size(none), 0);
    assert_string_equal(object_name(json_array_get(all, 0)), "complete-a");
    assert_string_equal(object_kind(json_array_get(all, 0)), "Bundle");
    assert_int_equal(get_code(bench, "Bundle", "missing"), ERROR_NOT_FOUND);
    assert_int_equal(get_code(bench, "Pod", "complete-a"), ERROR_INVALID);
    assert_int_equal(store_delete(bench->store, "Bundle", bench->namespace, "complete-a", NULL), 0);
    assert_int_equal(store_delete(bench->store, "Bundle", bench->namespace, "complete-b", NULL), 0);
    assert_fails(store_delete(bench->store, "Bundle", bench->namespace, "complete-b", &err),
                 ERROR_NOT_FOUND);
}

static void test_contract_apply_replaces_the_spec(void **state)
{
    struct bench *bench = *state;
    json_t *with = bundle(bench, "applied", "1m");
    jval_set_string(with, "spec.path", "./here");
    apply(bench, with);
    apply(bench, bundle(bench, "applied", "2m"));
    cleanup_json json_t *object = get(bench, "Bundle", "applied");
    assert_string_equal(object_spec_string(object, "interval"), "2m");
    // The fake server only merges.
    if (bench->cluster == NULL)
        assert_string_equal(object_spec_string(object, "path"), "./");
    assert_int_equal(object_generation(object), 2);
    cleanup_json json_t *bad = bundle(bench, "applied", "never");
    assert_fails(store_apply(bench->store, bad, &err), ERROR_INVALID);
}

static void test_contract_status_is_replaced_where_it_was_read(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "status", "1m"));
    struct store *other = open_store(bench);
    cleanup_json json_t *read = get(bench, "Bundle", "status");
    cleanup_json json_t *one =
        json_pack("{s:i, s:{s:i, s:i}}", "observedGeneration", 1, "extra", "a", 1, "b", 2);
    cleanup_json json_t *two = json_pack("{s:{s:i, s:[i]}}", "extra", "b", 3, "c", 4);
    cleanup_json json_t *written = NULL;
    assert_int_equal(store_put_status(bench->store, read, one, &written, NULL), 0);
    assert_true(json_equal(json_object_get(written, "status"), one));
    assert_string_not_equal(object_resource_version(written), object_resource_version(read));
    assert_fails(store_put_status(other, read, two, NULL, &err), ERROR_CONFLICT);
    cleanup_json json_t *again = NULL;
    assert_int_equal(store_put_status(other, written, two, &again, NULL), 0);
    cleanup_json json_t *seen = get(bench, "Bundle", "status");
    assert_true(json_equal(json_object_get(seen, "status"), two));
    assert_int_equal(object_generation(seen), 1);
    // The same again is no write.
    assert_int_equal(store_put_status(other, again, two, NULL, NULL), 0);
    cleanup_json json_t *same = get(bench, "Bundle", "status");
    assert_string_equal(object_resource_version(same), object_resource_version(seen));
    // A new spec is a change too.
    apply(bench, bundle(bench, "status", "2m"));
    assert_fails(store_put_status(bench->store, same, one, NULL, &err), ERROR_CONFLICT);
    cleanup_json json_t *last = get(bench, "Bundle", "status");
    assert_true(json_equal(json_object_get(last, "status"), two));
    store_free(other);
}

static void test_contract_metadata_is_merged(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "metadata", "1m"));
    cleanup_json json_t *read = get(bench, "Bundle", "metadata");
    cleanup_json json_t *patch =
        json_pack("{s:{s:s, s:s}, s:{s:s}}", "annotations", ANNOTATION_REQUESTED_AT, "now", "b",
                  "c", "labels", "team", "shop");
    cleanup_json json_t *patched = NULL;
    assert_int_equal(store_patch_metadata(bench->store, read, patch, &patched, NULL), 0);
    assert_string_equal(object_annotation(patched, ANNOTATION_REQUESTED_AT), "now");
    assert_string_equal(object_label(patched, "team"), "shop");
    assert_int_equal(object_generation(patched), 1);
    // An old object may be patched: names of others stay.
    cleanup_json json_t *second = json_pack("{s:{s:n}}", "annotations", "b");
    cleanup_json json_t *without = NULL;
    assert_int_equal(store_patch_metadata(bench->store, read, second, &without, NULL), 0);
    assert_null(object_annotation(without, "b"));
    assert_string_equal(object_annotation(without, ANNOTATION_REQUESTED_AT), "now");
    cleanup_json json_t *suspended = NULL;
    assert_int_equal(store_suspend(bench->store, read, true, &suspended, NULL), 0);
    assert_true(object_is_suspended(suspended));
    assert_string_equal(object_spec_string(suspended, "interval"), "1m");
    cleanup_json json_t *resumed = NULL;
    assert_int_equal(store_suspend(bench->store, suspended, false, &resumed, NULL), 0);
    assert_false(object_is_suspended(resumed));
    // Another object under the same name is another object.
    assert_int_equal(store_delete(bench->store, "Bundle", bench->namespace, "metadata", NULL), 0);
    assert_fails(store_patch_metadata(bench->store, read, second, NULL, &err), ERROR_NOT_FOUND);
    assert_fails(store_put_status(bench->store, read, second, NULL, &err), ERROR_NOT_FOUND);
    apply(bench, bundle(bench, "metadata", "1m"));
    assert_fails(store_patch_metadata(bench->store, read, second, NULL, &err), ERROR_NOT_FOUND);
    assert_fails(store_suspend(bench->store, read, true, NULL, &err), ERROR_NOT_FOUND);
}

static void test_contract_finalizers_hold_an_object(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "held", "1m"));
    cleanup_json json_t *read = get(bench, "Bundle", "held");
    cleanup_json json_t *hold = json_pack("{s:[s]}", "finalizers", "sealift.dev/prune");
    cleanup_json json_t *let_go = json_pack("{s:[]}", "finalizers");
    assert_int_equal(store_patch_metadata(bench->store, read, hold, NULL, NULL), 0);
    assert_int_equal(store_delete(bench->store, "Bundle", bench->namespace, "held", NULL), 0);
    cleanup_json json_t *dying = get(bench, "Bundle", "held");
    assert_true(object_is_deleting(dying));
    assert_true(object_has_finalizer(dying, "sealift.dev/prune"));
    cleanup_json json_t *back = bundle(bench, "held", "1m");
    assert_fails(store_apply(bench->store, back, &err), ERROR_CONFLICT);
    cleanup_json json_t *last = NULL;
    assert_int_equal(store_patch_metadata(bench->store, dying, let_go, &last, NULL), 0);
    assert_string_equal(object_name(last), "held");
    assert_int_equal(get_code(bench, "Bundle", "held"), ERROR_NOT_FOUND);
    assert_int_equal(store_apply(bench->store, back, NULL), 0);
    cleanup_json json_t *reborn = get(bench, "Bundle", "held");
    assert_string_not_equal(object_uid(reborn), object_uid(read));
}

// Time passes between reading an object and writing its finalizers: who wrote others meanwhile
// keeps them.
static void test_contract_finalizers_of_others_stay(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "shared", "1m"));
    cleanup_json json_t *read = get(bench, "Bundle", "shared");
    cleanup_json json_t *theirs = json_pack("{s:[s, s]}", "finalizers", "them/a", "them/b");
    cleanup_json json_t *ours = json_pack("{s:[s]}", "finalizers", "us/a");
    cleanup_json json_t *both = NULL;
    assert_int_equal(store_patch_metadata(bench->store, read, theirs, NULL, NULL), 0);
    assert_int_equal(store_patch_metadata(bench->store, read, ours, &both, NULL), 0);
    assert_true(object_has_finalizer(both, "us/a"));
    assert_true(object_has_finalizer(both, "them/a"));
    assert_true(object_has_finalizer(both, "them/b"));
    // They let go of one while we let go of ours.
    cleanup_json json_t *one = json_pack("{s:[s, s]}", "finalizers", "them/a", "us/a");
    cleanup_json json_t *without = json_pack("{s:[s, s]}", "finalizers", "them/a", "them/b");
    cleanup_json json_t *last = NULL;
    assert_int_equal(store_patch_metadata(bench->store, both, one, NULL, NULL), 0);
    assert_int_equal(store_patch_metadata(bench->store, both, without, &last, NULL), 0);
    const json_t *left = jval_array(last, "metadata.finalizers");
    assert_int_equal(json_array_size(left), 1);
    assert_string_equal(json_string_value(json_array_get(left, 0)), "them/a");
}

static json_t *secret(const struct bench *bench, const char *token)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s}, s:{s:s}}", "apiVersion", "v1", "kind",
                     "Secret", "metadata", "name", "key", "namespace", bench->namespace, "data",
                     "a", "YQBi", "stringData", "token", token);
}

static void test_contract_secrets_are_only_for_who_asks(void **state)
{
    struct bench *bench = *state;
    apply(bench, secret(bench, "hunter2"));
    cleanup_json json_t *object = get(bench, "Secret", "key");
    cleanup_json json_t *all = NULL;
    assert_int_equal(store_list(bench->store, "Secret", bench->namespace, &all, NULL), 0);
    assert_null(json_object_get(object, "data"));
    assert_null(json_object_get(json_array_get(all, 0), "data"));
    assert_null(json_object_get(object, "stringData"));
    cleanup_secret_data struct secret_data *data = NULL;
    assert_int_equal(store_secret(bench->store, bench->namespace, "key", &data, NULL), 0);
    assert_string_equal(secret_data_text(data, "token"), "hunter2");
    size_t size;
    assert_memory_equal(secret_data_get(data, "a", &size), "a\0b", 4);
    assert_int_equal(size, 3);
    assert_string_equal(secret_data_version(data), object_resource_version(object));
    apply(bench, secret(bench, "changed"));
    cleanup_secret_data struct secret_data *changed = NULL;
    assert_int_equal(store_secret(bench->store, bench->namespace, "key", &changed, NULL), 0);
    assert_string_equal(secret_data_text(changed, "token"), "changed");
    assert_string_not_equal(secret_data_version(data), secret_data_version(changed));
    assert_fails(store_secret(bench->store, bench->namespace, "none", &changed, &err),
                 ERROR_NOT_FOUND);
}

static void test_contract_namespaces_have_labels(void **state)
{
    struct bench *bench = *state;
    cleanup_json json_t *own = NULL;
    cleanup_json json_t *other = NULL;
    assert_int_equal(store_namespace_labels(bench->store, bench->namespace, &own, NULL), 0);
    assert_int_equal(store_namespace_labels(bench->store, "nowhere", &other, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(own, LABEL_NAMESPACE_NAME)),
                        bench->namespace);
    assert_int_equal(json_object_size(other), 1);
}

static void test_contract_records_are_written_by_version(void **state)
{
    struct bench *bench = *state;
    struct store *other = open_store(bench);
    cleanup_json json_t *one = json_pack("{s:i}", "sequence", 1);
    cleanup_json json_t *two = json_pack("{s:i}", "sequence", 2);
    cleanup_json json_t *read = NULL;
    cleanup_free char *first = NULL;
    cleanup_free char *version = NULL;
    assert_fails(store_record_get(bench->store, "floors/ab_c", &read, NULL, &err), ERROR_NOT_FOUND);
    assert_int_equal(store_record_put(bench->store, "floors/ab_c", one, NULL, &first, NULL), 0);
    assert_fails(store_record_put(other, "floors/ab_c", two, NULL, NULL, &err), ERROR_CONFLICT);
    assert_int_equal(store_record_get(other, "floors/ab_c", &read, &version, NULL), 0);
    assert_int_equal(jval_int(read, "sequence", 0), 1);
    assert_string_equal(version, first);
    assert_int_equal(store_record_put(other, "floors/ab_c", two, version, NULL, NULL), 0);
    assert_fails(store_record_put(bench->store, "floors/ab_c", one, first, NULL, &err),
                 ERROR_CONFLICT);
    assert_int_equal(store_record_put(bench->store, "floors/0a", one, NULL, NULL, NULL), 0);
    assert_int_equal(store_record_put(bench->store, "sequences/0a", one, NULL, NULL, NULL), 0);
    cleanup_json json_t *names = NULL;
    cleanup_json json_t *none = NULL;
    assert_int_equal(store_record_list(other, "floors", &names, NULL), 0);
    assert_int_equal(store_record_list(other, "others", &none, NULL), 0);
    cleanup_free char *text = jval_compact(names);
    assert_string_equal(text, "[\"floors/0a\",\"floors/ab_c\"]");
    assert_int_equal(json_array_size(none), 0);
    assert_int_equal(store_record_delete(other, "floors/ab_c", NULL), 0);
    assert_int_equal(store_record_delete(other, "floors/ab_c", NULL), 0);
    cleanup_json json_t *gone = NULL;
    assert_fails(store_record_get(bench->store, "floors/ab_c", &gone, NULL, &err), ERROR_NOT_FOUND);
    assert_fails(store_record_put(bench->store, "floors/ab_c", one, version, NULL, &err),
                 ERROR_CONFLICT);
    store_free(other);
}

static void test_contract_watches_tell_changes(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "watched", "1m"));
    struct seen seen;
    start_watch(bench, "Bundle", &seen);
    assert_true(seen.synced);
    // Other tests' objects may be there on a real server.
    assert_non_null(strstr(seen.text.data, "ADDED watched 1m; "));
    strbuf_reset(&seen.text);
    apply(bench, bundle(bench, "watched", "2m"));
    expect(&seen, "MODIFIED watched 2m; ");
    cleanup_json json_t *object = get(bench, "Bundle", "watched");
    cleanup_json json_t *status = json_pack("{s:i}", "observedGeneration", 2);
    assert_int_equal(store_put_status(bench->store, object, status, NULL, NULL), 0);
    expect(&seen, "MODIFIED watched 2m; ");
    apply(bench, bundle(bench, "watched-too", "3m"));
    expect(&seen, "ADDED watched-too 3m; ");
    assert_int_equal(store_delete(bench->store, "Bundle", bench->namespace, "watched", NULL), 0);
    expect(&seen, "DELETED watched 2m; ");
    apply(bench, bundle(bench, "watched", "4m"));
    expect(&seen, "ADDED watched 4m; ");
    seen.free_at_once = true;
    apply(bench, bundle(bench, "watched", "5m"));
    expect(&seen, "MODIFIED watched 5m; ");
    assert_null(seen.watch);
    end_watch(&seen);
}

static void test_contract_secrets_are_watched(void **state)
{
    struct bench *bench = *state;
    apply(bench, secret(bench, "watched"));
    struct seen seen;
    start_watch(bench, "Secret", &seen);
    expect(&seen, "ADDED key -; ");
    apply(bench, secret(bench, "otherwise"));
    expect(&seen, "MODIFIED key -; ");
    end_watch(&seen);
}

static size_t count_events(struct bench *bench, const struct object_key *key)
{
    cleanup_json json_t *events = NULL;
    assert_int_equal(store_list_events(bench->store, key, &events, NULL), 0);
    return json_array_size(events);
}

static void test_contract_events_are_listed(void **state)
{
    struct bench *bench = *state;
    apply(bench, bundle(bench, "event", "1m"));
    cleanup_json json_t *object = get(bench, "Bundle", "event");
    struct seen seen;
    start_watch(bench, "Bundle", &seen);
    struct object_key key = object_key(object);
    store_event(bench->store, object, STORE_EVENT_WARNING, "GitFailed", "no such ref");
    for (int i = 0; i < 500 && count_events(bench, &key) == 0; i++)
        turn(bench);
    cleanup_json json_t *events = NULL;
    assert_int_equal(store_list_events(bench->store, &key, &events, NULL), 0);
    const json_t *event = json_array_get(events, 0);
    assert_string_equal(jval_string(event, "reason"), "GitFailed");
    assert_string_equal(jval_string(event, "note"), "no such ref");
    assert_string_equal(jval_string(event, "type"), "Warning");
    assert_string_equal(jval_string(event, "regarding.name"), "event");
    assert_non_null(jval_string(event, "at"));
    struct object_key all = {.kind = "", .namespace = bench->namespace, .name = ""};
    assert_int_equal(count_events(bench, &all), 1);
    key.name = "another";
    assert_int_equal(count_events(bench, &key), 0);
    end_watch(&seen);
}

struct holder {
    struct store *store;
    struct store_lease *lease;
    bool acquired;
};

static void on_acquired(void *arg)
{
    ((struct holder *)arg)->acquired = true;
}

static void take(struct bench *bench, struct holder *holder)
{
    static const struct store_lease_events events = {.on_acquired = on_acquired};
    assert_int_equal(store_lease_new(holder->store, bench->loop, "packager", &events, holder,
                                     &holder->lease, NULL),
                     0);
}

static void test_contract_one_holds_a_lease(void **state)
{
    struct bench *bench = *state;
    struct holder first = {.store = bench->store};
    struct holder second = {.store = open_store(bench)};
    take(bench, &first);
    assert_false(first.acquired);
    for (int i = 0; i < 10000 && !first.acquired; i++)
        turn(bench);
    assert_true(store_lease_held(first.lease));
    take(bench, &second);
    for (int i = 0; i < 500; i++)
        turn(bench);
    assert_false(second.acquired);
    assert_false(store_lease_held(second.lease));
    store_lease_free(first.lease);
    for (int i = 0; i < 10000 && !second.acquired; i++)
        turn(bench);
    assert_true(second.acquired);
    store_lease_free(second.lease);
    store_free(second.store);
}

#define CONTRACT(setup)                                                                            \
    cmocka_unit_test_setup_teardown(test_contract_objects_are_complete, setup, teardown),          \
        cmocka_unit_test_setup_teardown(test_contract_apply_replaces_the_spec, setup, teardown),   \
        cmocka_unit_test_setup_teardown(test_contract_status_is_replaced_where_it_was_read, setup, \
                                        teardown),                                                 \
        cmocka_unit_test_setup_teardown(test_contract_metadata_is_merged, setup, teardown),        \
        cmocka_unit_test_setup_teardown(test_contract_finalizers_hold_an_object, setup, teardown), \
        cmocka_unit_test_setup_teardown(test_contract_finalizers_of_others_stay, setup, teardown), \
        cmocka_unit_test_setup_teardown(test_contract_secrets_are_only_for_who_asks, setup,        \
                                        teardown),                                                 \
        cmocka_unit_test_setup_teardown(test_contract_namespaces_have_labels, setup, teardown),    \
        cmocka_unit_test_setup_teardown(test_contract_records_are_written_by_version, setup,       \
                                        teardown),                                                 \
        cmocka_unit_test_setup_teardown(test_contract_watches_tell_changes, setup, teardown),      \
        cmocka_unit_test_setup_teardown(test_contract_secrets_are_watched, setup, teardown),       \
        cmocka_unit_test_setup_teardown(test_contract_events_are_listed, setup, teardown),         \
        cmocka_unit_test_setup_teardown(test_contract_one_holds_a_lease, setup, teardown)

int main(void)
{
    const struct CMUnitTest on_files[] = {CONTRACT(setup_files)};
    const struct CMUnitTest on_fake[] = {CONTRACT(setup_fake)};
    const struct CMUnitTest on_real[] = {CONTRACT(setup_real)};
    if (getenv("SEALIFT_TEST_KUBECONFIG") != NULL)
        return cmocka_run_group_tests(on_real, NULL, NULL);
    int failed = cmocka_run_group_tests(on_files, NULL, NULL);
    return failed + cmocka_run_group_tests(on_fake, NULL, NULL);
}
