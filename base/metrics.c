// Families in the order they were added; the series of one sorted by their label values, so that
// two renderings differ only where a number does. One lock: updates are rare beside the work they
// count.
#include "base/metrics.h"

#include "base/memory.h"
#include "base/vec.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LABELS = 8, MAX_BUCKETS = 32, MAX_SERIES = 10000, MAX_LABEL_BYTES = 1024 };
// Between the label values of a series' key; values hold no such byte, since it is no UTF-8.
static const char SEPARATOR = '\xff';

struct series {
    char *key; // label values joined by SEPARATOR
    double value;
    uint64_t count;
    uint64_t *buckets; // not cumulative; NULL unless a histogram
};

struct metric {
    struct metrics *metrics;
    enum metric_type type;
    char *name;
    char *help;
    struct vec labels; // of char *
    double bounds[MAX_BUCKETS];
    size_t n_bounds;
    struct vec series; // of struct series, sorted by key
};

struct metrics {
    pthread_mutex_t lock;
    struct vec families; // of struct metric *
    uint64_t dropped;
};

static void release_series(void *element)
{
    struct series *series = element;
    free(series->key);
    free(series->buckets);
}

static void release_family(void *element)
{
    struct metric *metric = *(struct metric **)element;
    vec_free(&metric->series);
    vec_free(&metric->labels);
    free(metric->name);
    free(metric->help);
    free(metric);
}

struct metrics *metrics_new(void)
{
    struct metrics *metrics = xcalloc(1, sizeof *metrics);
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->families = VEC_OF(struct metric *, release_family);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    vec_free(&metrics->families);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static struct metric *new_family(struct metrics *metrics, enum metric_type type, const char *name,
                                 const char *help, const char *labels, const double *bounds,
                                 size_t n)
{
    assert(n <= MAX_BUCKETS);
    struct metric *metric = xcalloc(1, sizeof *metric);
    metric->metrics = metrics;
    metric->type = type;
    metric->name = xstrdup(name);
    metric->help = xstrdup(help);
    metric->labels = VEC_OF(char *, vec_release_string);
    while (*labels != '\0') {
        size_t length = strcspn(labels, ",");
        *(char **)vec_push(&metric->labels) = xstrndup(labels, length);
        labels += length + (labels[length] == ',');
    }
    assert(metric->labels.len <= MAX_LABELS);
    metric->series = VEC_OF(struct series, release_series);
    metric->n_bounds = n;
    if (n > 0)
        memcpy(metric->bounds, bounds, n * sizeof *bounds);
    pthread_mutex_lock(&metrics->lock);
    *(struct metric **)vec_push(&metrics->families) = metric;
    pthread_mutex_unlock(&metrics->lock);
    return metric;
}

struct metric *metrics_add(struct metrics *metrics, enum metric_type type, const char *name,
                           const char *help, const char *labels)
{
    // Seconds, from a request on loopback to a slow clone.
    static const double bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                    1,     2.5,  5,     10,   30,  60};
    bool histogram = type == METRIC_HISTOGRAM;
    return new_family(metrics, type, name, help, labels, bounds,
                      histogram ? ARRAY_LENGTH(bounds) : 0);
}

struct metric *metrics_add_histogram(struct metrics *metrics, const char *name, const char *help,
                                     const char *labels, const double *bounds, size_t n)
{
    return new_family(metrics, METRIC_HISTOGRAM, name, help, labels, bounds, n);
}

// -1 when the values do not match the names, or are absurdly long.
static int join_values(const struct metric *metric, va_list values, struct strbuf *key)
{
    size_t count = 0;
    for (const char *value; (value = va_arg(values, const char *)) != NULL; count++) {
        if (count > 0)
            strbuf_addch(key, SEPARATOR);
        strbuf_addstr(key, value);
    }
    assert(count == metric->labels.len);
    return count == metric->labels.len && !key->overflowed ? 0 : -1;
}

static bool find_position(const struct metric *metric, const char *key, size_t *ret_index)
{
    size_t low = 0, high = metric->series.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(((struct series *)vec_at(&metric->series, middle))->key, key);
        if (order == 0) {
            *ret_index = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_index = low;
    return false;
}

// With the lock held; NULL when the family is full.
static struct series *series_for(struct metric *metric, const char *key)
{
    size_t index;
    if (find_position(metric, key, &index))
        return vec_at(&metric->series, index);
    if (metric->series.len >= MAX_SERIES) {
        metric->metrics->dropped++;
        return NULL;
    }
    struct series *series = vec_insert(&metric->series, index);
    series->key = xstrdup(key);
    if (metric->type == METRIC_HISTOGRAM)
        series->buckets = xcalloc(metric->n_bounds + 1, sizeof *series->buckets);
    return series;
}

static void observe(const struct metric *metric, struct series *series, double value)
{
    size_t bucket = 0;
    while (bucket < metric->n_bounds && value > metric->bounds[bucket])
        bucket++;
    series->buckets[bucket]++;
    series->count++;
    series->value += value;
}

enum update { UPDATE_ADD, UPDATE_SET, UPDATE_OBSERVE };

static void update(struct metric *metric, enum update how, double value, va_list values)
{
    cleanup_strbuf struct strbuf key;
    strbuf_init(&key, MAX_LABEL_BYTES);
    if (join_values(metric, values, &key) < 0)
        return;
    pthread_mutex_lock(&metric->metrics->lock);
    struct series *series = series_for(metric, key.data);
    if (series != NULL && how == UPDATE_ADD)
        series->value += value;
    else if (series != NULL && how == UPDATE_SET)
        series->value = value;
    else if (series != NULL)
        observe(metric, series, value);
    pthread_mutex_unlock(&metric->metrics->lock);
}

void metric_add(struct metric *metric, double value, ...)
{
    assert(metric->type != METRIC_HISTOGRAM);
    va_list values;
    va_start(values, value);
    update(metric, UPDATE_ADD, value, values);
    va_end(values);
}

void metric_set(struct metric *metric, double value, ...)
{
    assert(metric->type == METRIC_GAUGE);
    va_list values;
    va_start(values, value);
    update(metric, UPDATE_SET, value, values);
    va_end(values);
}

void metric_observe(struct metric *metric, double value, ...)
{
    assert(metric->type == METRIC_HISTOGRAM);
    va_list values;
    va_start(values, value);
    update(metric, UPDATE_OBSERVE, value, values);
    va_end(values);
}

void metric_remove(struct metric *metric, ...)
{
    cleanup_strbuf struct strbuf key;
    strbuf_init(&key, MAX_LABEL_BYTES);
    va_list values;
    va_start(values, metric);
    int joined = join_values(metric, values, &key);
    va_end(values);
    if (joined < 0)
        return;
    pthread_mutex_lock(&metric->metrics->lock);
    size_t index;
    if (find_position(metric, key.data, &index))
        vec_remove(&metric->series, index);
    pthread_mutex_unlock(&metric->metrics->lock);
}

static void add_escaped(struct strbuf *out, const char *text, size_t size, bool quote)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            strbuf_addstr(out, "\\n");
        else if (text[i] == '\\' || (quote && text[i] == '"'))
            strbuf_addf(out, "\\%c", text[i]);
        else
            strbuf_addch(out, text[i]);
    }
}

static void add_number(struct strbuf *out, double value)
{
    if (isinf(value))
        strbuf_addstr(out, value > 0 ? "+Inf" : "-Inf");
    else if (floor(value) >= value && fabs(value) < 1e15) // integral; -Wfloat-equal clean
        strbuf_addf(out, "%.0f", value);
    else
        strbuf_addf(out, "%.12g", value);
}

// {a="x",b="y",le="0.1"}; nothing when there are no labels.
static void add_labels(struct strbuf *out, const struct metric *metric, const char *key,
                       const double *le)
{
    if (metric->labels.len == 0 && le == NULL)
        return;
    strbuf_addch(out, '{');
    const char *comma = "";
    vec_foreach (char *, label, &metric->labels) {
        const char *end = strchrnul(key, SEPARATOR);
        strbuf_addf(out, "%s%s=\"", comma, *label);
        add_escaped(out, key, (size_t)(end - key), true);
        strbuf_addch(out, '"');
        key = *end != '\0' ? end + 1 : end;
        comma = ",";
    }
    if (le != NULL) {
        strbuf_addf(out, "%sle=\"", comma);
        add_number(out, *le);
        strbuf_addch(out, '"');
    }
    strbuf_addch(out, '}');
}

static void render_histogram(struct strbuf *out, const struct metric *metric,
                             const struct series *series)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= metric->n_bounds; i++) {
        double bound = i < metric->n_bounds ? metric->bounds[i] : INFINITY;
        total += series->buckets[i];
        strbuf_addf(out, "%s_bucket", metric->name);
        add_labels(out, metric, series->key, &bound);
        strbuf_addf(out, " %" PRIu64 "\n", total);
    }
    strbuf_addf(out, "%s_sum", metric->name);
    add_labels(out, metric, series->key, NULL);
    strbuf_addch(out, ' ');
    add_number(out, series->value);
    strbuf_addf(out, "\n%s_count", metric->name);
    add_labels(out, metric, series->key, NULL);
    strbuf_addf(out, " %" PRIu64 "\n", series->count);
}

static void render_family(struct strbuf *out, const struct metric *metric)
{
    static const char *const type_names[] = {"counter", "gauge", "histogram"};
    strbuf_addf(out, "# HELP %s ", metric->name);
    add_escaped(out, metric->help, strlen(metric->help), false);
    strbuf_addf(out, "\n# TYPE %s %s\n", metric->name, type_names[metric->type]);
    vec_foreach (struct series, series, &metric->series) {
        if (metric->type == METRIC_HISTOGRAM) {
            render_histogram(out, metric, series);
            continue;
        }
        strbuf_addstr(out, metric->name);
        add_labels(out, metric, series->key, NULL);
        strbuf_addch(out, ' ');
        add_number(out, series->value);
        strbuf_addch(out, '\n');
    }
}

int metrics_render(struct metrics *metrics, struct strbuf *out)
{
    pthread_mutex_lock(&metrics->lock);
    vec_foreach (struct metric *, metric, &metrics->families)
        render_family(out, *metric);
    strbuf_addf(out,
                "# HELP sealift_metrics_series_dropped_total Updates lost because a family had "
                "too many series.\n"
                "# TYPE sealift_metrics_series_dropped_total counter\n"
                "sealift_metrics_series_dropped_total %" PRIu64 "\n",
                metrics->dropped);
    pthread_mutex_unlock(&metrics->lock);
    return out->overflowed ? -1 : 0;
}
