// What tests of the store on files share: a configuration and a state in a folder, and a watch that
// remembers what it was told. Included after cmocka.h by one file per test program.
#ifndef TESTS_UNIT_STORE_FILES_SCENE_H
#define TESTS_UNIT_STORE_FILES_SCENE_H

#include "api/store_files.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/vec.h"

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

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    struct place *place = *state;
    assert_int_equal(file_remove_tree(place->dir, NULL), 0);
    free(place->dir);
    free(place->config);
    free(place->state);
    free(place);
    return 0;
}

static inline void put_file(const struct place *place, const char *name, const char *text)
{
    cleanup_free char *path = path_join(place->config, name);
    cleanup_error struct error err = {0};
    if (file_write_swap(path, text, strlen(text), 0644, &err) < 0)
        fail_msg("%s", error_message(&err));
}

static inline char *get_file(const char *dir, const char *name)
{
    cleanup_free char *path = path_join(dir, name);
    char *text = NULL;
    cleanup_error struct error err = {0};
    if (file_read(path, 1 << 20, &text, NULL, &err) < 0)
        fail_msg("%s", error_message(&err));
    return text;
}

static inline void remove_file(const struct place *place, const char *name)
{
    cleanup_free char *path = path_join(place->config, name);
    assert_int_equal(unlink(path), 0);
}

static inline struct store *open_store(struct place *place)
{
    struct store_files_options options = {
        .config_dir = place->config, .state_dir = place->state, .clock = &place->clock.clock};
    struct store *store = NULL;
    cleanup_error struct error err = {0};
    if (store_files_open(&options, &store, &err) < 0)
        fail_msg("%s", error_message(&err));
    return store;
}

static inline json_t *get(struct store *store, const char *kind, const char *name)
{
    json_t *object = NULL;
    cleanup_error struct error err = {0};
    const char *namespace = strcmp(kind, "TrustPolicy") == 0 ? "" : "shop";
    if (store_get(store, kind, namespace, name, &object, &err) < 0)
        fail_msg("%s", error_message(&err));
    return object;
}

static inline enum error_code get_code(struct store *store, const char *kind, const char *name)
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

static inline void on_object(void *arg, enum store_change change, const json_t *object)
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

static inline void on_synced(void *arg)
{
    ((struct seen *)arg)->synced = true;
}

static inline void on_error(void *arg, const struct error *err)
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

static inline bool is_synced(const struct role *role)
{
    return role->seen.synced;
}

// Runs the loop until it holds, at most 5 s of real time.
static inline void run_until(struct role *role, bool (*holds)(const struct role *role),
                             const char *what)
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
static inline void settle(struct role *role)
{
    for (int i = 0; i < 30; i++) {
        loop_run_once(role->loop);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static inline void advance(struct role *role, int64_t ms)
{
    for (; ms > 0; ms -= 1000) {
        fake_clock_advance(&role->place->clock, 1000);
        loop_run_once(role->loop);
        loop_run_once(role->loop);
    }
    settle(role);
}

static inline void start(struct place *place, const char *kind, struct role *role)
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

static inline void stop(struct role *role)
{
    store_watch_free(role->watch);
    store_free(role->store);
    loop_free(role->loop);
    vec_free(&role->seen.lines);
    json_decref(role->seen.last);
}

static inline void expect_lines(struct role *role, const char *expected)
{
    settle(role);
    cleanup_strbuf struct strbuf all;
    strbuf_init(&all, 1 << 16);
    vec_foreach (char *, line, &role->seen.lines)
        strbuf_addf(&all, "%s%s", all.len > 0 ? "; " : "", *line);
    assert_string_equal(all.data, expected);
    vec_clear(&role->seen.lines);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
