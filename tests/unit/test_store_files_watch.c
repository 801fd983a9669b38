// What the store on files hears of, on real directories; two stores on one state stand for two
// processes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_files_scene.h"

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

// kill -9 of a writer when its file was in place, and nobody told of it: who comes after it tells.
static void test_watch_hears_of_a_killed_writer(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct role role;
    start(place, "Bundle", &role);
    expect_lines(&role, "ADDED web 1 1m");
    cleanup_free char *status = path_join(place->state, "bundle/shop/web/status.json");
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL); // a tick of the disk's clock
    assert_int_equal(file_write_swap(status, "{\"a\": 5}", 8, 0600, NULL), 0);
    expect_lines(&role, "");
    struct store *next = open_store(place);
    expect_lines(&role, "MODIFIED web 1 1m");
    assert_int_equal(jval_int(role.seen.last, "status.a", 0), 5);
    store_free(next);
    // Told once.
    cleanup_free char *folder = path_join(place->state, "bundle/shop/web");
    struct stat before, after;
    assert_int_equal(stat(folder, &before), 0);
    store_free(open_store(place));
    assert_int_equal(stat(folder, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_watch_tells_changes_of_files),
        STORE_TEST(test_watch_hears_other_processes),
        STORE_TEST(test_watch_hears_of_a_killed_writer),
        STORE_TEST(test_watch_deletes_after_absence),
        STORE_TEST(test_watch_deletes_nothing_from_a_dir_that_is_gone),
        STORE_TEST(test_watch_waits_for_finalizers),
        STORE_TEST(test_watch_survives_a_removed_state),
        STORE_TEST(test_watch_may_free_itself),
        STORE_TEST(test_lease_has_one_owner),
        STORE_TEST(test_store_holds_thousands),
    };
    json_object_seed(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
