// The pure parts of the cluster target: who is a member, what is drift, what comes first.
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson.h"
#include "controller/kube_cluster.h"
#include "controller/kube_member.h"
#include "controller/kube_order.h"
#include "controller/kube_target_internal.h"

static json_t *parse(const char *yaml)
{
    json_t *value = NULL;
    assert_int_equal(yamljson_parse(yaml, strlen(yaml), "test", &value, NULL), 0);
    return value;
}

static void test_applyset_id(void **state)
{
    (void)state;
    char *id = applyset_id("my-set", "test", "Secret", "");
    assert_string_equal(id, "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1");
    free(id);
    id = applyset_id("demo", "", "Foo", "example.com");
    assert_string_equal(id, "applyset-2z5P2sMzZkzqUYHbRENgirC9Wjxc3cqp04aSv-D4CXk-v1");
    free(id);
}

// An object as the API server shows it: version, generation, the time of our entry and what it
// owns, and what else stands in metadata.
#define OBJECT(version, generation, time, fields, more)                                            \
    "{metadata: {name: a, uid: u1, resourceVersion: '" version "', generation: " generation        \
    ", managedFields: [{manager: other, operation: Update, time: '2026-01-03T00:00:00Z'}, "        \
    "{manager: sealift, operation: Apply, apiVersion: v1, time: '" time "', fieldsV1: {'f:" fields \
    "': {}}}]" more "}}"

static const char applied[] = OBJECT("10", "1", "t1", "a", "");

static void observe(struct member *member, const char *yaml)
{
    cleanup_json json_t *object = parse(yaml);
    member_observe(member, object);
}

static void test_drift(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *event;
        enum member_verdict verdict;
    } rows[] = {
        {"our own answer", OBJECT("10", "1", "t1", "a", ""), MEMBER_AS_APPLIED},
        {"an older event", OBJECT("9", "1", "t0", "b", ""), MEMBER_AS_APPLIED},
        {"what others add", OBJECT("11", "1", "t1", "a", ""), MEMBER_AS_APPLIED},
        {"a field lost", OBJECT("11", "2", "t1", "b", ""), MEMBER_CHANGED},
        {"an apply under our name", OBJECT("11", "1", "t2", "a", ""), MEMBER_CHANGED},
        {"a generation", OBJECT("11", "2", "t1", "a", ""), MEMBER_SUSPECT},
        {"being deleted",
         OBJECT("11", "2", "t1", "a", ", deletionTimestamp: '2026-01-01T00:00:00Z'"),
         MEMBER_WAITING},
        {"managedFields cleared",
         "{metadata: {name: a, uid: u1, resourceVersion: '11', generation: 1}}", MEMBER_CHANGED},
        {"made again", "{metadata: {name: a, uid: u2, resourceVersion: '11', generation: 1}}",
         MEMBER_CHANGED},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct member member = {0};
        cleanup_json json_t *answer = parse(applied);
        member_note_applied(&member, answer);
        assert_int_equal(member_judge(&member), MEMBER_AS_APPLIED);
        observe(&member, rows[i].event);
        if (member_judge(&member) != rows[i].verdict)
            fail_msg("%s: %d", rows[i].what, (int)member_judge(&member));
        member_release(&member);
    }
}

static void test_gone(void **state)
{
    (void)state;
    struct member member = {0};
    cleanup_json json_t *answer = parse(applied);
    cleanup_json json_t *gone = parse("{metadata: {name: a, uid: u1, resourceVersion: '12'}}");
    cleanup_json json_t *stale = parse("{metadata: {name: a, uid: u0, resourceVersion: '9'}}");
    member_note_applied(&member, answer);
    // The deletion of what was there before our apply comes late.
    member_observe_gone(&member, stale);
    assert_int_equal(member_judge(&member), MEMBER_AS_APPLIED);
    member_observe_gone(&member, gone);
    assert_int_equal(member_judge(&member), MEMBER_CHANGED);
    cleanup_json json_t *again = parse(
        "{metadata: {name: a, uid: u2, resourceVersion: '13', managedFields: [{manager: sealift, "
        "operation: Apply}]}}");
    member_note_applied(&member, again);
    assert_int_equal(member_judge(&member), MEMBER_AS_APPLIED);
    member_release(&member);
}

static void test_what_the_event_tells(void **state)
{
    (void)state;
    struct member member = {0};
    observe(&member, OBJECT("5", "1", "2026-01-02T00:00:00Z", "a",
                            ", annotations: {sealift.dev/prune: disabled}, ownerReferences: "
                            "[{controller: true}]"));
    assert_true(member.exists && member.prune_off && member.controlled && !member.terminating);
    assert_string_equal(member.rival, "other");
    // What makes it ours is an Apply entry of the object itself.
    assert_true(member_has_entry(&member.live));
    struct member_state other;
    cleanup_json json_t *update = parse(
        "{metadata: {managedFields: [{manager: sealift, operation: Update}, {manager: sealift, "
        "operation: Apply, subresource: status}]}}");
    member_state_read(update, &other);
    assert_false(member_has_entry(&other));
    member_release(&member);
}

// An entry of managedFields of our own, at 12:00, and one more.
#define LIVE(version, more)                                                                   \
    "{metadata: {name: a, uid: u1, resourceVersion: '" version "', labels: {"                 \
    "applyset.kubernetes.io/part-of: applyset-other-v1}, managedFields: [{manager: sealift, " \
    "operation: Apply, time: '2026-01-02T12:00:00Z'}" more "]}}"

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void test_rivals(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *event;
        const char *rival;
    } rows[] = {
        {"nobody", LIVE("11", ""), NULL},
        {"long before us",
         LIVE("11", ", {manager: old, operation: Update, time: '2026-01-02T11:59:59Z'}"), NULL},
        {"since",
         LIVE("11", ", {manager: old, operation: Update, time: '2026-01-02T12:00:01Z'}, {manager: "
                    "new, operation: Apply, time: '2026-01-02T12:00:02Z'}"),
         "new"},
        {"in the same second",
         LIVE("11", ", {manager: quick, operation: Update, time: '2026-01-02T12:00:00Z'}"),
         "quick"},
        {"a status",
         LIVE("11", ", {manager: kubelet, operation: Update, subresource: status, time: "
                    "'2026-01-02T12:00:01Z'}"),
         NULL},
        {"another subresource",
         LIVE("11", ", {manager: hpa, operation: Update, subresource: scale, time: "
                    "'2026-01-02T12:00:01Z'}"),
         "hpa through /scale"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct member member = {0};
        cleanup_json json_t *answer = parse(applied);
        cleanup_json json_t *taken = parse(rows[i].event);
        cleanup_json json_t *again = parse(LIVE("12", ""));
        member_note_applied(&member, answer);
        observe(&member, rows[i].event);
        if (!same_text(member.rival, rows[i].rival))
            fail_msg("%s: %s", rows[i].what, member.rival);
        assert_null(member.rival_set);
        // What was before our apply is no answer to it.
        member_note_applied(&member, again);
        assert_null(member.rival);
        member_release(&member);
        // It took the label, too.
        member = (struct member){0};
        member_note_applied(&member, answer);
        member_observe_taken(&member, taken);
        assert_string_equal(member.rival_set, "applyset-other-v1");
        assert_true(same_text(member.rival, rows[i].rival));
        assert_false(member.exists);
        member_note_applied(&member, again);
        assert_null(member.rival_set);
        member_release(&member);
    }
}

static void test_fights(void **state)
{
    (void)state;
    struct member member = {0};
    assert_int_equal(member_count_heal(&member, 1000), 0);
    assert_int_equal(member_count_heal(&member, 2000), 0);
    assert_int_equal(member_count_heal(&member, 3000), 5000);
    assert_int_equal(member_count_heal(&member, 9000), 10000);
    assert_int_equal(member.not_before_ms, 19000);
    // Peace for long enough, and it is forgotten.
    assert_int_equal(member_count_heal(&member, 9000 + 11 * 60 * 1000), 0);
    for (int i = 0; i < 300; i++)
        assert_true(member_count_heal(&member, 1000000) <= 10 * 60 * 1000);
}

static void test_names_move_together(void **state)
{
    (void)state;
    struct cluster_type map = {.group = (char[]){""}, .kind = (char[]){"ConfigMap"}};
    struct vec members = MEMBERS;
    char *block = NULL;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            cleanup_free char *member = xasprintf("m%d-%d", round, i);
            member_ensure(&members, &map, "shop", member);
        }
        members_pack(&members, &block);
        assert_non_null(block);
        struct member *found = member_find(&members, &map, "shop", "m0-199");
        assert_true(found != NULL && found->packed);
        vec_remove(&members, 0);
    }
    // A few alone are left alone.
    char *before = block;
    struct member *last = member_ensure(&members, &map, "shop", "z");
    members_pack(&members, &block);
    assert_ptr_equal(before, block);
    assert_false(last->packed);
    assert_int_equal(members.len, 3 * 200 - 3 + 1);
    vec_free(&members);
    free(block);
}

static void test_members_are_sorted(void **state)
{
    (void)state;
    struct cluster_type map = {.group = (char[]){""}, .kind = (char[]){"ConfigMap"}};
    struct cluster_type web = {.group = (char[]){"apps"}, .kind = (char[]){"Deployment"}};
    cleanup_vec struct vec members = MEMBERS;
    assert_null(member_find(&members, &map, "x", "a"));
    member_ensure(&members, &web, "x", "a");
    member_ensure(&members, &map, "y", "a");
    struct member *first = member_ensure(&members, &map, "x", "b");
    assert_ptr_equal(first, member_ensure(&members, &map, "x", "b"));
    assert_int_equal(members.len, 3);
    assert_ptr_equal(member_find(&members, &map, "x", "b"), vec_at(&members, 0));
    assert_ptr_equal(member_find(&members, &web, "x", "a"), vec_at(&members, 2));
}

static struct apply_order order_of(const char *group, const char *kind, const char *annotations)
{
    struct apply_order order = {0};
    cleanup_free char *yaml = xasprintf("{metadata: {annotations: {%s}}}", annotations);
    cleanup_json json_t *object = parse(yaml);
    assert_int_equal(apply_order_of(group, kind, object, &order, NULL), 0);
    return order;
}

static void test_order(void **state)
{
    (void)state;
    const struct apply_order in_order[] = {
        order_of("apiextensions.k8s.io", "CustomResourceDefinition", ""),
        order_of("storage.k8s.io", "StorageClass", ""),
        order_of("", "ConfigMap", "sealift.dev/wave: '-1'"),
        order_of("rbac.authorization.k8s.io", "RoleBinding", ""),
        order_of("batch", "Job", "sealift.dev/hook: before"),
        order_of("apps", "Deployment", ""),
        order_of("example.com", "Thing", "sealift.dev/wave: '2'"),
        order_of("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", ""),
        order_of("batch", "Job", "sealift.dev/hook: after"),
    };
    for (size_t i = 1; i < ARRAY_LENGTH(in_order); i++) {
        assert_int_equal(apply_order_compare(&in_order[i - 1], &in_order[i]), -1);
        assert_int_equal(apply_order_compare(&in_order[i], &in_order[i - 1]), 1);
        assert_int_equal(apply_order_compare(&in_order[i], &in_order[i]), 0);
    }
    assert_true(order_of("apps", "Deployment", "sealift.dev/force: recreate").recreate);
    assert_true(order_of("apps", "Deployment", "sealift.dev/drift: ignore").ignores_drift);
    assert_true(apply_keeps_data("", "PersistentVolumeClaim"));
    assert_false(apply_keeps_data("example.com", "Namespace"));
}

static void test_order_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *annotations;
        const char *part;
    } rows[] = {
        {"sealift.dev/wave: soon", "write a whole number"},
        {"sealift.dev/wave: '99999999999999999999'", "write a whole number"},
        {"sealift.dev/wave: ''", "write a whole number"},
        {"sealift.dev/hook: PreSync", "write before or after"},
        {"sealift.dev/hook: before", "only a Job can be a hook"},
        {"sealift.dev/force: Recreate", "\"Recreate\"; write recreate"},
        {"sealift.dev/drift: heal", "\"heal\"; write ignore"},
        {"sealift.dev/prune: 'false'", "\"false\"; write disabled or enabled"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct apply_order order;
        cleanup_error struct error err = {0};
        cleanup_free char *yaml = xasprintf("{metadata: {annotations: {%s}}}", rows[i].annotations);
        cleanup_json json_t *object = parse(yaml);
        assert_int_equal(apply_order_of("apps", "Deployment", object, &order, &err), -1);
        assert_non_null(strstr(error_message(&err), rows[i].part));
    }
    // A hook that is gone before anybody looks.
    struct apply_order order;
    cleanup_error struct error err = {0};
    cleanup_json json_t *job = parse("{metadata: {annotations: {sealift.dev/hook: before}}, "
                                     "spec: {ttlSecondsAfterFinished: 0}}");
    assert_int_equal(apply_order_of("batch", "Job", job, &order, &err), -1);
    assert_non_null(strstr(error_message(&err), "write at least 10"));
    json_object_set_new(json_object_get(job, "spec"), "ttlSecondsAfterFinished", json_integer(10));
    assert_int_equal(apply_order_of("batch", "Job", job, &order, NULL), 0);
}

// A rollout that hangs is not asked for every few seconds for ever.
static void test_health_is_asked_for_less_often(void **state)
{
    (void)state;
    static const struct {
        int64_t quiet_ms;
        int64_t around_ms;
    } rows[] = {{0, 5000}, {20000, 5000}, {120000, 30000}, {86400000, 300000}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        int64_t least = INT64_MAX;
        int64_t most = 0;
        for (int times = 0; times < 200; times++) {
            int64_t ms = kube_health_ask_in_ms(rows[i].quiet_ms);
            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        // Not all that were started together ask together.
        assert_in_range(least, rows[i].around_ms * 9 / 10, rows[i].around_ms);
        assert_in_range(most, rows[i].around_ms, rows[i].around_ms * 11 / 10);
        assert_true(least < most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_applyset_id),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_what_the_event_tells),
        cmocka_unit_test(test_rivals),
        cmocka_unit_test(test_fights),
        cmocka_unit_test(test_names_move_together),
        cmocka_unit_test(test_members_are_sorted),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_order_refuses),
        cmocka_unit_test(test_health_is_asked_for_less_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
