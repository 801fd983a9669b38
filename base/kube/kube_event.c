// Format: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/. The
// first time something is said makes an Event; the second time makes it a series; later times are
// counted here and written now and then, and at the end.
#include "base/kube/kube_event.h"

#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITING_MAX = 1000, // said, not looked at by the loop yet
    SERIES_MAX = 1000,
    CALLS_MAX = 256,
    NOTE_MAX_BYTES = 1024,
    TEXT_MAX_BYTES = 128,
    NAME_MAX_BYTES = 220, // leaves room for the suffix below 253
    BURST = 25,
    REFILL_MS = 12 * 1000,
    SWEEP_MS = 60 * 1000,
    SILENCE_MS = 6 * 60 * 1000, // as client-go
    REFRESH_MS = 30 * 60 * 1000,
    CALL_MS = 30 * 1000,
};

// One sentence on its way to the loop.
struct said {
    json_t *regarding;
    const char *type;
    char *reason;
    char *action;
    char *note;
};

struct series {
    char *key;
    json_t *event; // as it was made, to make it again if it is gone
    int64_t count;
    int64_t written; // of count
    int64_t last_ms;
    int64_t written_ms;
};

struct bucket {
    char *key; // uid, or kind, namespace and name
    int64_t tokens;
    int64_t at_ms;
};

struct kube_recorder {
    struct kube_loop *kube;
    char *controller;
    char *instance;
    struct loop_timer *sweep;
    struct vec series;  // of struct series
    struct vec buckets; // of struct bucket
    struct vec calls;   // of struct sent *
    uint64_t last_name; // no two events have one name

    pthread_mutex_t lock; // of what follows
    struct vec waiting;   // of struct said
    bool posted;
};

// A request for one event.
struct sent {
    struct kube_recorder *recorder;
    struct kube_call *call;
    char *key; // of the series that an update belongs to; NULL = it creates
};

static void said_release(void *element)
{
    struct said *said = element;
    json_decref(said->regarding);
    free(said->reason);
    free(said->action);
    free(said->note);
}

static void series_release(void *element)
{
    struct series *series = element;
    free(series->key);
    json_decref(series->event);
}

static void bucket_release(void *element)
{
    free(((struct bucket *)element)->key);
}

static int64_t now_ms(const struct kube_recorder *recorder)
{
    return clock_mono_ms(kube_client_clock(kube_loop_client(recorder->kube)));
}

static char *micro_now(const struct kube_recorder *recorder)
{
    char text[TIME_TEXT_SIZE];
    time_format_ms(clock_wall_ms(kube_client_clock(kube_loop_client(recorder->kube))), text);
    return xasprintf("%.*s000Z", (int)strlen(text) - 1, text);
}

// At most max bytes of text, without half a character at its end.
static char *cut(const char *text, size_t max)
{
    size_t length = strlen(text);
    if (length > max) {
        length = max;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    }
    return xstrndup(text, length);
}

static struct series *find_series(const struct kube_recorder *recorder, const char *key)
{
    vec_foreach (struct series, series, &recorder->series) {
        if (strcmp(series->key, key) == 0)
            return series;
    }
    return NULL;
}

static void forget_call(struct sent *sent)
{
    struct vec *calls = &sent->recorder->calls;
    for (size_t i = 0; i < calls->len; i++) {
        if (*(struct sent **)vec_at(calls, i) == sent) {
            vec_remove(calls, i);
            break;
        }
    }
    free(sent->key);
    free(sent);
}

static void create(struct kube_recorder *recorder, const json_t *event);

static void on_sent(void *arg, struct kube_result *result)
{
    struct sent *sent = arg;
    struct kube_recorder *recorder = sent->recorder;
    struct series *series = sent->key != NULL ? find_series(recorder, sent->key) : NULL;
    bool gone = result->error.code == ERROR_NOT_FOUND && series != NULL;
    if (result->error.code != ERROR_NONE && !gone)
        log_debug("an event could not be written", "error", error_message(&result->error));
    json_t *again = gone ? json_incref(series->event) : NULL;
    forget_call(sent);
    if (again != NULL)
        create(recorder, again);
    json_decref(again);
}

static void send_event(struct kube_recorder *recorder, struct kube_request *request,
                       const char *key)
{
    if (recorder->calls.len >= CALLS_MAX)
        return;
    struct sent *sent = xcalloc(1, sizeof *sent);
    sent->recorder = recorder;
    sent->key = xstrdup_or_null(key);
    request->deadline_ms = CALL_MS;
    *(struct sent **)vec_push(&recorder->calls) = sent;
    sent->call = kube_call_start(recorder->kube, request, on_sent, sent);
}

static struct kube_ref ref_of(const json_t *event, bool by_name)
{
    return (struct kube_ref){.group = "events.k8s.io",
                             .version = "v1",
                             .plural = "events",
                             .namespace_ = jval_string(event, "metadata.namespace"),
                             .name = by_name ? jval_string(event, "metadata.name") : NULL};
}

static void create(struct kube_recorder *recorder, const json_t *event)
{
    struct kube_request request = {
        .verb = KUBE_CREATE, .ref = ref_of(event, false), .object = event};
    send_event(recorder, &request, NULL);
}

static void write_series(struct kube_recorder *recorder, struct series *series)
{
    cleanup_free char *now = micro_now(recorder);
    cleanup_json json_t *patch = json_object();
    jval_set_int(patch, "series.count", series->count);
    jval_set_string(patch, "series.lastObservedTime", now);
    // If it is gone by then, it is made again as it is now.
    jval_set(series->event, "series", json_deep_copy(json_object_get(patch, "series")));
    struct kube_request request = {
        .verb = KUBE_MERGE, .ref = ref_of(series->event, true), .object = patch};
    series->written = series->count;
    series->written_ms = now_ms(recorder);
    send_event(recorder, &request, series->key);
}

static json_t *make_event(struct kube_recorder *recorder, const struct said *said)
{
    json_t *event = json_object();
    cleanup_free char *now = micro_now(recorder);
    cleanup_free char *base =
        cut(jval_string_or(said->regarding, "name", "unknown"), NAME_MAX_BYTES);
    uint64_t unique =
        (uint64_t)clock_wall_ms(kube_client_clock(kube_loop_client(recorder->kube))) * 1000000;
    recorder->last_name = unique > recorder->last_name ? unique : recorder->last_name + 1;
    cleanup_free char *name = xasprintf("%s.%llx", base, (unsigned long long)recorder->last_name);
    jval_set_string(event, "apiVersion", "events.k8s.io/v1");
    jval_set_string(event, "kind", "Event");
    jval_set_string(event, "metadata.name", name);
    jval_set_string(event, "metadata.namespace",
                    jval_string_or(said->regarding, "namespace", "default"));
    jval_set_string(event, "eventTime", now);
    jval_set_string(event, "reportingController", recorder->controller);
    jval_set_string(event, "reportingInstance", recorder->instance);
    jval_set_string(event, "type", said->type);
    jval_set_string(event, "reason", said->reason);
    jval_set_string(event, "action", said->action);
    jval_set_string(event, "note", said->note);
    jval_set(event, "regarding", json_incref(said->regarding));
    return event;
}

// Takes a token of the object's; false when it has none left.
static bool take_token(struct kube_recorder *recorder, const char *key)
{
    int64_t now = now_ms(recorder);
    struct bucket *bucket = NULL;
    vec_foreach (struct bucket, at, &recorder->buckets) {
        if (strcmp(at->key, key) == 0)
            bucket = at;
    }
    if (bucket == NULL) {
        if (recorder->buckets.len >= SERIES_MAX)
            return false;
        bucket = vec_push(&recorder->buckets);
        *bucket = (struct bucket){xstrdup(key), BURST, now};
    }
    int64_t refill = (now - bucket->at_ms) / REFILL_MS;
    bucket->at_ms += refill * REFILL_MS;
    bucket->tokens = bucket->tokens + refill > BURST ? BURST : bucket->tokens + refill;
    if (bucket->tokens == 0)
        return false;
    bucket->tokens--;
    return true;
}

static void say(struct kube_recorder *recorder, const struct said *said)
{
    cleanup_free char *object_key = jval_canonical(said->regarding);
    cleanup_free char *key = xasprintf("%s\n%s\n%s\n%s\n%s", object_key, said->type, said->reason,
                                       said->action, said->note);
    struct series *series = find_series(recorder, key);
    if (series != NULL) {
        series->count++;
        series->last_ms = now_ms(recorder);
        if (series->count == 2)
            write_series(recorder, series);
        return;
    }
    if (recorder->series.len >= SERIES_MAX || !take_token(recorder, object_key))
        return;
    series = vec_push(&recorder->series);
    *series = (struct series){.key = STEAL(key),
                              .event = make_event(recorder, said),
                              .count = 1,
                              .written = 1,
                              .last_ms = now_ms(recorder),
                              .written_ms = now_ms(recorder)};
    if (!loop_timer_is_set(recorder->sweep))
        loop_timer_set(recorder->sweep, SWEEP_MS);
    create(recorder, series->event);
}

static void on_sweep(void *arg)
{
    struct kube_recorder *recorder = arg;
    int64_t now = now_ms(recorder);
    for (size_t i = recorder->series.len; i-- > 0;) {
        struct series *series = vec_at(&recorder->series, i);
        bool silent = now - series->last_ms >= SILENCE_MS;
        if (series->count > series->written && (silent || now - series->written_ms >= REFRESH_MS))
            write_series(recorder, series);
        if (silent)
            vec_remove(&recorder->series, i);
    }
    for (size_t i = recorder->buckets.len; i-- > 0;) {
        const struct bucket *bucket = vec_at(&recorder->buckets, i);
        if (now - bucket->at_ms >= (int64_t)BURST * REFILL_MS)
            vec_remove(&recorder->buckets, i);
    }
    if (recorder->series.len > 0 || recorder->buckets.len > 0)
        loop_timer_set(recorder->sweep, SWEEP_MS);
}

static void on_posted(void *arg)
{
    struct kube_recorder *recorder = arg;
    pthread_mutex_lock(&recorder->lock);
    struct vec waiting = recorder->waiting;
    recorder->waiting = VEC_OF(struct said, said_release);
    recorder->posted = false;
    pthread_mutex_unlock(&recorder->lock);
    vec_foreach (struct said, said, &waiting)
        say(recorder, said);
    vec_free(&waiting);
}

int kube_recorder_new(struct kube_loop *kube, const char *controller, const char *instance,
                      struct kube_recorder **ret_recorder, struct error *err)
{
    if (controller == NULL || instance == NULL || *controller == '\0' || *instance == '\0')
        return error_set(err, ERROR_INVALID, "events need the names of a controller and instance");
    struct kube_recorder *recorder = xcalloc(1, sizeof *recorder);
    recorder->kube = kube;
    recorder->controller = xstrdup(controller);
    recorder->instance = cut(instance, TEXT_MAX_BYTES);
    recorder->sweep = loop_timer_new(kube_loop_loop(kube), on_sweep, recorder);
    recorder->series = VEC_OF(struct series, series_release);
    recorder->buckets = VEC_OF(struct bucket, bucket_release);
    recorder->calls = VEC_OF(struct sent *, NULL);
    recorder->waiting = VEC_OF(struct said, said_release);
    pthread_mutex_init(&recorder->lock, NULL);
    *ret_recorder = recorder;
    return 0;
}

void kube_recorder_free(struct kube_recorder *recorder)
{
    if (recorder == NULL)
        return;
    if (recorder->posted)
        loop_run_posted(kube_loop_loop(recorder->kube));
    while (recorder->calls.len > 0) {
        struct sent *sent = *(struct sent **)vec_at(&recorder->calls, 0);
        kube_call_cancel(sent->call);
        forget_call(sent);
    }
    loop_timer_free(recorder->sweep);
    vec_free(&recorder->series);
    vec_free(&recorder->buckets);
    vec_free(&recorder->calls);
    vec_free(&recorder->waiting);
    pthread_mutex_destroy(&recorder->lock);
    free(recorder->controller);
    free(recorder->instance);
    free(recorder);
}

static json_t *reference_of(const json_t *object)
{
    static const char *const names[][2] = {
        {"apiVersion", "apiVersion"}, {"kind", "kind"},        {"namespace", "metadata.namespace"},
        {"name", "metadata.name"},    {"uid", "metadata.uid"},
    };
    json_t *reference = json_object();
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const char *text = jval_string(object, names[i][1]);
        if (text != NULL && *text != '\0')
            jval_set_string(reference, names[i][0], text);
    }
    return reference;
}

void kube_recorder_event(struct kube_recorder *recorder, const json_t *regarding,
                         enum kube_event_type type, const char *reason, const char *action,
                         const char *note)
{
    struct said said = {
        .regarding = reference_of(regarding),
        .type = type == KUBE_EVENT_WARNING ? "Warning" : "Normal",
        .reason = cut(reason, TEXT_MAX_BYTES),
        .action = cut(action != NULL ? action : reason, TEXT_MAX_BYTES),
        .note = cut(note != NULL ? note : "", NOTE_MAX_BYTES),
    };
    pthread_mutex_lock(&recorder->lock);
    bool room = recorder->waiting.len < WAITING_MAX;
    if (room)
        *(struct said *)vec_push(&recorder->waiting) = said;
    if (room && !recorder->posted) {
        recorder->posted = true;
        loop_post(kube_loop_loop(recorder->kube), on_posted, recorder);
    }
    pthread_mutex_unlock(&recorder->lock);
    if (!room)
        said_release(&said);
}
