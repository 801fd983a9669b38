// Which places of the host an object of a cluster may name.
#include "base/file.h"
#include "base/memory.h"
#include "controller/local.h"
#include "controller/role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char *dir;
    char *allowed;
    const char *paths[2];
    struct role role;
};

static int setup(void **state)
{
    struct place *place = xcalloc(1, sizeof *place);
    assert_int_equal(file_make_temp_dir("sealift-local-", &place->dir, NULL), 0);
    place->allowed = path_join(place->dir, "allowed");
    assert_int_equal(mkdir(place->allowed, 0755), 0);
    place->paths[0] = place->allowed;
    place->role.local_paths = place->paths;
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    assert_int_equal(file_remove_tree(place->dir, NULL), 0);
    free(place->dir);
    free(place->allowed);
    free(place);
    return 0;
}

static bool may(const struct place *place, const char *folder, const char *rest)
{
    cleanup_free char *path = xasprintf("%s%s", folder, rest);
    cleanup_error struct error err = {0};
    bool fine = local_check_path(&place->role, path, &err) == 0;
    assert_true(fine || err.code == ERROR_INVALID);
    return fine;
}

static void test_local_paths_stay_below_what_is_allowed(void **state)
{
    struct place *place = *state;
    assert_true(may(place, place->allowed, ""));
    assert_true(may(place, place->allowed, "/"));
    assert_true(may(place, place->allowed, "/not/there/yet"));
    assert_false(may(place, place->allowed, "-too"));
    assert_false(may(place, place->allowed, "/.."));
    assert_false(may(place, place->allowed, "/../elsewhere"));
    assert_false(may(place, place->allowed, "/not/there/../../../elsewhere"));
    assert_false(may(place, place->allowed, "/not/there/.."));
    assert_false(may(place, place->dir, ""));
    assert_false(may(place, "/", ""));
    assert_false(may(place, "/no-such-folder-of-ours", "/x"));
    assert_false(may(place, "", "relative"));
    assert_false(may(place, "", ""));
}

static void test_local_links_are_resolved(void **state)
{
    struct place *place = *state;
    cleanup_free char *out = path_join(place->allowed, "out");
    cleanup_free char *in = path_join(place->dir, "in");
    assert_int_equal(symlink("/etc", out), 0);
    assert_int_equal(symlink(place->allowed, in), 0);
    assert_false(may(place, out, ""));
    assert_false(may(place, out, "/shop"));
    assert_true(may(place, in, "/shop"));
    cleanup_free char *later = path_join(place->allowed, "later");
    assert_int_equal(symlink("/no-such-folder-of-ours", later), 0);
    assert_false(may(place, later, "/shop"));
}

static void test_local_urls(void **state)
{
    struct place *place = *state;
    cleanup_free char *file = xasprintf("file://%s/a.git", place->allowed);
    cleanup_free char *layout = xasprintf("oci-layout://%s/shop", place->allowed);
    assert_int_equal(local_check_url(&place->role, file, NULL), 0);
    assert_int_equal(local_check_url(&place->role, layout, NULL), 0);
    assert_int_equal(local_check_url(&place->role, "https://git.example.com/a", NULL), 0);
    assert_int_equal(local_check_url(&place->role, "oci://r.example.com/a", NULL), 0);
    cleanup_error struct error err = {0};
    assert_int_equal(local_check_url(&place->role, "oci-layout:///etc", &err), -1);
    assert_non_null(strstr(err.message, "--allow-local-path"));
    assert_int_equal(local_check_url(&place->role, "file:///etc", NULL), -1);
    assert_int_equal(local_check_url(&place->role, "file://host/etc", NULL), -1);
    // Nothing is allowed, and everything.
    place->paths[0] = NULL;
    assert_int_equal(local_check_url(&place->role, file, NULL), -1);
    place->role.local_paths = NULL;
    assert_int_equal(local_check_url(&place->role, "file:///etc", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_local_paths_stay_below_what_is_allowed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_local_links_are_resolved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_local_urls, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
