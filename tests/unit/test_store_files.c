// The store on files, on real directories; two stores on one state stand for two processes.
#include "api/condition.h"
#include "api/store_files.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUNDLE(name, interval)                                                             \
    "apiVersion: sealift.dev/v1alpha1\nkind: Bundle\nmetadata:\n  name: " name             \
    "\n  namespace: shop\nspec:\n  interval: " interval                                    \
    "\n  source:\n    git:\n      url: https://git.example.com/a/b\n  artifact:\n    "     \
    "repository: oci://r.example.com/a\n    tags: [prod]\n  sign:\n    secretRef:\n      " \
    "name: key\n"
#define POLICY                                                                              \
    "apiVersion: sealift.dev/v1alpha1\nkind: TrustPolicy\nmetadata:\n  name: prod\nspec:\n" \
    "  require:\n  - name: p\n    keys:\n    - name: p\n      secretRef:\n        name: p\n"
#define SECRET(value)                                                                       \
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: key\n  namespace: shop\ndata:\n  a: " \
    "YQBi\nstringData:\n  token: " value "\n"

struct place {
    char *dir;
    char *config;
    char *state;
    struct fake_clock clock;
};

static int setup(void **state)
{
    struct place *place = xcalloc(1, sizeof *place);
    assert_int_equal(file_make_temp_dir("sealift-store-", &place->dir, NULL), 0);
    place->config = path_join(place->dir, "config");
    place->state = path_join(place->dir, "state");
    assert_int_equal(mkdir(place->config, 0755), 0);
    fake_clock_init(&place->clock, 1700000000000);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    assert_int_equal(file_remove_tree(place->dir, NULL), 0);
    free(place->dir);
    free(place->config);
    free(place->state);
    free(place);
    return 0;
}

static void put_file(const struct place *place, const char *name, const char *text)
{
    cleanup_free char *path = path_join(place->config, name);
    cleanup_error struct error err = {0};
    if (file_write_swap(path, text, strlen(text), 0644, &err) < 0)
        fail_msg("%s", error_message(&err));
}

static char *get_file(const char *dir, const char *name)
{
    cleanup_free char *path = path_join(dir, name);
    char *text = NULL;
    cleanup_error struct error err = {0};
    if (file_read(path, 1 << 20, &text, NULL, &err) < 0)
        fail_msg("%s", error_message(&err));
    return text;
}

static void remove_file(const struct place *place, const char *name)
{
    cleanup_free char *path = path_join(place->config, name);
    assert_int_equal(unlink(path), 0);
}

static struct store *open_store(struct place *place)
{
    struct store_files_options options = {
        .config_dir = place->config, .state_dir = place->state, .clock = &place->clock.clock};
    struct store *store = NULL;
    cleanup_error struct error err = {0};
    if (store_files_open(&options, &store, &err) < 0)
        fail_msg("%s", error_message(&err));
    return store;
}

static json_t *get(struct store *store, const char *kind, const char *name)
{
    json_t *object = NULL;
    cleanup_error struct error err = {0};
    const char *namespace = strcmp(kind, "TrustPolicy") == 0 ? "" : "shop";
    if (store_get(store, kind, namespace, name, &object, &err) < 0)
        fail_msg("%s", error_message(&err));
    return object;
}

static enum error_code get_code(struct store *store, const char *kind, const char *name)
{
    cleanup_json json_t *object = NULL;
    cleanup_error struct error err = {0};
    return store_get(store, kind, "shop", name, &object, &err) < 0 ? err.code : ERROR_NONE;
}

// ---- a watch that remembers ----

struct seen {
    struct vec lines; // char *: "ADDED web 1 10m"
    bool synced;
    int errors;
    json_t *last;
};

static void on_object(void *arg, enum store_change change, const json_t *object)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED"};
    struct seen *seen = arg;
    json_decref(seen->last);
    seen->last = jval_ref(object);
    *(char **)vec_push(&seen->lines) = xasprintf(
        "%s %s %lld %s", names[change], object_name(object), (long long)object_generation(object),
        object_spec_string(object, "interval") != NULL ? object_spec_string(object, "interval")
                                                       : "-");
}

static void on_synced(void *arg)
{
    ((struct seen *)arg)->synced = true;
}

static void on_error(void *arg, const struct error *err)
{
    assert_int_equal(err->code, ERROR_UNAVAILABLE);
    ((struct seen *)arg)->errors++;
}

static const struct store_watch_events watch_events = {
    .on_object = on_object, .on_synced = on_synced, .on_error = on_error};

struct role {
    struct place *place;
    struct loop *loop;
    struct store *store;
    struct store_watch *watch;
    struct seen seen;
};

static bool is_synced(const struct role *role)
{
    return role->seen.synced;
}

// Runs the loop until it holds, at most 5 s of real time.
static void run_until(struct role *role, bool (*holds)(const struct role *role), const char *what)
{
    for (int i = 0; i < 5000; i++) {
        loop_run_once(role->loop);
        if (holds(role))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    fail_msg("waited in vain: %s", what);
}

// Lets everything that is under way arrive.
static void settle(struct role *role)
{
    for (int i = 0; i < 30; i++) {
        loop_run_once(role->loop);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void advance(struct role *role, int64_t ms)
{
    for (; ms > 0; ms -= 1000) {
        fake_clock_advance(&role->place->clock, 1000);
        loop_run_once(role->loop);
        loop_run_once(role->loop);
    }
    settle(role);
}

static void start(struct place *place, const char *kind, struct role *role)
{
    *role = (struct role){.place = place, .seen.lines = VEC_OF(char *, vec_release_string)};
    assert_int_equal(loop_new(&place->clock.clock, &role->loop, NULL), 0);
    role->store = open_store(place);
    assert_int_equal(
        store_watch(role->store, role->loop, kind, &watch_events, &role->seen, &role->watch, NULL),
        0);
    assert_int_equal(role->seen.lines.len, 0);
    run_until(role, is_synced, "on_synced");
}

static void stop(struct role *role)
{
    store_watch_free(role->watch);
    store_free(role->store);
    loop_free(role->loop);
    vec_free(&role->seen.lines);
    json_decref(role->seen.last);
}

static void expect_lines(struct role *role, const char *expected)
{
    settle(role);
    cleanup_strbuf struct strbuf all;
    strbuf_init(&all, 1 << 16);
    vec_foreach (char *, line, &role->seen.lines)
        strbuf_addf(&all, "%s%s", all.len > 0 ? "; " : "", *line);
    assert_string_equal(all.data, expected);
    vec_clear(&role->seen.lines);
}

// ---- reading ----

static void test_store_reads_objects_with_identity(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m") "---\n" BUNDLE("api", "2m"));
    put_file(place, "secret.yml", SECRET("hunter2"));
    put_file(place, ".hidden.yaml", BUNDLE("hidden", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_int_equal(strlen(object_uid(web)), 36);
    assert_int_equal(object_generation(web), 1);
    assert_string_equal(jval_string(web, "metadata.creationTimestamp"), "2023-11-14T22:13:20Z");
    assert_string_equal(object_spec_string(web, "interval"), "1m");
    assert_string_equal(object_spec_string(web, "timeout"), "5m");
    assert_int_equal(object_problem(web), OBJECT_FINE);
    cleanup_json json_t *all = NULL;
    assert_int_equal(store_list(store, "Bundle", NULL, &all, NULL), 0);
    assert_int_equal(json_array_size(all), 2);
    assert_string_equal(object_name(json_array_get(all, 0)), "api");
    assert_int_equal(get_code(store, "Bundle", "hidden"), ERROR_NOT_FOUND);
    assert_int_equal(get_code(store, "Pod", "web"), ERROR_INVALID);
    store_free(store);

    struct store *again = open_store(place);
    cleanup_json json_t *same = get(again, "Bundle", "web");
    assert_string_equal(object_uid(same), object_uid(web));
    assert_string_equal(object_resource_version(same), object_resource_version(web));
    store_free(again);
}

static void test_store_hands_secrets_out_only_when_asked(void **state)
{
    struct place *place = *state;
    put_file(place, "secret.yaml", SECRET("hunter2"));
    struct store *store = open_store(place);
    cleanup_json json_t *object = get(store, "Secret", "key");
    cleanup_free char *text = jval_compact(object);
    assert_null(strstr(text, "hunter2"));
    assert_null(strstr(text, "YQBi"));
    cleanup_secret_data struct secret_data *secret = NULL;
    assert_int_equal(store_secret(store, "shop", "key", &secret, NULL), 0);
    assert_string_equal(secret_data_text(secret, "token"), "hunter2");
    size_t size;
    assert_memory_equal(secret_data_get(secret, "a", &size), "a\0b", 4);
    assert_int_equal(size, 3);
    assert_null(secret_data_text(secret, "a"));
    assert_null(secret_data_get(secret, "b", &size));
    assert_string_equal(secret_data_version(secret), object_resource_version(object));
    put_file(place, "secret.yaml", SECRET("changed"));
    cleanup_secret_data struct secret_data *changed = NULL;
    assert_int_equal(store_secret(store, "shop", "key", &changed, NULL), 0);
    assert_string_equal(secret_data_text(changed, "token"), "changed");
    assert_string_not_equal(secret_data_version(secret), secret_data_version(changed));
    cleanup_error struct error err = {0};
    assert_int_equal(store_secret(store, "shop", "none", &changed, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    store_free(store);
}

static void test_store_knows_labels_of_namespaces(void **state)
{
    struct place *place = *state;
    put_file(place, "ns.yaml",
             "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n");
    struct store *store = open_store(place);
    cleanup_json json_t *shop = NULL;
    cleanup_json json_t *other = NULL;
    assert_int_equal(store_namespace_labels(store, "shop", &shop, NULL), 0);
    assert_int_equal(store_namespace_labels(store, "other", &other, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(shop, "env")), "prod");
    assert_string_equal(json_string_value(json_object_get(shop, LABEL_NAMESPACE_NAME)), "shop");
    assert_int_equal(json_object_size(other), 1);
    store_free(store);
}

static void test_store_marks_what_is_invalid(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "soon"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_int_equal(object_problem(web), OBJECT_INVALID);
    assert_string_equal(object_problem_message(web),
                        "Bundle shop/web: spec.interval: \"soon\" is no duration; write it like "
                        "10m");
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    cleanup_json json_t *fixed = get(store, "Bundle", "web");
    assert_int_equal(object_problem(fixed), OBJECT_FINE);
    assert_int_equal(object_generation(fixed), 2);
    store_free(store);
}

static void test_store_refuses_a_missing_configuration(void **state)
{
    struct place *place = *state;
    assert_int_equal(rmdir(place->config), 0);
    struct store_files_options options = {.config_dir = place->config, .state_dir = place->state};
    struct store *store = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(store_files_open(&options, &store, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void test_store_read_only_writes_nothing(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct store_files_options options = {
        .config_dir = place->config, .state_dir = place->state, .read_only = true};
    struct store *store = NULL;
    assert_int_equal(store_files_open(&options, &store, NULL), 0);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_string_equal(object_uid(web), "");
    cleanup_error struct error err = {0};
    assert_int_equal(store_put_status(store, web, web, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    assert_int_equal(store_delete(store, "Bundle", "shop", "web", &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    store_free(store);
    assert_false(file_exists(place->state));
}

// ---- writing ----

static void test_store_status_conflicts_on_a_stale_write(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct store *one = open_store(place);
    struct store *other = open_store(place);
    cleanup_json json_t *seen_by_one = get(one, "Bundle", "web");
    cleanup_json json_t *seen_by_other = get(other, "Bundle", "web");
    cleanup_json json_t *status = json_pack("{s:i}", "a", 1);
    cleanup_json json_t *status2 = json_pack("{s:i}", "a", 2);
    cleanup_json json_t *written = NULL;
    assert_int_equal(store_put_status(one, seen_by_one, status, &written, NULL), 0);
    assert_int_equal(jval_int(written, "status.a", 0), 1);
    assert_string_not_equal(object_resource_version(written), object_resource_version(seen_by_one));
    cleanup_error struct error err = {0};
    assert_int_equal(store_put_status(other, seen_by_other, status2, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_CONFLICT);
    cleanup_json json_t *fresh = get(other, "Bundle", "web");
    assert_int_equal(jval_int(fresh, "status.a", 0), 1);
    assert_string_equal(object_resource_version(fresh), object_resource_version(written));
    assert_int_equal(store_put_status(other, fresh, status2, NULL, NULL), 0);
    // A new spec is a change too.
    cleanup_json json_t *before = get(one, "Bundle", "web");
    put_file(place, "a.yaml", BUNDLE("web", "2m"));
    cleanup_json json_t *after = get(other, "Bundle", "web");
    assert_int_equal(object_generation(after), 2);
    assert_int_equal(store_put_status(one, before, status, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_CONFLICT);
    cleanup_json json_t *again = get(one, "Bundle", "web");
    assert_string_equal(object_spec_string(again, "interval"), "2m");
    assert_int_equal(object_generation(again), 2);
    store_free(one);
    store_free(other);
}

static void test_store_generation_counts_specs_only(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    put_file(place, "a.yaml", "# a comment\n" BUNDLE("web", "\"1m\"") "status: {a: 1}\n");
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_int_equal(object_generation(web), 1);
    assert_null(object_status(web, "a"));
    put_file(place, "a.yaml", BUNDLE("web", "3m"));
    cleanup_json json_t *changed = get(store, "Bundle", "web");
    assert_int_equal(object_generation(changed), 2);
    assert_string_equal(object_uid(changed), object_uid(web));
    store_free(store);
}

static void test_store_patches_metadata(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\n" POLICY);
    put_file(place, "b.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    cleanup_json json_t *patch =
        json_pack("{s:{s:s, s:s}, s:{s:s}, s:[s]}", "annotations", ANNOTATION_REQUESTED_AT, "now",
                  "b", "c", "labels", "team", "shop", "finalizers", "sealift.dev/x");
    cleanup_json json_t *patched = NULL;
    assert_int_equal(store_patch_metadata(store, web, patch, &patched, NULL), 0);
    assert_string_equal(object_annotation(patched, ANNOTATION_REQUESTED_AT), "now");
    assert_string_equal(object_label(patched, "team"), "shop");
    assert_true(object_has_finalizer(patched, "sealift.dev/x"));
    assert_int_equal(object_generation(patched), 1);
    // An old object may be patched: names of others stay.
    cleanup_json json_t *second = json_pack("{s:{s:n}}", "annotations", "b");
    cleanup_json json_t *without = NULL;
    assert_int_equal(store_patch_metadata(store, web, second, &without, NULL), 0);
    assert_null(object_annotation(without, "b"));
    assert_string_equal(object_annotation(without, ANNOTATION_REQUESTED_AT), "now");
    cleanup_json json_t *suspended = NULL;
    assert_int_equal(store_suspend(store, patched, true, &suspended, NULL), 0);
    assert_true(object_is_suspended(suspended));
    cleanup_json json_t *policy = get(store, "TrustPolicy", "prod");
    assert_int_equal(store_suspend(store, policy, true, NULL, NULL), -1);
    store_free(store);
    struct store *again = open_store(place);
    cleanup_json json_t *kept = get(again, "Bundle", "web");
    assert_true(object_is_suspended(kept));
    assert_true(object_has_finalizer(kept, "sealift.dev/x"));
    store_free(again);
}

static void test_store_applies_into_files(void **state)
{
    struct place *place = *state;
    static const char two[] = "# first\n" BUNDLE("web", "1m") "---\n# second\n" BUNDLE("api", "2m");
    put_file(place, "a.yaml", two);
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    cleanup_json json_t *edited = json_deep_copy(web);
    json_object_del(edited, "status");
    jval_set_string(edited, "spec.interval", "7m");
    assert_int_equal(store_apply(store, edited, NULL), 0);
    cleanup_json json_t *now = get(store, "Bundle", "web");
    assert_string_equal(object_spec_string(now, "interval"), "7m");
    assert_int_equal(object_generation(now), 2);
    cleanup_free char *text = get_file(place->config, "a.yaml");
    assert_non_null(strstr(text, "interval: 7m"));
    assert_non_null(strstr(text, "---\n# second\n" BUNDLE("api", "2m")));
    assert_null(strstr(text, "uid"));

    cleanup_json json_t *fresh = json_deep_copy(edited);
    jval_set_string(fresh, "metadata.name", "new");
    assert_int_equal(store_apply(store, fresh, NULL), 0);
    cleanup_free char *made = get_file(place->config, "bundle-shop-new.yaml");
    assert_non_null(strstr(made, "name: new"));
    cleanup_json json_t *created = get(store, "Bundle", "new");
    assert_int_equal(object_generation(created), 1);
    // The same again touches nothing.
    cleanup_free char *path = path_join(place->config, "bundle-shop-new.yaml");
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(store_apply(store, fresh, NULL), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);

    jval_set_string(fresh, "spec.interval", "never");
    cleanup_error struct error err = {0};
    assert_int_equal(store_apply(store, fresh, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    store_free(store);
}

static void test_store_deletes_out_of_files(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml",
             BUNDLE("one", "1m") "---\n" BUNDLE("two", "1m") "---\n" BUNDLE("three", "1m"));
    struct store *store = open_store(place);
    assert_int_equal(store_delete(store, "Bundle", "shop", "two", NULL), 0);
    cleanup_free char *text = get_file(place->config, "a.yaml");
    assert_string_equal(text, BUNDLE("one", "1m") "---\n" BUNDLE("three", "1m"));
    assert_int_equal(get_code(store, "Bundle", "two"), ERROR_NOT_FOUND);
    assert_int_equal(store_delete(store, "Bundle", "shop", "one", NULL), 0);
    cleanup_free char *rest = get_file(place->config, "a.yaml");
    assert_string_equal(rest, BUNDLE("three", "1m"));
    assert_int_equal(store_delete(store, "Bundle", "shop", "three", NULL), 0);
    cleanup_free char *path = path_join(place->config, "a.yaml");
    assert_false(file_exists(path));
    cleanup_error struct error err = {0};
    assert_int_equal(store_delete(store, "Bundle", "shop", "three", &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    cleanup_free char *folder = path_join(place->state, "bundle/shop/three");
    assert_false(file_exists(folder));
    store_free(store);
}

static void test_store_finalizers_hold_an_object(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    cleanup_json json_t *hold = json_pack("{s:[s]}", "finalizers", "sealift.dev/prune");
    cleanup_json json_t *free_it = json_pack("{s:[]}", "finalizers");
    assert_int_equal(store_patch_metadata(store, web, hold, NULL, NULL), 0);
    assert_int_equal(store_delete(store, "Bundle", "shop", "web", NULL), 0);
    cleanup_json json_t *dying = get(store, "Bundle", "web");
    assert_true(object_is_deleting(dying));
    assert_string_equal(object_spec_string(dying, "interval"), "1m");
    cleanup_error struct error err = {0};
    cleanup_json json_t *back = json_deep_copy(web);
    assert_int_equal(store_apply(store, back, &err), -1);
    assert_int_equal(err.code, ERROR_CONFLICT);
    // Status can still be written, and a restart forgets nothing.
    cleanup_json json_t *status = json_pack("{s:i}", "a", 1);
    assert_int_equal(store_put_status(store, dying, status, NULL, NULL), 0);
    store_free(store);
    struct store *again = open_store(place);
    cleanup_json json_t *still = get(again, "Bundle", "web");
    assert_true(object_is_deleting(still));
    assert_int_equal(jval_int(still, "status.a", 0), 1);
    cleanup_json json_t *last = NULL;
    assert_int_equal(store_patch_metadata(again, still, free_it, &last, NULL), 0);
    assert_string_equal(object_name(last), "web");
    assert_int_equal(get_code(again, "Bundle", "web"), ERROR_NOT_FOUND);
    assert_int_equal(store_put_status(again, still, status, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(store_apply(again, back, NULL), 0);
    cleanup_json json_t *reborn = get(again, "Bundle", "web");
    assert_string_not_equal(object_uid(reborn), object_uid(web));
    assert_null(object_status(reborn, "a"));
    assert_int_equal(object_generation(reborn), 1);
    store_free(again);
}

static void test_store_survives_what_a_crash_leaves(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    store_free(store);
    cleanup_free char *folder = path_join(place->state, "bundle/shop/web");
    cleanup_free char *status = path_join(folder, "status.json");
    cleanup_free char *temp = path_join(folder, ".status.json.AbCdEf");
    cleanup_free char *grave = path_join(place->state, "bundle/shop/.old.0123456789abcdef");
    cleanup_free char *floors = path_join(place->state, "floors");
    cleanup_free char *floor = path_join(floors, ".0123.json.AbCdEf");
    assert_int_equal(file_make_dirs(floors, NULL), 0);
    assert_int_equal(file_write_swap(floor, "{", 1, 0600, NULL), 0);
    assert_int_equal(file_write_swap(status, "{\"a\": ", 6, 0600, NULL), 0);
    assert_int_equal(file_write_swap(temp, "{", 1, 0600, NULL), 0);
    assert_int_equal(file_make_dirs(grave, NULL), 0);
    struct store *again = open_store(place);
    cleanup_json json_t *same = get(again, "Bundle", "web");
    assert_string_equal(object_uid(same), object_uid(web));
    assert_null(object_status(same, ""));
    assert_false(file_exists(temp));
    assert_false(file_exists(grave));
    assert_false(file_exists(floor));
    cleanup_json json_t *value = json_pack("{s:i}", "a", 1);
    assert_int_equal(store_put_status(again, same, value, NULL, NULL), 0);
    store_free(again);
}

// ---- bad files ----

static void test_store_keeps_what_a_bad_file_defined(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m") "---\n" POLICY);
    put_file(place, "b.yaml", BUNDLE("api", "1m"));
    struct store *store = open_store(place);
    put_file(place, "a.yaml", "kind: [\n");
    cleanup_json json_t *web = get(store, "Bundle", "web");
    cleanup_json json_t *policy = get(store, "TrustPolicy", "prod");
    cleanup_json json_t *api = get(store, "Bundle", "api");
    assert_int_equal(object_problem(web), OBJECT_UNREADABLE);
    assert_non_null(strstr(object_problem_message(web), "a.yaml:"));
    assert_string_equal(object_spec_string(web, "interval"), "1m");
    assert_int_equal(object_problem(policy), OBJECT_UNREADABLE);
    assert_int_equal(object_problem(api), OBJECT_FINE);
    cleanup_json json_t *problems = store_files_problems(store);
    assert_int_equal(json_array_size(problems), 1);
    // Status can be written meanwhile.
    cleanup_json json_t *status = json_pack("{s:i}", "a", 1);
    assert_int_equal(store_put_status(store, web, status, NULL, NULL), 0);
    store_free(store);

    struct store *again = open_store(place);
    cleanup_json json_t *after = get(again, "Bundle", "web");
    assert_int_equal(object_problem(after), OBJECT_UNREADABLE);
    assert_string_equal(object_uid(after), object_uid(web));
    cleanup_json json_t *policies = NULL;
    assert_int_equal(store_list(again, "TrustPolicy", NULL, &policies, NULL), 0);
    assert_int_equal(json_array_size(policies), 1);
    put_file(place, "a.yaml", BUNDLE("web", "1m") "---\n" POLICY);
    cleanup_json json_t *healed = get(again, "Bundle", "web");
    assert_int_equal(object_problem(healed), OBJECT_FINE);
    assert_int_equal(object_generation(healed), 1);
    store_free(again);
}

static void test_store_stands_in_for_a_policy_never_read(void **state)
{
    struct place *place = *state;
    put_file(place, "policy.yaml", POLICY "  bad\n");
    put_file(place, "web.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *policies = NULL;
    assert_int_equal(store_list(store, "TrustPolicy", NULL, &policies, NULL), 0);
    assert_int_equal(json_array_size(policies), 1);
    const json_t *stand_in = json_array_get(policies, 0);
    assert_int_equal(object_problem(stand_in), OBJECT_UNREADABLE);
    assert_memory_equal(object_name(stand_in), "unreadable-", 11);
    assert_null(jval_get(stand_in, "spec.match.namespaces"));
    put_file(place, "policy.yaml", POLICY);
    cleanup_json json_t *fixed = NULL;
    assert_int_equal(store_list(store, "TrustPolicy", NULL, &fixed, NULL), 0);
    assert_int_equal(json_array_size(fixed), 1);
    assert_string_equal(object_name(json_array_get(fixed, 0)), "prod");
    // A policy without name is none that could be told from others.
    put_file(place, "policy.yaml", "apiVersion: sealift.dev/v1alpha1\nkind: TrustPolicy\n");
    cleanup_json json_t *nameless = NULL;
    assert_int_equal(store_list(store, "TrustPolicy", NULL, &nameless, NULL), 0);
    assert_int_equal(json_array_size(nameless), 2);
    store_free(store);
}

static void test_store_refuses_two_definitions(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    put_file(place, "b.yaml", BUNDLE("web", "2m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_int_equal(object_problem(web), OBJECT_UNREADABLE);
    assert_non_null(strstr(object_problem_message(web), "a.yaml and b.yaml both define it"));
    assert_string_equal(object_spec_string(web, "interval"), "1m");
    remove_file(place, "a.yaml");
    cleanup_json json_t *moved = get(store, "Bundle", "web");
    assert_int_equal(object_problem(moved), OBJECT_FINE);
    assert_string_equal(object_spec_string(moved, "interval"), "2m");
    assert_string_equal(object_uid(moved), object_uid(web));
    put_file(place, "b.yaml", BUNDLE("web", "2m") "---\n" BUNDLE("web", "3m"));
    cleanup_json json_t *twice = get(store, "Bundle", "web");
    assert_int_equal(object_problem(twice), OBJECT_UNREADABLE);
    store_free(store);
}

static void test_store_names_what_it_cannot_take(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n");
    put_file(place, "b.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *problems = store_files_problems(store);
    assert_int_equal(json_array_size(problems), 1);
    assert_string_equal(json_string_value(json_array_get(problems, 0)),
                        "a.yaml:1: Deployment x: kind: \"Deployment\" is no kind of sealift; there "
                        "are Bundle, Sync, Hook, TrustPolicy, Secret, ConfigMap and Namespace");
    store_free(store);
}

// ---- watching ----

static void test_watch_tells_changes_of_files(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct role role;
    start(place, "Bundle", &role);
    expect_lines(&role, "ADDED web 1 1m");
    put_file(place, "a.yaml", BUNDLE("web", "2m"));
    expect_lines(&role, "MODIFIED web 2 2m");
    put_file(place, "other.txt", "nothing");
    put_file(place, "b.yaml", SECRET("x"));
    expect_lines(&role, "");
    cleanup_free char *sub = path_join(place->config, "sub");
    assert_int_equal(mkdir(sub, 0755), 0);
    put_file(place, "sub/c.yaml", BUNDLE("api", "1m"));
    expect_lines(&role, "ADDED api 1 1m");
    put_file(place, "sub/c.yaml", BUNDLE("api", "1h"));
    expect_lines(&role, "MODIFIED api 2 1h");
    cleanup_free char *moved = path_join(place->config, "moved");
    assert_int_equal(rename(sub, moved), 0);
    settle(&role);
    put_file(place, "moved/c.yaml", BUNDLE("api", "2h"));
    settle(&role);
    assert_string_equal(object_spec_string(role.seen.last, "interval"), "2h");
    // Written in place, as some editors do.
    cleanup_free char *path = path_join(place->config, "a.yaml");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(BUNDLE("web", "9m"), file);
    fclose(file);
    settle(&role);
    assert_string_equal(object_spec_string(role.seen.last, "interval"), "9m");
    stop(&role);
}

static void test_watch_hears_other_processes(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct role role;
    start(place, "Bundle", &role);
    expect_lines(&role, "ADDED web 1 1m");
    struct store *command = open_store(place);
    cleanup_json json_t *web = get(command, "Bundle", "web");
    cleanup_json json_t *status = json_pack("{s:i}", "a", 5);
    assert_int_equal(store_put_status(command, web, status, NULL, NULL), 0);
    expect_lines(&role, "MODIFIED web 1 1m");
    assert_int_equal(jval_int(role.seen.last, "status.a", 0), 5);
    assert_int_equal(store_suspend(command, web, true, NULL, NULL), 0);
    expect_lines(&role, "MODIFIED web 1 1m");
    assert_true(object_is_suspended(role.seen.last));
    cleanup_json json_t *fresh = json_deep_copy(web);
    jval_set_string(fresh, "metadata.name", "new");
    jval_set_string(fresh, "metadata.namespace", "elsewhere");
    assert_int_equal(store_apply(command, fresh, NULL), 0);
    expect_lines(&role, "ADDED new 1 1m");
    assert_int_equal(store_delete(command, "Bundle", "elsewhere", "new", NULL), 0);
    expect_lines(&role, "DELETED new 1 1m");
    store_free(command);
    // Its own writes are told too, once.
    cleanup_json json_t *own = get(role.store, "Bundle", "web");
    cleanup_json json_t *more = json_pack("{s:i}", "a", 6);
    assert_int_equal(store_put_status(role.store, own, more, NULL, NULL), 0);
    assert_int_equal(store_put_status(role.store, own, more, NULL, NULL), -1);
    expect_lines(&role, "MODIFIED web 1 1m");
    stop(&role);
}

static void test_watch_deletes_after_absence(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    put_file(place, "b.yaml", BUNDLE("api", "1m"));
    struct role role;
    start(place, "Bundle", &role);
    expect_lines(&role, "ADDED api 1 1m; ADDED web 1 1m");
    remove_file(place, "a.yaml");
    settle(&role);
    advance(&role, 50000);
    expect_lines(&role, "");
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    settle(&role);
    advance(&role, 90000);
    expect_lines(&role, "");
    remove_file(place, "a.yaml");
    settle(&role);
    advance(&role, 59000);
    expect_lines(&role, "");
    advance(&role, 3000);
    expect_lines(&role, "DELETED web 1 1m");
    stop(&role);
}

static void test_watch_deletes_nothing_from_a_dir_that_is_gone(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    put_file(place, "b.yaml", BUNDLE("api", "1m"));
    struct role role;
    start(place, "Bundle", &role);
    expect_lines(&role, "ADDED api 1 1m; ADDED web 1 1m");
    remove_file(place, "a.yaml");
    remove_file(place, "b.yaml");
    settle(&role);
    advance(&role, 600000);
    expect_lines(&role, "");
    cleanup_free char *aside = xasprintf("%s.aside", place->config);
    assert_int_equal(rename(place->config, aside), 0);
    settle(&role);
    advance(&role, 600000);
    expect_lines(&role, "");
    assert_int_equal(role.seen.errors, 1);
    // It comes back one file at a time.
    assert_int_equal(rename(aside, place->config), 0);
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    advance(&role, 30000);
    expect_lines(&role, "");
    put_file(place, "b.yaml", BUNDLE("api", "1m"));
    advance(&role, 120000);
    expect_lines(&role, "");
    put_file(place, "b.yaml", "{");
    settle(&role);
    remove_file(place, "a.yaml");
    settle(&role);
    advance(&role, 120000);
    expect_lines(&role, "MODIFIED api 1 1m");
    stop(&role);
}

static void test_watch_waits_for_finalizers(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    put_file(place, "b.yaml", BUNDLE("api", "1m"));
    struct role role;
    start(place, "Bundle", &role);
    cleanup_json json_t *web = get(role.store, "Bundle", "web");
    cleanup_json json_t *hold = json_pack("{s:[s]}", "finalizers", "sealift.dev/prune");
    cleanup_json json_t *release = json_pack("{s:[]}", "finalizers");
    assert_int_equal(store_patch_metadata(role.store, web, hold, NULL, NULL), 0);
    expect_lines(&role, "ADDED api 1 1m; ADDED web 1 1m; MODIFIED web 1 1m");
    struct store *command = open_store(place);
    assert_int_equal(store_delete(command, "Bundle", "shop", "web", NULL), 0);
    store_free(command);
    expect_lines(&role, "MODIFIED web 1 1m");
    assert_true(object_is_deleting(role.seen.last));
    assert_int_equal(store_patch_metadata(role.store, role.seen.last, release, NULL, NULL), 0);
    settle(&role);
    assert_int_equal(get_code(role.store, "Bundle", "web"), ERROR_NOT_FOUND);
    assert_int_equal(role.seen.lines.len, 2);
    assert_string_equal(*(char **)vec_at(&role.seen.lines, 1), "DELETED web 1 1m");
    stop(&role);
}

static void test_watch_survives_a_removed_state(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct role role;
    start(place, "Bundle", &role);
    expect_lines(&role, "ADDED web 1 1m");
    cleanup_free char *folder = path_join(place->state, "bundle/shop/web");
    assert_int_equal(file_remove_tree(folder, NULL), 0);
    expect_lines(&role, "DELETED web 1 1m; ADDED web 1 1m");
    stop(&role);
}

static void free_own_watch(void *arg, enum store_change change, const json_t *object)
{
    (void)change;
    (void)object;
    struct role *role = arg;
    store_watch_free(role->watch);
    role->watch = NULL;
    role->seen.errors++;
}

static void test_watch_may_free_itself(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m") "---\n" BUNDLE("api", "1m"));
    struct role role = {.place = place};
    assert_int_equal(loop_new(&place->clock.clock, &role.loop, NULL), 0);
    role.store = open_store(place);
    const struct store_watch_events events = {.on_object = free_own_watch};
    assert_int_equal(
        store_watch(role.store, role.loop, "Bundle", &events, &role, &role.watch, NULL), 0);
    settle(&role);
    assert_int_equal(role.seen.errors, 1);
    store_free(role.store);
    loop_free(role.loop);
}

// ---- leases, events, records ----

struct owner {
    int acquired;
    int lost;
};

static void on_acquired(void *arg)
{
    ((struct owner *)arg)->acquired++;
}

static void on_lost(void *arg)
{
    ((struct owner *)arg)->lost++;
}

static void test_lease_has_one_owner(void **state)
{
    struct place *place = *state;
    struct role role = {.place = place};
    assert_int_equal(loop_new(&place->clock.clock, &role.loop, NULL), 0);
    struct store *one = open_store(place);
    struct store *other = open_store(place);
    const struct store_lease_events events = {.on_acquired = on_acquired, .on_lost = on_lost};
    struct owner first = {0}, second = {0};
    struct store_lease *a = NULL;
    struct store_lease *b = NULL;
    assert_int_equal(store_lease_new(one, role.loop, "packager", &events, &first, &a, NULL), 0);
    assert_int_equal(first.acquired, 0);
    settle(&role);
    assert_int_equal(store_lease_new(other, role.loop, "packager", &events, &second, &b, NULL), 0);
    advance(&role, 5000);
    assert_int_equal(first.acquired, 1);
    assert_int_equal(second.acquired, 0);
    assert_true(store_lease_held(a));
    assert_false(store_lease_held(b));
    store_lease_free(a);
    advance(&role, 2000);
    assert_int_equal(second.acquired, 1);
    cleanup_free char *path = path_join(place->state, "locks/packager");
    assert_int_equal(unlink(path), 0);
    advance(&role, 12000);
    assert_int_equal(second.lost, 1);
    assert_int_equal(second.acquired, 2);
    assert_int_equal(store_lease_new(one, role.loop, "../x", &events, &first, &a, NULL), -1);
    store_free(other);
    store_free(one);
    loop_free(role.loop);
}

static void test_store_events_are_capped(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m") "---\n" BUNDLE("api", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    cleanup_json json_t *api = get(store, "Bundle", "api");
    store_event(store, web, STORE_EVENT_WARNING, "PullFailed", "the registry is down\nfor now");
    store_event(store, api, STORE_EVENT_NORMAL, "Applied", "10 objects");
    struct object_key key = object_key(web);
    cleanup_json json_t *events = NULL;
    assert_int_equal(store_list_events(store, &key, &events, NULL), 0);
    assert_int_equal(json_array_size(events), 1);
    const json_t *event = json_array_get(events, 0);
    assert_string_equal(jval_string(event, "type"), "Warning");
    assert_string_equal(jval_string(event, "note"), "the registry is down\nfor now");
    assert_string_equal(jval_string(event, "regarding.uid"), object_uid(web));
    char note[3000];
    memset(note, 'x', sizeof note);
    note[sizeof note - 1] = '\0';
    for (int i = 0; i < 2500; i++)
        store_event(store, web, STORE_EVENT_NORMAL, "Again", note);
    cleanup_free char *path = path_join(place->state, "events.jsonl");
    cleanup_free char *old = path_join(place->state, "events.jsonl.old");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 2 << 20);
    assert_int_equal(stat(old, &st), 0);
    assert_true(st.st_size < 2 << 20);
    cleanup_json json_t *all = NULL;
    assert_int_equal(store_list_events(store, NULL, &all, NULL), 0);
    assert_true(json_array_size(all) > 800);
    store_free(store);
}

static void test_store_events_follow_a_cut_line(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    cleanup_free char *path = path_join(place->state, "events.jsonl");
    static const char cut[] = "{\"at\":\"2026-01-01T00:0";
    assert_int_equal(file_write_swap(path, cut, sizeof cut - 1, 0600, NULL), 0);
    store_event(store, web, STORE_EVENT_NORMAL, "Released", "first");
    store_event(store, web, STORE_EVENT_NORMAL, "Released", "second");
    cleanup_json json_t *events = NULL;
    assert_int_equal(store_list_events(store, NULL, &events, NULL), 0);
    assert_int_equal(json_array_size(events), 2);
    assert_string_equal(jval_string(json_array_get(events, 0), "note"), "first");
    store_free(store);
}

static void test_store_records_conflict(void **state)
{
    struct place *place = *state;
    struct store *store = open_store(place);
    cleanup_json json_t *one = json_pack("{s:i}", "sequence", 1);
    cleanup_json json_t *two = json_pack("{s:i}", "sequence", 2);
    cleanup_json json_t *read = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(store_record_get(store, "floors/a", &read, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    cleanup_free char *version = NULL;
    assert_int_equal(store_record_put(store, "floors/a", one, NULL, &version, NULL), 0);
    assert_int_equal(store_record_put(store, "floors/a", two, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_CONFLICT);
    cleanup_free char *next = NULL;
    assert_int_equal(store_record_put(store, "floors/a", two, version, &next, NULL), 0);
    assert_int_equal(store_record_put(store, "floors/a", one, version, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_CONFLICT);
    cleanup_free char *seen = NULL;
    assert_int_equal(store_record_get(store, "floors/a", &read, &seen, NULL), 0);
    assert_int_equal(jval_int(read, "sequence", 0), 2);
    assert_string_equal(seen, next);
    assert_int_equal(store_record_put(store, "../a", one, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    cleanup_json json_t *names = NULL;
    assert_int_equal(store_record_list(store, "floors", &names, NULL), 0);
    assert_int_equal(json_array_size(names), 1);
    assert_string_equal(json_string_value(json_array_get(names, 0)), "floors/a");
    assert_int_equal(store_record_delete(store, "floors/a", NULL), 0);
    assert_int_equal(store_record_delete(store, "floors/a", NULL), 0);
    // A broken record is never taken for none.
    cleanup_free char *path = path_join(place->state, "floors/a.json");
    assert_int_equal(file_write_swap(path, "{", 1, 0600, NULL), 0);
    assert_int_equal(store_record_put(store, "floors/a", one, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    store_free(store);
}

// ---- threads ----

struct writer {
    struct store *store;
    int wrote;
};

static void *write_statuses(void *arg)
{
    struct writer *writer = arg;
    for (int i = 0; i < 20; i++) {
        cleanup_json json_t *web = get(writer->store, "Bundle", "web");
        cleanup_json json_t *status =
            json_pack("{s:I}", "count", (json_int_t)jval_int(web, "status.count", 0) + 1);
        cleanup_error struct error err = {0};
        if (store_put_status(writer->store, web, status, NULL, &err) == 0)
            writer->wrote++;
        else if (err.code != ERROR_CONFLICT)
            abort();
        store_event(writer->store, web, STORE_EVENT_NORMAL, "Counted", "one more");
    }
    return NULL;
}

static void test_store_writers_lose_nothing(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct role role;
    start(place, "Bundle", &role);
    struct store *other = open_store(place);
    struct writer writers[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        writers[i] = (struct writer){.store = i < 3 ? role.store : other};
        assert_int_equal(pthread_create(&threads[i], NULL, write_statuses, &writers[i]), 0);
    }
    for (int i = 0; i < 20; i++)
        settle(&role);
    int wrote = 0;
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        wrote += writers[i].wrote;
    }
    settle(&role);
    cleanup_json json_t *web = get(role.store, "Bundle", "web");
    assert_int_equal(jval_int(web, "status.count", 0), wrote);
    assert_int_equal(jval_int(role.seen.last, "status.count", 0), wrote);
    assert_true(wrote >= 20);
    store_free(other);
    stop(&role);
}

static void test_store_holds_thousands(void **state)
{
    struct place *place = *state;
    for (int i = 0; i < 1500; i++) {
        cleanup_free char *name = xasprintf("b%04d.yaml", i);
        cleanup_free char *text = xasprintf(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%04d, namespace: shop}\ndata: {a: "
            "b}\n---\napiVersion: sealift.dev/v1alpha1\nkind: Hook\nmetadata: {name: h%04d, "
            "namespace: shop}\nspec: {provider: github, secretRef: {name: h}, resources: [{kind: "
            "Bundle, name: web}]}\n",
            i, i);
        put_file(place, name, text);
    }
    struct role role;
    start(place, "Hook", &role);
    settle(&role);
    assert_int_equal(role.seen.lines.len, 1500);
    vec_clear(&role.seen.lines);
    put_file(place, "b0700.yaml",
             "apiVersion: sealift.dev/v1alpha1\nkind: Hook\nmetadata: {name: h0700, namespace: "
             "shop}\nspec: {provider: sealift, secretRef: {name: h}, resources: [{kind: Bundle, "
             "name: web}]}\n");
    expect_lines(&role, "MODIFIED h0700 2 -");
    stop(&role);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_store_reads_objects_with_identity),
        STORE_TEST(test_store_hands_secrets_out_only_when_asked),
        STORE_TEST(test_store_knows_labels_of_namespaces),
        STORE_TEST(test_store_marks_what_is_invalid),
        STORE_TEST(test_store_refuses_a_missing_configuration),
        STORE_TEST(test_store_read_only_writes_nothing),
        STORE_TEST(test_store_status_conflicts_on_a_stale_write),
        STORE_TEST(test_store_generation_counts_specs_only),
        STORE_TEST(test_store_patches_metadata),
        STORE_TEST(test_store_applies_into_files),
        STORE_TEST(test_store_deletes_out_of_files),
        STORE_TEST(test_store_finalizers_hold_an_object),
        STORE_TEST(test_store_survives_what_a_crash_leaves),
        STORE_TEST(test_store_keeps_what_a_bad_file_defined),
        STORE_TEST(test_store_stands_in_for_a_policy_never_read),
        STORE_TEST(test_store_refuses_two_definitions),
        STORE_TEST(test_store_names_what_it_cannot_take),
        STORE_TEST(test_watch_tells_changes_of_files),
        STORE_TEST(test_watch_hears_other_processes),
        STORE_TEST(test_watch_deletes_after_absence),
        STORE_TEST(test_watch_deletes_nothing_from_a_dir_that_is_gone),
        STORE_TEST(test_watch_waits_for_finalizers),
        STORE_TEST(test_watch_survives_a_removed_state),
        STORE_TEST(test_watch_may_free_itself),
        STORE_TEST(test_lease_has_one_owner),
        STORE_TEST(test_store_events_are_capped),
        STORE_TEST(test_store_events_follow_a_cut_line),
        STORE_TEST(test_store_records_conflict),
        STORE_TEST(test_store_writers_lose_nothing),
        STORE_TEST(test_store_holds_thousands),
    };
    json_object_seed(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
