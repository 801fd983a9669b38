// What tests of the store share: one on files, on an API server that fake_cluster plays, or on a
// real one, and a watch that remembers what it was told. Included after cmocka.h by one file per
// test program.
#ifndef TESTS_UNIT_STORE_SCENE_H
#define TESTS_UNIT_STORE_SCENE_H

#include "api/store_files.h"
#include "api/store_kube.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/vec.h"
#include "fake_cluster.h"

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

static inline struct store *open_files(const struct bench *bench, struct error *err)
{
    const struct store_files_options options = {.config_dir = bench->config,
                                                .state_dir = bench->state};
    struct store *store = NULL;
    return store_files_open(&options, &store, err) < 0 ? NULL : store;
}

static inline struct store *open_kube(const struct bench *bench, struct error *err)
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

static inline struct store *open_store(const struct bench *bench)
{
    cleanup_error struct error err = {0};
    struct store *store = bench->dir != NULL ? open_files(bench, &err) : open_kube(bench, &err);
    if (store == NULL)
        fail_msg("%s", error_message(&err));
    return store;
}

static inline struct bench *new_bench(void **state)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    bench->namespace = "shop";
    assert_int_equal(loop_new(clock_system(), &bench->loop, NULL), 0);
    *state = bench;
    return bench;
}

static inline int setup_files(void **state)
{
    struct bench *bench = new_bench(state);
    assert_int_equal(file_make_temp_dir("sealift-contract-", &bench->dir, NULL), 0);
    bench->config = path_join(bench->dir, "config");
    bench->state = path_join(bench->dir, "state");
    assert_int_equal(mkdir(bench->config, 0755), 0);
    bench->store = open_store(bench);
    return 0;
}

static inline int setup_fake(void **state)
{
    struct bench *bench = new_bench(state);
    bench->cluster = fake_cluster_start();
    bench->url = fake_cluster_url(bench->cluster);
    bench->store = open_store(bench);
    return 0;
}

static inline int setup_real(void **state)
{
    struct bench *bench = new_bench(state);
    bench->namespace = getenv("SEALIFT_TEST_NAMESPACE");
    bench->store = open_store(bench);
    return 0;
}

static inline int teardown(void **state)
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

static inline json_t *bundle(const struct bench *bench, const char *name, const char *interval)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:{s:{s:s}}, s:{s:s, s:[s]}, s:{s:{s:s}}}}",
                     "apiVersion", API_VERSION, "kind", "Bundle", "metadata", "name", name,
                     "namespace", bench->namespace, "spec", "interval", interval, "source", "git",
                     "url", "https://git.example.com/a/b", "artifact", "repository",
                     "oci://r.example.com/a", "tags", "prod", "sign", "secretRef", "name", "key");
}

static inline void apply(const struct bench *bench, json_t *object)
{
    cleanup_error struct error err = {0};
    if (store_apply(bench->store, object, &err) < 0)
        fail_msg("%s", error_message(&err));
    json_decref(object);
}

static inline json_t *get(const struct bench *bench, const char *kind, const char *name)
{
    json_t *object = NULL;
    cleanup_error struct error err = {0};
    if (store_get(bench->store, kind, bench->namespace, name, &object, &err) < 0)
        fail_msg("%s", error_message(&err));
    return object;
}

static inline enum error_code get_code(const struct bench *bench, const char *kind,
                                       const char *name)
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

static inline void on_object(void *arg, enum store_change change, const json_t *object)
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

static inline void on_synced(void *arg)
{
    ((struct seen *)arg)->synced = true;
}

static inline void on_error(void *arg, const struct error *err)
{
    struct seen *seen = arg;
    seen->errors++;
    free(seen->last_error);
    seen->last_error = xstrdup(error_message(err));
}

static inline void turn(struct bench *bench)
{
    loop_run_once(bench->loop);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static inline void start_watch(struct bench *bench, const char *kind, struct seen *seen)
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

static inline void end_watch(struct seen *seen)
{
    store_watch_free(seen->watch);
    strbuf_release(&seen->text);
    free(seen->last_error);
}

// Waits until it is all that was told since the last time.
static inline void expect(struct seen *seen, const char *expected)
{
    for (int i = 0; i < 10000 && seen->text.len < strlen(expected); i++)
        turn(seen->bench);
    for (int i = 0; i < 20; i++)
        turn(seen->bench);
    assert_string_equal(seen->text.data, expected);
    strbuf_reset(&seen->text);
}

#endif
