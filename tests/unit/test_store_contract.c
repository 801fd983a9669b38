// What the store promises, whatever is behind it: each test runs on files and on an API server that
// fake_cluster plays, and on a real one when SEALIFT_TEST_KUBECONFIG names it (with our
// definitions, and SEALIFT_TEST_NAMESPACE to work in; tests/e2e/test_store_kube.py sets them). Two
// stores on one back end stand for two processes.
#include "api/store_files.h"
#include "api/store_kube.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/vec.h"

#include "fake_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct bench {
    char *dir; // of files; NULL on an API server
    char *config;
    char *state;
    struct fake_cluster *cluster; // NULL on a real one
    char *url;
    const char *namespace;
    struct loop *loop;
    struct store *store;
};

static struct store *open_files(const struct bench *bench, struct error *err)
{
    const struct store_files_options options = {.config_dir = bench->config,
                                                .state_dir = bench->state};
    struct store *store = NULL;
    return store_files_open(&options, &store, err) < 0 ? NULL : store;
}

static struct store *open_kube(const struct bench *bench, struct error *err)
{
    cleanup_kube_config struct kube_config config = {0};
    const struct kube_config_choice choice = {.kubeconfig = getenv("SEALIFT_TEST_KUBECONFIG")};
    const struct store_kube_options options = {
        .config = &config, .own_namespace = bench->namespace, .role = "packager"};
    struct store *store = NULL;
    if (bench->cluster == NULL && kube_config_from_files(&choice, &config, err) < 0)
        return NULL;
    if (bench->cluster != NULL)
        config.server = xstrdup(bench->url);
    return store_kube_open(&options, &store, err) < 0 ? NULL : store;
}

static struct store *open_store(const struct bench *bench)
{
    cleanup_error struct error err = {0};
    struct store *store = bench->dir != NULL ? open_files(bench, &err) : open_kube(bench, &err);
    if (store == NULL)
        fail_msg("%s", error_message(&err));
    return store;
}

static struct bench *new_bench(void **state)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    bench->namespace = "shop";
    assert_int_equal(loop_new(clock_system(), &bench->loop, NULL), 0);
    *state = bench;
    return bench;
}

static int setup_files(void **state)
{
    struct bench *bench = new_bench(state);
    assert_int_equal(file_make_temp_dir("sealift-contract-", &bench->dir, NULL), 0);
    bench->config = path_join(bench->dir, "config");
    bench->state = path_join(bench->dir, "state");
    assert_int_equal(mkdir(bench->config, 0755), 0);
    bench->store = open_store(bench);
    return 0;
}

static int setup_fake(void **state)
{
    struct bench *bench = new_bench(state);
    bench->cluster = fake_cluster_start();
    bench->url = fake_cluster_url(bench->cluster);
    bench->store = open_store(bench);
    return 0;
}

static int setup_real(void **state)
{
    struct bench *bench = new_bench(state);
    bench->namespace = getenv("SEALIFT_TEST_NAMESPACE");
    bench->store = open_store(bench);
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    store_free(bench->store);
    loop_free(bench->loop);
    if (bench->cluster != NULL)
        fake_cluster_stop(bench->cluster);
    if (bench->dir != NULL)
        assert_int_equal(file_remove_tree(bench->dir, NULL), 0);
    free(bench->dir);
    free(bench->config);
    free(bench->state);
    free(bench->url);
    free(bench);
    return 0;
}

// ---- objects ----

static json_t *bundle(const struct bench *bench, const char *name, const char *interval)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:{s:{s:s}}, s:{s:s, s:[s]}, s:{s:{s:s}}}}",
                     "apiVersion", API_VERSION, "kind", "Bundle", "metadata", "name", name,
                     "namespace", bench->namespace, "spec", "interval", interval, "source", "git",
                     "url", "https://git.example.com/a/b", "artifact", "repository",
                     "oci://r.example.com/a", "tags", "prod", "sign", "secretRef", "name", "key");
}

static void apply(const struct bench *bench, json_t *object)
{
    cleanup_error struct error err = {0};
    if (store_apply(bench->store, object, &err) < 0)
        fail_msg("%s", error_message(&err));
    json_decref(object);
}

static json_t *get(const struct bench *bench, const char *kind, const char *name)
{
    json_t *object = NULL;
    cleanup_error struct error err = {0};
    if (store_get(bench->store, kind, bench->namespace, name, &object, &err) < 0)
        fail_msg("%s", error_message(&err));
    return object;
}

static enum error_code get_code(const struct bench *bench, const char *kind, const char *name)
{
    cleanup_json json_t *object = NULL;
    cleanup_error struct error err = {0};
    return store_get(bench->store, kind, bench->namespace, name, &object, &err) < 0 ? err.code
                                                                                    : ERROR_NONE;
}

#define assert_fails(call, expected)                                               \
    do {                                                                           \
        cleanup_error struct error err = {0};                                      \
        if ((call) == 0)                                                           \
            fail_msg("%s did not fail", #call);                                    \
        if (err.code != (expected))                                                \
            fail_msg("%s: %s: %s", #call, error_code_name(err.code), err.message); \
    } while (0)

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

// ---- on the loop ----

struct seen {
    struct bench *bench;
    struct store_watch *watch;
    struct strbuf text; // "ADDED web 1m; "
    bool synced;
    int errors;
    char *last_error;
    bool free_at_once;
};

static void on_object(void *arg, enum store_change change, const json_t *object)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED"};
    struct seen *seen = arg;
    const char *interval = object_spec_string(object, "interval");
    // A real API server is shared by the tests.
    if (strcmp(object_namespace(object), seen->bench->namespace) != 0)
        return;
    strbuf_addf(&seen->text, "%s %s %s; ", names[change], object_name(object),
                interval != NULL ? interval : "-");
    if (seen->free_at_once) {
        store_watch_free(seen->watch);
        seen->watch = NULL;
    }
}

static void on_synced(void *arg)
{
    ((struct seen *)arg)->synced = true;
}

static void on_error(void *arg, const struct error *err)
{
    struct seen *seen = arg;
    seen->errors++;
    free(seen->last_error);
    seen->last_error = xstrdup(error_message(err));
}

static void turn(struct bench *bench)
{
    loop_run_once(bench->loop);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void start_watch(struct bench *bench, const char *kind, struct seen *seen)
{
    static const struct store_watch_events events = {on_object, on_synced, on_error};
    *seen = (struct seen){.bench = bench};
    strbuf_init(&seen->text, 1 << 16);
    assert_int_equal(
        store_watch(bench->store, bench->loop, kind, &events, seen, &seen->watch, NULL), 0);
    assert_int_equal(seen->text.len, 0);
    for (int i = 0; i < 10000 && !seen->synced && seen->errors == 0; i++)
        turn(bench);
}

static void end_watch(struct seen *seen)
{
    store_watch_free(seen->watch);
    strbuf_release(&seen->text);
    free(seen->last_error);
}

// Waits until it is all that was told since the last time.
static void expect(struct seen *seen, const char *expected)
{
    for (int i = 0; i < 10000 && seen->text.len < strlen(expected); i++)
        turn(seen->bench);
    for (int i = 0; i < 20; i++)
        turn(seen->bench);
    assert_string_equal(seen->text.data, expected);
    strbuf_reset(&seen->text);
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

// ---- only on an API server ----

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
    const struct CMUnitTest on_fake[] = {
        CONTRACT(setup_fake),
        cmocka_unit_test_setup_teardown(test_kube_says_what_to_grant, setup_fake, teardown),
        cmocka_unit_test_setup_teardown(test_kube_says_what_to_grant_for_a_hook, setup_fake,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_kube_says_that_a_kind_is_missing, setup_fake,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_kube_writes_status_once, setup_fake, teardown),
        cmocka_unit_test_setup_teardown(test_kube_marks_what_is_invalid, setup_fake, teardown),
        cmocka_unit_test_setup_teardown(test_kube_watch_catches_up, setup_fake, teardown),
        cmocka_unit_test_setup_teardown(test_kube_guesses_at_no_record, setup_fake, teardown),
    };
    const struct CMUnitTest on_real[] = {CONTRACT(setup_real)};
    if (getenv("SEALIFT_TEST_KUBECONFIG") != NULL)
        return cmocka_run_group_tests(on_real, NULL, NULL);
    int failed = cmocka_run_group_tests(on_files, NULL, NULL);
    return failed + cmocka_run_group_tests(on_fake, NULL, NULL);
}
