#include "oci/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "oci/budget.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *make_dir(void)
{
    char *dir = NULL;
    assert_int_equal(file_make_temp_dir("cache", &dir, NULL), 0);
    return dir;
}

static bool has(struct oci_cache *cache, const char *digest)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    return oci_cache_get(cache, digest, 1000, &data, &size, NULL) == 0;
}

// Stores `size` bytes of `ch`, last used `age` seconds after the epoch.
static struct digest store(struct oci_cache *cache, const char *dir, char ch, size_t size, long age)
{
    cleanup_free char *data = xmalloc(size);
    memset(data, ch, size);
    struct digest digest = digest_of(data, size);
    cleanup_error struct error err = {0};
    if (oci_cache_put(cache, digest.text, data, size, &err) < 0)
        fail_msg("%s", error_message(&err));
    cleanup_free char *path = path_join(dir, digest_hex(digest.text));
    struct timespec times[2] = {{.tv_sec = age}, {.tv_sec = age}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    return digest;
}

static void test_oci_cache_evicts_the_oldest_that_is_not_pinned(void **state)
{
    (void)state;
    cleanup_free char *dir = make_dir();
    struct oci_cache *cache = NULL;
    assert_int_equal(oci_cache_open(dir, 1000, &cache, NULL), 0);
    struct digest a = store(cache, dir, 'a', 300, 1);
    struct digest b = store(cache, dir, 'b', 300, 2);
    struct digest c = store(cache, dir, 'c', 300, 3);
    oci_cache_pin(cache, a.text);
    oci_cache_pin(cache, a.text);
    oci_cache_unpin(cache, a.text);
    struct digest d = store(cache, dir, 'd', 300, 4);
    assert_true(has(cache, a.text));
    assert_false(has(cache, b.text));
    assert_true(has(cache, c.text));
    assert_true(has(cache, d.text));

    // A new process counts what is there.
    oci_cache_close(cache);
    assert_int_equal(oci_cache_open(dir, 1000, &cache, NULL), 0);
    cleanup_free char *large = xcalloc(1, 999);
    struct digest whole = digest_of(large, 999);
    oci_cache_pin(cache, d.text);
    cleanup_error struct error err = {0};
    assert_int_equal(oci_cache_put(cache, whole.text, large, 999, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    oci_cache_unpin(cache, d.text);
    assert_int_equal(oci_cache_put(cache, whole.text, large, 999, &err), 0);
    assert_true(has(cache, whole.text));
    oci_cache_close(cache);
    assert_int_equal(file_remove_tree(dir, NULL), 0);
}

static void test_oci_cache_damage_is_a_miss(void **state)
{
    (void)state;
    cleanup_free char *dir = make_dir();
    struct oci_cache *cache = NULL;
    assert_int_equal(oci_cache_open(dir, 0, &cache, NULL), 0);
    struct digest a = store(cache, dir, 'a', 10, 1);
    cleanup_free char *path = path_join(dir, digest_hex(a.text));
    assert_int_equal(file_write_swap(path, "bbbbbbbbbb", 10, 0600, NULL), 0);
    assert_false(has(cache, a.text));
    assert_false(file_exists(path));
    assert_false(has(cache, "sha256:../../etc/passwd"));
    cleanup_error struct error err = {0};
    assert_int_equal(oci_cache_put(cache, a.text, "x", 1, &err), -1);
    oci_cache_close(cache);
    assert_int_equal(file_remove_tree(dir, NULL), 0);
}

struct reserving {
    struct oci_budget *budget;
    struct oci_share share;
    struct cancel *cancel;
    struct error err;
    int result;
};

static void *reserve_all(void *arg)
{
    struct reserving *job = arg;
    job->result = oci_budget_reserve(job->budget, 100, job->cancel, 0, &job->share, &job->err);
    return NULL;
}

static void test_oci_budget_waits_its_turn(void **state)
{
    (void)state;
    struct oci_budget *budget = oci_budget_new(100);
    struct oci_share share = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(oci_budget_reserve(budget, 101, NULL, 0, &share, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_int_equal(oci_budget_reserve(budget, 100, NULL, 0, &share, &err), 0);
    struct oci_share late = {0};
    assert_int_equal(oci_budget_reserve(budget, 1, NULL, 1, &late, &err), -1);
    assert_int_equal(err.code, ERROR_TIMEOUT);

    struct reserving waits = {.budget = budget};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, reserve_all, &waits), 0);
    oci_share_shrink(&share, 1);
    oci_share_release(&share);
    pthread_join(thread, NULL);
    assert_int_equal(waits.result, 0);

    struct cancel cancel;
    cancel_init(&cancel);
    struct reserving cancelled = {.budget = budget, .cancel = &cancel};
    assert_int_equal(pthread_create(&thread, NULL, reserve_all, &cancelled), 0);
    cancel_request(&cancel);
    pthread_join(thread, NULL);
    assert_int_equal(cancelled.result, -1);
    assert_int_equal(cancelled.err.code, ERROR_CANCELED);
    error_release(&cancelled.err);
    cancel_release(&cancel);
    oci_share_release(&waits.share);
    assert_int_equal(oci_budget_held(budget), 0);
    oci_budget_free(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_cache_evicts_the_oldest_that_is_not_pinned),
        cmocka_unit_test(test_oci_cache_damage_is_a_miss),
        cmocka_unit_test(test_oci_budget_waits_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
