// One watch per kind for everybody who has objects of it, and none for nobody.
#include "controller/kube_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "fake_cluster.h"
#include "loop_steps.h"

static struct fake_cluster *server;
static struct loop *loop;
static struct cluster *cluster;

struct person {
    struct cluster_follower follower;
    bool needs;
    unsigned syncs;
};

static void on_object(void *arg, struct cluster_type *type, enum kube_change change,
                      const json_t *object)
{
    (void)arg;
    (void)type;
    (void)change;
    (void)object;
}

static void on_synced(void *arg, struct cluster_type *type)
{
    (void)type;
    ((struct person *)arg)->syncs++;
}

static bool needs(void *arg, const struct cluster_type *type)
{
    return strcmp(type->kind, "ConfigMap") == 0 && ((const struct person *)arg)->needs;
}

static void follow(struct person *person)
{
    person->follower = (struct cluster_follower){
        .on_object = on_object, .on_synced = on_synced, .needs = needs, .arg = person};
    person->needs = true;
    cluster_follow(cluster, &person->follower);
}

static int setup(void **state)
{
    (void)state;
    server = fake_cluster_start();
    cleanup_free char *url = fake_cluster_url(server);
    cleanup_kube_config struct kube_config config = {.server = xstrdup(url)};
    assert_int_equal(loop_new(clock_system(), &loop, NULL), 0);
    assert_int_equal(cluster_open(loop, &config, HTTP_REACH_ANY, "set", &cluster, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cluster_unref(cluster);
    loop_free(loop);
    fake_cluster_stop(server);
    return 0;
}

static struct cluster_type *note(const char *kind, const char *plural)
{
    cleanup_free char *group = xstrdup("");
    cleanup_free char *version = xstrdup("v1");
    cleanup_free char *kind_copy = xstrdup(kind);
    cleanup_free char *plural_copy = xstrdup(plural);
    const struct cluster_type like = {.group = group,
                                      .kind = kind_copy,
                                      .plural = plural_copy,
                                      .version = version,
                                      .namespaced = true};
    return cluster_note_type(cluster, &like);
}

static void rest(void)
{
    cluster_rest(cluster);
    cluster_rest(cluster);
    loop_run_for(loop, 1);
}

static void test_cluster_watch_ends_with_the_last_object(void **state)
{
    (void)state;
    struct person ada = {0};
    struct person bob = {0};
    follow(&ada);
    follow(&bob);
    struct cluster_type *type = note("ConfigMap", "configmaps");
    cluster_watch(cluster, type, true);
    loop_run_until(loop, ada.syncs == 1);
    assert_true(cluster_is_watched(cluster, type));

    bob.needs = false;
    rest();
    assert_true(cluster_is_watched(cluster, type)); // ada's
    cluster_unfollow(cluster, &ada.follower);
    rest();
    assert_false(cluster_is_watched(cluster, type));
    assert_null(type->watch);
    assert_false(type->whole);

    // And begins anew.
    bob.needs = true;
    cluster_watch(cluster, type, false);
    loop_run_until(loop, bob.syncs == 2);
    rest();
    assert_true(cluster_is_watched(cluster, type));
    cluster_unfollow(cluster, &bob.follower);
}

static void test_cluster_ends_only_what_nobody_needs(void **state)
{
    (void)state;
    struct person ada = {0};
    follow(&ada);
    struct cluster_type *kept = note("ConfigMap", "configmaps");
    struct cluster_type *ended = note("Namespace", "namespaces");
    cluster_watch(cluster, kept, false);
    cluster_watch(cluster, ended, false);
    loop_run_until(loop, ada.syncs == 2);
    rest();
    assert_true(cluster_is_watched(cluster, kept));
    assert_false(cluster_is_watched(cluster, ended));
    // Freed with a rest still ahead.
    cluster_unfollow(cluster, &ada.follower);
    cluster_rest(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cluster_watch_ends_with_the_last_object, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_cluster_ends_only_what_nobody_needs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
