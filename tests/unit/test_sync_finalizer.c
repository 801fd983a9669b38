// What is said of a Sync that cannot be removed, and of the account that it acts as.
#include "controller/sync_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "api/condition.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/kube_cluster.h"
#include "controller/kube_target_internal.h"
#include "fake_cluster.h"
#include "fake_place.h"

static const char sync_file[] =
    "{apiVersion: sealift.dev/v1alpha1, kind: Sync, metadata: {namespace: shop, name: web}, spec: "
    "{bundleRef: {name: web}, timeout: 1m}}\n";

static int setup(void **state)
{
    struct fake_place *place = xcalloc(1, sizeof *place);
    fake_place_init(place);
    fake_place_put(place, "sync.yaml", sync_file);
    fake_place_open(place);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    fake_place_release(*state);
    free(*state);
    return 0;
}

// A target with one object in it, which cannot be cleared.
struct stuck_target {
    struct target target; // first
    const char *reason;
    const char *cause;
};

static int stuck_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                            struct error *err)
{
    (void)cancel;
    const struct stuck_target *stuck = (struct stuck_target *)target;
    target->reason = stuck->reason;
    struct target_result *result = vec_push(ret_results);
    result->path = xstrdup("shop/ConfigMap/web.yaml");
    result->object = xstrdup("ConfigMap shop/web");
    return error_set(err, ERROR_DENIED, "%s", stuck->cause);
}

static const struct target_ops stuck_ops = {.remove_all = stuck_remove_all};

// Deletes the Sync with this memory, at the given time after its deletion; the Ready condition and
// the newest event say "Reason: message".
struct told {
    bool failed;
    char *condition;
    char *event;
};

static void release_told(struct told *told)
{
    free(told->condition);
    free(told->event);
}

static void read_told(const struct fake_place *place, const json_t *status, struct told *told)
{
    const struct object_key key = {"Sync", "shop", "web"};
    cleanup_json json_t *events = NULL;
    assert_int_equal(store_list_events(place->store, &key, &events, NULL), 0);
    const json_t *event = json_array_get(events, json_array_size(events) - 1);
    told->event =
        xasprintf("%s: %s", jval_string_or(event, "reason", ""), jval_string_or(event, "note", ""));
    const char *reason = condition_reason(status, "Ready");
    told->condition = xasprintf("%s: %s", reason != NULL ? reason : "",
                                reason != NULL ? condition_message(status, "Ready") : "");
}

static struct told finalize(struct fake_place *place, struct sync_memory *memory, json_t *spec,
                            int64_t after_ms)
{
    struct told told = {0};
    cleanup_json json_t *sync = NULL;
    char deleted[TIME_TEXT_SIZE];
    assert_int_equal(store_get(place->store, "Sync", "shop", "web", &sync, NULL), 0);
    time_format(clock_wall_ms(&place->clock.clock) - after_ms, deleted);
    jval_set_string(sync, "metadata.deletionTimestamp", deleted);
    json_object_update(json_object_get(sync, "spec"), spec);
    json_decref(spec);
    memory->key = xstrdup("shop/web");
    const struct role role = {.store = place->store, .clock = &place->clock.clock};
    struct queue_outcome outcome = {0};
    struct sync_flow flow = {.role = &role,
                             .object = sync,
                             .memory = memory,
                             .status = json_object(),
                             .results = TARGET_RESULTS};
    sync_finalize(&flow, &outcome);
    told.failed = outcome.failed;
    read_told(place, flow.status, &told);
    vec_free(&flow.results);
    json_decref(flow.status);
    free(memory->key);
    return told;
}

static void test_sync_finalizer_says_why_it_waits(void **state)
{
    static const struct {
        const char *reason; // that the target knows
        const char *cause;
        int64_t after_ms;
        bool failed;
        const char *condition;
        const char *event;
    } rows[] = {
        {NULL, "ConfigMap shop/web: forbidden", 1000, true,
         "RemoveFailed: ConfigMap shop/web: forbidden",
         "RemoveFailed: ConfigMap shop/web: forbidden"},
        // However long it takes: somebody may be able to do something.
        {NULL, "ConfigMap shop/web: forbidden", 3600 * 1000, true,
         "RemoveFailed: ConfigMap shop/web: forbidden",
         "RemoveFailed: ConfigMap shop/web: forbidden"},
        {"NoServiceAccount", "there is no ServiceAccount shop/web", 59 * 1000, true,
         "NoServiceAccount: there is no ServiceAccount shop/web",
         "RemoveFailed: there is no ServiceAccount shop/web"},
        {"NoServiceAccount", "there is no ServiceAccount shop/web", 61 * 1000, false, ": ",
         "Orphaned: there is no ServiceAccount shop/web. What it applied stays: ConfigMap "
         "shop/web"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct stuck_target stuck = {
            .target.ops = &stuck_ops, .reason = rows[i].reason, .cause = rows[i].cause};
        struct sync_memory memory = {.target = &stuck.target};
        struct told told = finalize(*state, &memory, json_object(), rows[i].after_ms);
        assert_string_equal(told.condition, rows[i].condition);
        assert_string_equal(told.event, rows[i].event);
        assert_int_equal(told.failed, rows[i].failed);
        release_told(&told);
    }
}

static void test_sync_finalizer_waits_for_another_cluster(void **state)
{
    struct sync_memory memory = {0};
    json_t *spec =
        json_pack("{s:{s:{s:{s:s}}}}", "target", "kubeConfig", "secretRef", "name", "edge");
    assert_int_equal(error_set(&memory.target_error, ERROR_NOT_FOUND, "no Secret shop/edge"), -1);
    struct told told = finalize(*state, &memory, json_incref(spec), 1000);
    assert_true(told.failed);
    assert_string_equal(told.event,
                        "RemoveFailed: no Secret shop/edge; or let the Sync go and leave there "
                        "what it applied: set its spec.prune to false");
    assert_string_equal(told.condition,
                        "TargetRefused: no Secret shop/edge; or let the Sync go and leave there "
                        "what it applied: set its spec.prune to false");
    release_told(&told);
    // And so it does.
    jval_set_bool(spec, "prune", false);
    told = finalize(*state, &memory, spec, 1000);
    assert_false(told.failed);
    release_told(&told);
    error_release(&memory.target_error);
}

static void test_sync_account_that_is_not_there(void **state)
{
    (void)state;
    struct fake_cluster *server = fake_cluster_start();
    cleanup_free char *url = fake_cluster_url(server);
    cleanup_kube_config struct kube_config config = {.server = xstrdup(url)};
    cleanup_error struct error err = {0};
    struct kube_target target = {
        .default_ns = xstrdup("shop"), .account_ns = xstrdup("ops"), .account = xstrdup("web")};
    struct loop *loop = NULL;
    assert_int_equal(loop_new(clock_system(), &loop, NULL), 0);
    assert_int_equal(cluster_open(loop, &config, HTTP_REACH_ANY, "set", &target.cluster, NULL), 0);

    assert_int_equal(kube_target_check_account(&target, NULL, &err), -1);
    assert_string_equal(target.target.reason, "NoServiceAccount");
    assert_int_equal(err.code, ERROR_INVALID);
    assert_string_equal(
        error_message(&err),
        "there is no ServiceAccount ops/web to apply as; create it with its rights, for example: "
        "kubectl create serviceaccount web -n ops && kubectl create rolebinding web "
        "--clusterrole=edit --serviceaccount=ops:web -n shop");

    // One that cannot be looked for may be there.
    target.target.reason = NULL;
    error_release(&err);
    fake_cluster_refuse(server, 1, "GET", "/serviceaccounts/web", 403, "Forbidden", "no way in");
    assert_int_equal(kube_target_check_account(&target, NULL, &err), -1);
    assert_null(target.target.reason);
    assert_non_null(strstr(error_message(&err), "look for ServiceAccount ops/web: "));
    assert_non_null(strstr(error_message(&err), "no way in"));

    free(target.account);
    target.account = NULL;
    assert_int_equal(kube_target_check_account(&target, NULL, &err), 0);
    free(target.account_ns);
    free(target.default_ns);
    cluster_unref(target.cluster);
    loop_free(loop);
    fake_cluster_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sync_finalizer_says_why_it_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sync_finalizer_waits_for_another_cluster, setup,
                                        teardown),
        cmocka_unit_test(test_sync_account_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
