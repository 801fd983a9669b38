// Counters, gauges and histograms in the Prometheus text format (version 0.0.4). Any thread.
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stddef.h>

#include "base/strbuf.h"

struct metrics;
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

// Names a family once, at start: `labels` are comma-separated names ("result,kind") or "". Returns
// a handle that lives as long as metrics; a histogram gets buckets of seconds. At most 10,000
// series are kept per family; more are dropped and counted.
struct metric;
struct metric *metrics_add(struct metrics *metrics, enum metric_type type, const char *name,
                           const char *help, const char *labels);
// The same with the upper bounds of a histogram's buckets, ascending.
struct metric *metrics_add_histogram(struct metrics *metrics, const char *name, const char *help,
                                     const char *labels, const double *bounds, size_t n);

// Label values follow in the order of the names, ended by NULL.
void metric_add(struct metric *metric, double value, ...)
    __attribute__((sentinel)); // counter, gauge
void metric_set(struct metric *metric, double value, ...) __attribute__((sentinel)); // gauge
void metric_observe(struct metric *metric, double value, ...)
    __attribute__((sentinel)); // histogram
// Forgets one series (an object that is gone).
void metric_remove(struct metric *metric, ...) __attribute__((sentinel));

// Appends all families in the order they were added. -1 when out is too small.
int metrics_render(struct metrics *metrics, struct strbuf *out);

#endif
