// Drift heard by inotify, work through a pool, and a process killed at any moment.
#include "controller/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/pool.h"

static char *root;
static struct loop *loop;
static struct pool *pool;
static unsigned drifts;

static int setup(void **state)
{
    (void)state;
    drifts = 0;
    assert_int_equal(file_make_temp_dir("drift-", &root, NULL), 0);
    assert_int_equal(loop_new(clock_system(), &loop, NULL), 0);
    assert_int_equal(pool_new(loop, 2, 10, &pool, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pool_free(pool);
    loop_free(loop);
    int result = file_remove_tree(root, NULL);
    free(root);
    return result;
}

static void run_loop_for(int64_t ms, const unsigned *until)
{
    int64_t end = clock_mono_ms(clock_system()) + ms;
    while (*until == 0 && clock_mono_ms(clock_system()) < end) {
        loop_run_once(loop);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void on_drift(void *arg)
{
    (void)arg;
    drifts++;
}

static void shell(const char *folder, const char *script)
{
    cleanup_free char *command = xasprintf("cd %s/%s && { %s; }", root, folder, script);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(pclose(pipe), 0);
}

static struct target *make(const char *path, enum directory_layout layout)
{
    struct target *target = NULL;
    cleanup_free char *full = path_join(root, path);
    assert_int_equal(target_directory_new(loop, "shop/web", full, layout, &target, NULL), 0);
    return target;
}

static struct target_object pod(const char *path, const char *bytes)
{
    return (struct target_object){.path = path,
                                  .group = "",
                                  .kind = "Pod",
                                  .name = "x",
                                  .bytes = bytes,
                                  .size = strlen(bytes)};
}

static void done(void *arg, struct target_outcome *outcome)
{
    struct target_outcome *copy = arg;
    *copy = *outcome;
    *outcome = (struct target_outcome){.results = TARGET_RESULTS};
}

static void work(struct target *target, enum target_verb verb, const struct target_request *request,
                 bool cancel, struct target_outcome *outcome)
{
    struct target_task *task = NULL;
    *outcome = (struct target_outcome){.results = {.element_size = 0}};
    assert_int_equal(target_start(pool, target, verb, request, done, outcome, &task, NULL), 0);
    if (cancel)
        target_task_cancel(task);
    for (int i = 0; i < 10000 && outcome->results.element_size == 0; i++) {
        loop_run_once(loop);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_not_equal(outcome->results.element_size, 0);
}

static void apply(struct target *target, const struct target_request *request)
{
    struct target_outcome outcome;
    work(target, TARGET_APPLY, request, false, &outcome);
    if (outcome.error.code != ERROR_NONE)
        fail_msg("%s", outcome.error.message);
    vec_free(&outcome.results);
}

static void heal_all(enum directory_layout layout, const char *const *scripts, size_t n)
{
    struct target *target = make("place", layout);
    struct target_object objects[] = {pod("s/Pod/x.yaml", "a: 1\n")};
    struct target_request request = {.objects = objects, .n = 1, .prune = true};
    apply(target, &request);
    assert_int_equal(target_watch(target, on_drift, NULL, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        run_loop_for(40, &drifts);
        assert_int_equal(drifts, 0);
        shell("place", scripts[i]);
        run_loop_for(3000, &drifts);
        if (drifts == 0)
            fail_msg("unheard: %s", scripts[i]);
        drifts = 0;
        apply(target, &request);
        run_loop_for(40, &drifts);
        if (drifts != 0)
            fail_msg("our own healing was heard as drift: %s", scripts[i]);
        struct target_outcome outcome;
        work(target, TARGET_PLAN, &request, false, &outcome);
        assert_int_equal(outcome.results.len, 0);
        vec_free(&outcome.results);
    }
    // Real updates are not drift either, and nobody is called after the end.
    objects[0] = pod("s/Pod/x.yaml", "a: 2\n");
    apply(target, &request);
    run_loop_for(40, &drifts);
    assert_int_equal(drifts, 0);
    assert_int_equal(target_watch(target, NULL, NULL, NULL), 0);
    shell("place", scripts[0]);
    run_loop_for(40, &drifts);
    assert_int_equal(drifts, 0);
    target_free(target);
}

static void test_target_drift_in_a_tree(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "echo x > s/Pod/x.yaml",
        "rm s/Pod/x.yaml",
        "rm -r s",
        "touch s/Pod/y.yaml",
        "touch foreign",
        "mkdir s/new",
        "chmod 600 s/Pod/x.yaml",
        "chmod 700 s",
        "chmod 700 .",
        "ln -sf /etc/passwd s/Pod/x.yaml",
        "mv s/Pod t; ln -s ../t s/Pod",
        "rm .sealift",
        "cd ..; mv place gone",
        "cd ..; rm -r place",
        "cd ..; rm -r gone place; ln -s /tmp place",
        "printf 'a: 2\\n' | dd of=s/Pod/x.yaml conv=notrunc status=none",
    };
    heal_all(DIRECTORY_TREE, scripts, ARRAY_LENGTH(scripts));
}

static void test_target_drift_in_flat_layouts(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "f=$(echo sealift-*.yaml); echo x > $f",
        "rm sealift-*.yaml",
        "chmod 600 sealift-*.yaml",
        "for f in sealift-*.yaml; do ln -sf /etc/passwd $f; done",
        "touch foreign; f=$(echo sealift-*.yaml); echo x >> $f",
        "cd ..; rm -r place",
    };
    heal_all(DIRECTORY_PODS, scripts, ARRAY_LENGTH(scripts));
    shell("", "rm -r place");
    heal_all(DIRECTORY_ONE_FILE, scripts, ARRAY_LENGTH(scripts));
}

static void test_target_drift_of_others_is_not_ours(void **state)
{
    (void)state;
    struct target *target = make("place", DIRECTORY_ONE_FILE);
    struct target *tree = make("tree", DIRECTORY_TREE);
    struct target_object objects[] = {pod("s/Pod/x.yaml", "a: 1\n")};
    struct target_request request = {.objects = objects, .n = 1, .prune = true};
    apply(target, &request);
    apply(tree, &request);
    assert_int_equal(target_watch(target, on_drift, NULL, NULL), 0);
    assert_int_equal(target_watch(tree, on_drift, NULL, NULL), 0);
    shell("place", "touch other.yaml; rm other.yaml; touch -d yesterday sealift-*.yaml");
    shell("", "mkdir beside; touch file; rm -r beside; touch tree/s/Pod/x.yaml");
    run_loop_for(100, &drifts);
    assert_int_equal(drifts, 0);
    shell("tree", "for i in $(seq 200); do echo $i > $i; done");
    run_loop_for(3000, &drifts);
    assert_int_equal(drifts > 0, 1);
    target_free(tree);
    target_free(target);
}

static void test_target_drift_before_the_watch_is_told_by_it(void **state)
{
    (void)state;
    struct target *target = make("place", DIRECTORY_TREE);
    struct target_object objects[] = {pod("s/Pod/x.yaml", "a: 1\n")};
    struct target_request request = {.objects = objects, .n = 1, .prune = true};
    apply(target, &request);
    shell("place", "rm s/Pod/x.yaml");
    run_loop_for(30, &drifts);
    assert_int_equal(drifts, 0);
    assert_int_equal(target_watch(target, on_drift, NULL, NULL), 0);
    run_loop_for(3000, &drifts);
    assert_int_equal(drifts, 1);
    target_free(target);
    // A process that finds everything in place listens as well.
    target = make("place", DIRECTORY_TREE);
    apply(target, &request);
    target_free(target);
    target = make("place", DIRECTORY_TREE);
    apply(target, &request);
    assert_int_equal(target_watch(target, on_drift, NULL, NULL), 0);
    drifts = 0;
    shell("place", "rm s/Pod/x.yaml");
    run_loop_for(3000, &drifts);
    assert_int_equal(drifts, 1);
    target_free(target);
}

static void test_target_tasks_run_and_stop(void **state)
{
    (void)state;
    struct target *target = make("place", DIRECTORY_TREE);
    struct target_object objects[] = {pod("s/Pod/x.yaml", "a: 1\n")};
    struct target_request request = {.objects = objects, .n = 1, .prune = true};
    struct target_outcome outcome;
    work(target, TARGET_APPLY, &request, true, &outcome);
    // It may have been done before it was asked to stop.
    assert_true(outcome.error.code == ERROR_CANCELED || outcome.error.code == ERROR_NONE);
    vec_free(&outcome.results);
    error_release(&outcome.error);
    work(target, TARGET_APPLY, &request, false, &outcome);
    assert_int_equal(outcome.results.len, 1);
    vec_free(&outcome.results);
    request.n = 0;
    work(target, TARGET_PRUNE_CANDIDATES, &request, false, &outcome);
    assert_int_equal(outcome.results.len, 1);
    vec_free(&outcome.results);
    work(target, TARGET_HEALTH, &request, false, &outcome);
    assert_int_equal(outcome.health.total, 1);
    vec_free(&outcome.results);
    work(target, TARGET_REMOVE_ALL, NULL, false, &outcome);
    assert_int_equal(outcome.results.len, 1);
    vec_free(&outcome.results);
    target_free(target);
    assert_string_equal(target_action_name(TARGET_KEEP), "keep");
}

enum { KILLED_OBJECTS = 20 };

static void fill(struct target_object *objects, char (*paths)[40], char (*bytes)[40],
                 unsigned version)
{
    for (int i = 0; i < KILLED_OBJECTS; i++) {
        snprintf(paths[i], 40, "n%02d/Pod/x%02d.yaml", i / 5, i);
        // Half of them stay as they are.
        snprintf(bytes[i], 40, "version: %u\n", i % 2 == 0 ? version : 0);
        objects[i] = pod(paths[i], bytes[i]);
    }
}

static void apply_for_ever(const char *path)
{
    struct target *target = NULL;
    struct target_object objects[KILLED_OBJECTS];
    char paths[KILLED_OBJECTS][40];
    char bytes[KILLED_OBJECTS][40];
    if (target_directory_new(NULL, "shop/web", path, DIRECTORY_TREE, &target, NULL) < 0)
        _exit(1);
    for (unsigned version = 1;; version++) {
        fill(objects, paths, bytes, version);
        struct target_request request = {.objects = objects, .n = KILLED_OBJECTS, .prune = true};
        struct vec results = TARGET_RESULTS;
        if (target_apply(target, &request, &results, NULL) < 0)
            _exit(1);
        vec_free(&results);
    }
}

static void assert_one_version(const char *path)
{
    cleanup_free char *first = NULL;
    for (int i = 0; i < KILLED_OBJECTS; i += 2) {
        cleanup_free char *file = xasprintf("%s/n%02d/Pod/x%02d.yaml", path, i / 5, i);
        cleanup_free char *text = NULL;
        cleanup_error struct error err = {0};
        if (file_read(file, 100, &text, NULL, &err) < 0)
            fail_msg("%s", err.message);
        if (first == NULL)
            first = STEAL(text);
        else
            assert_string_equal(text, first);
    }
}

static void test_target_tree_is_whole_after_any_kill(void **state)
{
    (void)state;
    cleanup_free char *path = path_join(root, "tree");
    cleanup_free char *temp = path_join(root, ".tree.sealift");
    unsigned leftovers = 0;
    for (int round = 0; round < 30; round++) {
        pid_t child = fork();
        assert_int_not_equal(child, -1);
        if (child == 0)
            apply_for_ever(path);
        struct stat st;
        for (int i = 0; round == 0 && i < 2000 && lstat(path, &st) < 0; i++)
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        nanosleep(&(struct timespec){.tv_nsec = 3000000 + round * 517000}, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        // The moment between the first mkdir and the first exchange shows an empty directory.
        cleanup_free char *marker = path_join(path, ".sealift");
        if (file_exists(marker))
            assert_one_version(path);
        leftovers += file_exists(temp);
    }
    print_message("%u of 30 kills left a temporary folder\n", leftovers);
    struct target_object objects[KILLED_OBJECTS];
    char paths[KILLED_OBJECTS][40];
    char bytes[KILLED_OBJECTS][40];
    fill(objects, paths, bytes, 7);
    struct target_request request = {.objects = objects, .n = KILLED_OBJECTS, .prune = true};
    struct target *target = make("tree", DIRECTORY_TREE);
    apply(target, &request);
    assert_one_version(path);
    assert_false(file_exists(temp));
    target_free(target);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_target_drift_in_a_tree),
        TEST(test_target_drift_in_flat_layouts),
        TEST(test_target_drift_of_others_is_not_ours),
        TEST(test_target_drift_before_the_watch_is_told_by_it),
        TEST(test_target_tasks_run_and_stop),
        TEST(test_target_tree_is_whole_after_any_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
