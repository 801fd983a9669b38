// What the store on files writes, on real directories; two stores on one state stand for two
// processes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_files_scene.h"

#include "api/condition.h"

#include <pthread.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_store_status_conflicts_on_a_stale_write),
        STORE_TEST(test_store_generation_counts_specs_only),
        STORE_TEST(test_store_patches_metadata),
        STORE_TEST(test_store_applies_into_files),
        STORE_TEST(test_store_deletes_out_of_files),
        STORE_TEST(test_store_finalizers_hold_an_object),
        STORE_TEST(test_store_survives_what_a_crash_leaves),
        STORE_TEST(test_store_events_are_capped),
        STORE_TEST(test_store_events_follow_a_cut_line),
        STORE_TEST(test_store_records_conflict),
        STORE_TEST(test_store_writers_lose_nothing),
    };
    json_object_seed(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
