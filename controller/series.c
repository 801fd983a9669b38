#include "controller/series.h"

#include "api/condition.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static const double bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

struct series {
    struct metric *duration;
    struct metric *total;
    struct metric *ready;
    struct metric *revoked;
};

struct series *series_new(struct metrics *metrics)
{
    struct series *series = xcalloc(1, sizeof *series);
    series->duration =
        metrics_add_histogram(metrics, "sealift_reconcile_duration_seconds",
                              "How long reconciles took", "kind", bounds, ARRAY_LENGTH(bounds));
    series->total = metrics_add(metrics, METRIC_COUNTER, "sealift_reconcile_total",
                                "Reconciles by result", "kind,namespace,name,result");
    series->ready = metrics_add(metrics, METRIC_GAUGE, "sealift_resource_ready",
                                "1 when the object is Ready, else 0", "kind,namespace,name");
    series->revoked =
        metrics_add(metrics, METRIC_GAUGE, "sealift_sync_revoked",
                    "1 when its policies no longer accept what the Sync applied", "namespace,name");
    return series;
}

void series_free(struct series *series)
{
    free(series);
}

static bool is_revoked(const json_t *status)
{
    const char *reason = condition_reason(status, "Ready");
    return strcmp(reason, "Revoked") == 0 || strcmp(reason, "RolledBack") == 0;
}

void series_note(struct series *series, const json_t *object, const json_t *status, double seconds,
                 _Bool ok)
{
    const char *kind = object_kind(object);
    const char *namespace = object_namespace(object);
    const char *name = object_name(object);
    metric_observe(series->duration, seconds, kind, NULL);
    metric_add(series->total, 1, kind, namespace, name, ok ? "success" : "error", NULL);
    metric_set(series->ready, condition_state(status, "Ready") == CONDITION_TRUE, kind, namespace,
               name, NULL);
    if (strcmp(kind, "Sync") == 0)
        metric_set(series->revoked, is_revoked(status), namespace, name, NULL);
}

void series_forget(struct series *series, const json_t *object)
{
    const char *kind = object_kind(object);
    const char *namespace = object_namespace(object);
    const char *name = object_name(object);
    metric_remove(series->total, kind, namespace, name, "success", NULL);
    metric_remove(series->total, kind, namespace, name, "error", NULL);
    metric_remove(series->ready, kind, namespace, name, NULL);
    metric_remove(series->revoked, namespace, name, NULL);
}
