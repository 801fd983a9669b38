#include "base/kube/kube_watch.h"

#include "base/jval.h"
#include "base/kube/kube_watch_internal.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    EVENT_DEFAULT_BYTES = 16 * 1024 * 1024,
    IDLE_DEFAULT_MS = 150 * 1000,
    RETRY_FIRST_MS = 800, // as client-go's reflector
    RETRY_MAX_MS = 30 * 1000,
    // To try a server that cannot be reached costs nobody anything.
    LOST_MAX_MS = 4 * 1000,
    DENIED_MAX_MS = 10 * 60 * 1000, // somebody has to change rights first
    // Parsing a page must not hold up the loop.
    WHOLE_PAGE = 150,
};

static void list_next(struct kube_watch *watch);

static void watch_delete(struct kube_watch *watch)
{
    vec_free(&watch->as_groups);
    json_decref(watch->as_extra);
    for (size_t i = 0; i < ARRAY_LENGTH(watch->texts); i++)
        free(watch->texts[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(watch->as_texts); i++)
        free(watch->as_texts[i]);
    kube_index_release(&watch->index);
    free(watch->resource_version);
    free(watch->continue_token);
    loop_timer_free(watch->timer);
    kube_decoder_release(&watch->decoder);
    kube_identity_unref(watch->identity);
    strbuf_release(&watch->refusal);
    free(watch);
}

void kube_watch_enter(struct kube_watch *watch)
{
    watch->calls++;
}

bool kube_watch_leave(struct kube_watch *watch)
{
    watch->calls--;
    if (!watch->doomed)
        return true;
    if (watch->calls == 0)
        watch_delete(watch);
    return false;
}

void kube_watch_free(struct kube_watch *watch)
{
    if (watch == NULL || watch->doomed)
        return;
    watch->doomed = true;
    loop_timer_cancel(watch->timer);
    if (watch->stream != NULL)
        http_stream_cancel(watch->stream);
    kube_call_cancel(watch->list);
    watch->stream = NULL;
    watch->list = NULL;
    kube_turn_leave(watch->kube, &watch->turn);
    if (watch->calls == 0)
        watch_delete(watch);
}

void kube_watch_tell(struct kube_watch *watch, enum kube_change change, const json_t *object)
{
    if (!watch->doomed)
        watch->events.on_object(watch->arg, change, object);
}

static void tell_error(struct kube_watch *watch, struct error *err)
{
    cleanup_free char *name = kube_request_name(&watch->request);
    error_wrap(err, "watch %s", name);
    if (!watch->doomed && watch->events.on_error != NULL)
        watch->events.on_error(watch->arg, err);
}

void kube_watch_fail(struct kube_watch *watch, int http_status, struct error *err)
{
    watch->backoff.max_ms = err->code == ERROR_DENIED ? DENIED_MAX_MS : RETRY_MAX_MS;
    int64_t delay_ms = backoff_next(&watch->backoff, err->retry_after_ms);
    bool lost = http_status == 0 && error_is_transient(err) && err->retry_after_ms == 0;
    watch->state = WATCH_WAITING;
    watch->cut_off = true;
    kube_turn_leave(watch->kube, &watch->turn);
    if (lost && delay_ms > LOST_MAX_MS)
        delay_ms = jitter(LOST_MAX_MS, 25);
    if (!watch->doomed)
        loop_timer_set(watch->timer, delay_ms);
    tell_error(watch, err);
    error_release(err);
}

void kube_watch_relist(struct kube_watch *watch)
{
    free(STEAL(watch->resource_version));
    free(STEAL(watch->continue_token));
    watch->state = WATCH_TURN;
    watch->restarts = 0;
    watch->index.round++;
    kube_turn_ask(watch->kube, &watch->turn);
}

void kube_watch_set_version(struct kube_watch *watch, const json_t *object)
{
    const char *version = jval_string(object, "metadata.resourceVersion");
    if (version == NULL || *version == '\0')
        return;
    free(watch->resource_version);
    watch->resource_version = xstrdup(version);
}

void kube_watch_put(struct kube_watch *watch, const json_t *object)
{
    cleanup_json json_t *old = NULL;
    switch (kube_index_put(&watch->index, object, &old)) {
    case KUBE_NEWS_NONE:
        return;
    case KUBE_NEWS_NEW:
        kube_watch_tell(watch, KUBE_ADDED, object);
        return;
    case KUBE_NEWS_CHANGED:
        kube_watch_tell(watch, KUBE_MODIFIED, object);
        return;
    case KUBE_NEWS_REPLACED:
        json_object_set(old, "apiVersion", json_object_get(object, "apiVersion"));
        json_object_set(old, "kind", json_object_get(object, "kind"));
        kube_watch_tell(watch, KUBE_DELETED, old);
        kube_watch_tell(watch, KUBE_ADDED, object);
        return;
    }
}

// What the list did not show any more.
static void delete_unseen(struct kube_watch *watch, const json_t *list)
{
    json_t *gone;
    size_t cursor = watch->index.entries.len;
    const char *kind = jval_string_or(list, "kind", "");
    size_t length = strlen(kind) > 4 ? strlen(kind) - 4 : 0; // without "List"
    while (!watch->doomed && (gone = kube_index_take_unseen(&watch->index, &cursor)) != NULL) {
        jval_set_string(gone, "apiVersion", jval_string_or(list, "apiVersion", ""));
        jval_set(gone, "kind", json_stringn(kind, length));
        kube_watch_tell(watch, KUBE_DELETED, gone);
        json_decref(gone);
    }
}

static void list_complete(struct kube_watch *watch, const json_t *list)
{
    kube_turn_leave(watch->kube, &watch->turn);
    delete_unseen(watch, list);
    kube_watch_set_version(watch, list);
    watch->synced = true;
    watch->cut_off = false;
    if (!watch->doomed && watch->events.on_synced != NULL)
        watch->events.on_synced(watch->arg);
    if (!watch->doomed)
        kube_watch_open(watch);
}

static void list_failed(struct kube_watch *watch, struct kube_result *result)
{
    if (result->http_status == 410 && watch->continue_token != NULL &&
        watch->restarts++ < KUBE_RESTARTS_MAX) {
        free(STEAL(watch->continue_token));
        watch->index.round++;
    } else if (result->error.code == ERROR_LIMIT && result->http_status == 0 &&
               watch->request.limit > 1) {
        watch->request.limit = watch->request.limit > 4 ? watch->request.limit / 4 : 1;
    } else {
        free(STEAL(watch->continue_token));
        kube_watch_fail(watch, result->http_status, &result->error);
        return;
    }
    list_next(watch);
}

static void on_page(void *arg, struct kube_result *result)
{
    struct kube_watch *watch = arg;
    watch->list = NULL;
    kube_watch_enter(watch);
    const json_t *items = jval_array(result->object, "items");
    if (result->error.code != ERROR_NONE ||
        kube_list_check(result->object, watch->continue_token, &result->error) < 0) {
        list_failed(watch, result);
        kube_watch_leave(watch);
        return;
    }
    kube_list_name_items(result->object);
    for (size_t i = 0; i < json_array_size(items) && !watch->doomed; i++)
        kube_watch_put(watch, json_array_get(items, i));
    free(STEAL(watch->continue_token));
    const char *more = jval_string_or(result->object, "metadata.continue", "");
    if (!watch->doomed && *more != '\0') {
        watch->continue_token = xstrdup(more);
        list_next(watch);
    } else if (!watch->doomed) {
        list_complete(watch, result->object);
    }
    kube_watch_leave(watch);
}

static void list_next(struct kube_watch *watch)
{
    struct kube_request request = watch->request;
    request.continue_token = watch->continue_token;
    watch->state = WATCH_LISTING;
    watch->list = kube_call_start(watch->kube, &request, on_page, watch);
}

static void on_turn(void *arg)
{
    list_next(arg);
}

static void go_on(struct kube_watch *watch)
{
    if (watch->resource_version == NULL)
        kube_watch_relist(watch);
    else
        kube_watch_open(watch);
}

static void on_timer(void *arg)
{
    struct kube_watch *watch = arg;
    watch->asked_again = false;
    go_on(watch);
}

static void keep_options(struct kube_watch *watch, const struct kube_watch_options *options)
{
    const char *const texts[] = {options->ref.group,      options->ref.version,
                                 options->ref.plural,     options->ref.namespace_,
                                 options->label_selector, options->field_selector};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        watch->texts[i] = xstrdup_or_null(texts[i]);
    watch->request = (struct kube_request){
        .verb = KUBE_LIST,
        .ref = {.group = watch->texts[0],
                .version = watch->texts[1],
                .plural = watch->texts[2],
                .namespace_ = watch->texts[3]},
        .label_selector = watch->texts[4],
        .field_selector = watch->texts[5],
        .limit = options->accept == KUBE_METADATA ? KUBE_PAGE_DEFAULT : WHOLE_PAGE,
        .accept = options->accept,
    };
    watch->as_groups = VEC_OF(char *, vec_release_string);
    if (options->as == NULL)
        return;
    watch->as_texts[0] = xstrdup_or_null(options->as->user);
    watch->as_texts[1] = xstrdup_or_null(options->as->uid);
    if (options->as->groups != NULL) {
        vec_foreach (char *, group, options->as->groups)
            vec_push_string(&watch->as_groups, *group);
    }
    watch->as_extra = options->as->extra != NULL ? json_deep_copy(options->as->extra) : NULL;
    watch->as = (struct kube_impersonation){watch->as_texts[0], watch->as_texts[1],
                                            &watch->as_groups, watch->as_extra};
    watch->request.as = &watch->as;
}

int kube_watch_new(struct kube_loop *kube, const struct kube_watch_options *options,
                   const struct kube_watch_events *events, void *arg, struct kube_watch **ret_watch,
                   struct error *err)
{
    if (options->ref.plural == NULL || options->ref.version == NULL)
        return error_set(err, ERROR_INVALID, "a watch needs a kind's version and plural");
    struct kube_watch *watch = xcalloc(1, sizeof *watch);
    watch->kube = kube;
    watch->events = *events;
    watch->arg = arg;
    watch->idle_ms = options->idle_ms > 0 ? options->idle_ms : IDLE_DEFAULT_MS;
    watch->backoff = (struct backoff){.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS};
    keep_options(watch, options);
    kube_index_init(&watch->index);
    strbuf_init(&watch->refusal, 8192);
    kube_decoder_init(&watch->decoder,
                      options->max_event_bytes > 0 ? options->max_event_bytes : EVENT_DEFAULT_BYTES,
                      kube_watch_event, watch);
    watch->turn = (struct kube_turn){.go = on_turn, .arg = watch};
    watch->timer = loop_timer_new(kube_loop_loop(kube), on_timer, watch);
    watch->state = WATCH_WAITING;
    loop_timer_set(watch->timer, 0);
    *ret_watch = watch;
    return 0;
}

bool kube_watch_is_synced(const struct kube_watch *watch)
{
    return watch->synced && !watch->cut_off && watch->state == WATCH_WATCHING;
}

size_t kube_watch_count(const struct kube_watch *watch)
{
    return watch->index.entries.len;
}

bool kube_watch_misses(const struct kube_watch *watch, const char *namespace_, const char *name,
                       uint64_t version)
{
    char *end = NULL;
    uint64_t reached =
        watch->resource_version != NULL ? strtoull(watch->resource_version, &end, 10) : 0;
    return reached > 0 && *end == '\0' && version <= reached &&
           !kube_index_has(&watch->index, namespace_, name);
}

void kube_watch_retry(struct kube_watch *watch)
{
    backoff_reset(&watch->backoff);
    if (watch->state == WATCH_WAITING)
        loop_timer_set(watch->timer, 0);
}
