#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void test_metrics_render_the_text_format(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct metric *requests = metrics_add(metrics, METRIC_COUNTER, "requests_total",
                                          "Requests,\nby result \\.", "provider,result");
    struct metric *pending = metrics_add(metrics, METRIC_GAUGE, "pending", "Waiting.", "");
    static const double bounds[] = {0.1, 1};
    struct metric *seconds = metrics_add_histogram(metrics, "seconds", "Time.", "kind", bounds, 2);
    metric_add(requests, 1, "github", "ok", NULL);
    metric_add(requests, 2, "github", "a\"b\\c\nd", NULL);
    metric_add(requests, 1, "github", "ok", NULL);
    metric_set(pending, 2.5, NULL);
    metric_observe(seconds, 0.05, "x", NULL);
    metric_observe(seconds, 0.1, "x", NULL);
    metric_observe(seconds, 7, "x", NULL);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 8192);
    assert_int_equal(metrics_render(metrics, &out), 0);
    assert_string_equal(
        out.data,
        "# HELP requests_total Requests,\\nby result \\\\.\n"
        "# TYPE requests_total counter\n"
        "requests_total{provider=\"github\",result=\"a\\\"b\\\\c\\nd\"} 2\n"
        "requests_total{provider=\"github\",result=\"ok\"} 2\n"
        "# HELP pending Waiting.\n"
        "# TYPE pending gauge\n"
        "pending 2.5\n"
        "# HELP seconds Time.\n"
        "# TYPE seconds histogram\n"
        "seconds_bucket{kind=\"x\",le=\"0.1\"} 2\n"
        "seconds_bucket{kind=\"x\",le=\"1\"} 2\n"
        "seconds_bucket{kind=\"x\",le=\"+Inf\"} 3\n"
        "seconds_sum{kind=\"x\"} 7.15\n"
        "seconds_count{kind=\"x\"} 3\n"
        "# HELP sealift_metrics_series_dropped_total Updates lost because a family had too many "
        "series.\n"
        "# TYPE sealift_metrics_series_dropped_total counter\n"
        "sealift_metrics_series_dropped_total 0\n");
    metrics_free(metrics);
}

static void test_metrics_forget_and_limit_series(void **state)
{
    (void)state;
    struct metrics *metrics = metrics_new();
    struct metric *gauge = metrics_add(metrics, METRIC_GAUGE, "g", "G.", "name");
    char name[20];
    for (int i = 0; i < 10005; i++) {
        snprintf(name, sizeof name, "n%d", i);
        metric_set(gauge, i, name, NULL);
    }
    metric_remove(gauge, "n7", NULL);
    metric_remove(gauge, "absent", NULL);
    metric_set(gauge, 1, "late", NULL);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 20);
    assert_int_equal(metrics_render(metrics, &out), 0);
    assert_null(strstr(out.data, "g{name=\"n7\"}"));
    assert_non_null(strstr(out.data, "g{name=\"late\"} 1\n"));
    assert_non_null(strstr(out.data, "dropped_total 5\n"));
    cleanup_strbuf struct strbuf small;
    strbuf_init(&small, 100);
    assert_int_equal(metrics_render(metrics, &small), -1);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_render_the_text_format),
        cmocka_unit_test(test_metrics_forget_and_limit_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
