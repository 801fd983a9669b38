// Health: every case of the conformance data (SEALIFT_CONFORMANCE/cluster/health, or beside the
// project), and the corrections to kstatus.
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yamljson.h"
#include "controller/health.h"

enum { MAX_FILE = 4 << 20, COLUMNS = 16 };

static enum health judge(const char *yaml)
{
    json_t *object = NULL;
    assert_int_equal(yamljson_parse(yaml, strlen(yaml), "test", &object, NULL), 0);
    struct health_verdict verdict;
    health_judge(object, clock_wall_ms(clock_system()), &verdict);
    enum health health = verdict.health;
    assert_true((verdict.message == NULL) == (health == HEALTH_CURRENT));
    health_verdict_release(&verdict);
    json_decref(object);
    return health;
}

// Where we answer otherwise than kstatus, on purpose.
static const struct {
    const char *name;
    enum health health;
} corrected[] = {
    {"argo-pod-failed", HEALTH_FAILED},
    {"kstatus-podCompletedFailed", HEALTH_FAILED},
    {"kstatus-jobInProgress", HEALTH_IN_PROGRESS},
    {"fluxjob-suspended", HEALTH_CURRENT},
    {"kstatus-serviceLBok", HEALTH_IN_PROGRESS},
    {"argo-apiservice-v1-false", HEALTH_IN_PROGRESS},
    {"argo-apiservice-v1beta1-false", HEALTH_IN_PROGRESS},
};

static enum health expected_of(const char *name, const char *kstatus)
{
    for (size_t i = 0; i < ARRAY_LENGTH(corrected); i++) {
        if (strcmp(corrected[i].name, name) == 0)
            return corrected[i].health;
    }
    // Their Ready condition is about an older generation.
    if (strcmp(kstatus, "Current") == 0 && strstr(name, "-observed-generation-outdated") != NULL)
        return HEALTH_IN_PROGRESS;
    static const struct {
        const char *name;
        enum health health;
    } words[] = {
        {"Current", HEALTH_CURRENT},
        {"InProgress", HEALTH_IN_PROGRESS},
        {"Failed", HEALTH_FAILED},
        {"Terminating", HEALTH_TERMINATING},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        if (strcmp(words[i].name, kstatus) == 0)
            return words[i].health;
    }
    return HEALTH_UNKNOWN;
}

static bool check_case(const char *folder, char **columns)
{
    cleanup_free char *path = xasprintf("%s/health-json/%s.json", folder, columns[0]);
    cleanup_free char *text = NULL;
    size_t size = 0;
    cleanup_json json_t *object = NULL;
    assert_int_equal(file_read(path, MAX_FILE, &text, &size, NULL), 0);
    assert_int_equal(jval_parse(text, size, path, &object, NULL), 0);
    struct health_verdict verdict;
    health_judge(object, clock_wall_ms(clock_system()), &verdict);
    enum health expected = expected_of(columns[0], columns[11]);
    bool same = verdict.health == expected;
    if (!same)
        printf("%s (%s): %s, expected %s: %s\n", columns[0], columns[2],
               health_name(verdict.health), health_name(expected),
               verdict.message != NULL ? verdict.message : "");
    health_verdict_release(&verdict);
    return same;
}

static void test_conformance(void **state)
{
    (void)state;
    const char *root = getenv("SEALIFT_CONFORMANCE");
    cleanup_free char *folder = xasprintf("%s/cluster", root != NULL ? root : TEST_CONFORMANCE);
    cleanup_free char *index = xasprintf("%s/health/health.tsv", folder);
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (file_read(index, MAX_FILE, &text, &size, NULL) < 0) {
        printf("no conformance data: set SEALIFT_CONFORMANCE\n");
        free(folder); // skip() leaves by longjmp
        free(index);
        skip();
    }
    size_t wrong = 0;
    size_t n = 0;
    char *rest = strchr(text, '\n');
    while (rest != NULL && rest[1] != '\0') {
        char *line = rest + 1;
        rest = strchr(line, '\n');
        if (rest != NULL)
            *rest = '\0';
        char *columns[COLUMNS] = {0};
        for (size_t i = 0; i < COLUMNS && line != NULL; i++)
            columns[i] = strsep(&line, "\t");
        assert_non_null(columns[11]);
        wrong += check_case(folder, columns) ? 0 : 1;
        n++;
    }
    printf("%zu cases, %zu wrong\n", n, wrong);
    assert_true(n > 600);
    assert_int_equal(wrong, 0);
}

static void test_corrections(void **state)
{
    (void)state;
    assert_int_equal(judge("{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, clusterIP: "
                           "10.0.0.1}, status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}}"),
                     HEALTH_CURRENT);
    assert_int_equal(judge("{apiVersion: batch/v1, kind: Job, spec: {suspend: true}}"),
                     HEALTH_CURRENT);
    // A live StatefulSet has its partition set to 0, and replaces its revision.
    assert_int_equal(
        judge("{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 1, updateStrategy: {type: "
              "RollingUpdate, rollingUpdate: {partition: 0}}}, status: {replicas: 1, "
              "readyReplicas: 1, updatedReplicas: 1, currentRevision: a, updateRevision: b}}"),
        HEALTH_IN_PROGRESS);
    assert_int_equal(
        judge("{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, status: {conditions: "
              "[{type: ScalingActive, status: 'False', reason: FailedGetResourceMetric}]}}"),
        HEALTH_FAILED);
    assert_int_equal(
        judge("{apiVersion: apps/v1, kind: DaemonSet, metadata: {generation: 2}, spec: "
              "{updateStrategy: {type: OnDelete}}, status: {observedGeneration: 2, "
              "desiredNumberScheduled: 1, currentNumberScheduled: 1, numberAvailable: 1, "
              "numberReady: 1}}"),
        HEALTH_CURRENT);
    assert_int_equal(judge("{apiVersion: example.com/v1, kind: Thing, metadata: {generation: 2}, "
                           "status: {conditions: [{type: Ready, status: 'True', "
                           "observedGeneration: 1}]}}"),
                     HEALTH_IN_PROGRESS);
    assert_int_equal(judge("[1]"), HEALTH_CURRENT);
}

// Counts that no API server would take: whoever writes them into a status makes no sum overflow.
static void test_absurd_counts(void **state)
{
    (void)state;
    static const char *const counts[] = {"-9223372036854775808", "9223372036854775807", "-1", "0",
                                         "2147483647"};
    static const char *const kinds[] = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"};
    for (size_t i = 0; i < ARRAY_LENGTH(counts) * ARRAY_LENGTH(counts); i++) {
        const char *a = counts[i % ARRAY_LENGTH(counts)];
        const char *b = counts[i / ARRAY_LENGTH(counts)];
        for (size_t j = 0; j < ARRAY_LENGTH(kinds); j++) {
            cleanup_free char *text = xasprintf(
                "{apiVersion: apps/v1, kind: %s, metadata: {generation: 1}, spec: {replicas: %s, "
                "updateStrategy: {rollingUpdate: {partition: %s}}}, status: {observedGeneration: "
                "1, replicas: %s, readyReplicas: %s, updatedReplicas: %s, availableReplicas: %s, "
                "fullyLabeledReplicas: %s, desiredNumberScheduled: %s, currentNumberScheduled: %s, "
                "updatedNumberScheduled: %s, numberAvailable: %s, numberReady: %s}}",
                kinds[j], a, b, b, b, b, b, b, a, b, b, b, b);
            enum health health = judge(text);
            assert_true(health == HEALTH_CURRENT || health == HEALTH_IN_PROGRESS);
        }
    }
    assert_int_equal(judge("{apiVersion: apps/v1, kind: ReplicaSet, spec: {replicas: "
                           "-9223372036854775808}, status: {replicas: 9223372036854775807, "
                           "fullyLabeledReplicas: 1, availableReplicas: 1, readyReplicas: 1}}"),
                     HEALTH_IN_PROGRESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conformance),
        cmocka_unit_test(test_corrections),
        cmocka_unit_test(test_absurd_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
