#include "base/kube/kube_watch.h"

#include "base/jval.h"
#include "base/kube/kube_call_internal.h"
#include "base/kube/kube_decoder_internal.h"
#include "base/kube/kube_index_internal.h"
#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENT_DEFAULT_BYTES = 16 * 1024 * 1024,
    IDLE_DEFAULT_MS = 150 * 1000,
    // The server ends a watch after this; spread, so that they do not all end at once.
    SERVER_SECONDS = 450,
    SERVER_JITTER_PERCENT = 33,
    RETRY_FIRST_MS = 800, // as client-go's reflector
    RETRY_MAX_MS = 30 * 1000,
    // To try a server that cannot be reached costs nobody anything.
    LOST_MAX_MS = 4 * 1000,
    DENIED_MAX_MS = 10 * 60 * 1000, // somebody has to change rights first
    // A connection that lived so long was fine; what ends it is the first failure of a new row.
    FINE_MS = 2 * 60 * 1000,
    // Parsing a page must not hold up the loop.
    WHOLE_PAGE = 150,
    // A server that ends a watch at once, again and again, is not asked without a pause.
    SHORT_MS = 1000,
};

enum watch_state { WATCH_WAITING, WATCH_TURN, WATCH_LISTING, WATCH_WATCHING };

struct kube_watch {
    struct kube_loop *kube;
    struct kube_request request; // points to what follows
    char *texts[6];
    char *as_texts[2];
    struct vec as_groups;
    json_t *as_extra;
    struct kube_impersonation as;
    int64_t idle_ms;
    struct kube_watch_events events;
    void *arg;

    enum watch_state state;
    struct kube_index index;
    char *resource_version; // NULL = list first
    char *continue_token;
    unsigned restarts; // of this list
    bool synced;       // all was delivered once
    bool cut_off;      // since a failure
    bool asked_again;  // after a 401
    struct backoff backoff;
    struct loop_timer *timer;
    struct kube_turn turn;
    struct kube_call *list;
    struct http_stream *stream;
    struct kube_decoder decoder;
    struct kube_identity *identity;
    int64_t opened_at_ms;
    int http_status;
    int64_t retry_after_ms;
    struct strbuf refusal; // the body of an answer that is no watch
    unsigned calls;        // of the owner's functions that are running
    bool doomed;           // freed by its owner meanwhile
};

static void list_next(struct kube_watch *watch);
static void open_stream(struct kube_watch *watch);

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

// Around a piece of work that may call the owner. leave: false when the owner freed the watch.
static void enter(struct kube_watch *watch)
{
    watch->calls++;
}

static bool leave(struct kube_watch *watch)
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

static void tell_object(struct kube_watch *watch, enum kube_change change, const json_t *object)
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

// Consumes err. `http_status`: of the answer; 0 = none came. The caller stands between enter and
// leave.
static void fail(struct kube_watch *watch, int http_status, struct error *err)
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

static void relist(struct kube_watch *watch)
{
    free(STEAL(watch->resource_version));
    free(STEAL(watch->continue_token));
    watch->state = WATCH_TURN;
    watch->restarts = 0;
    watch->index.round++;
    kube_turn_ask(watch->kube, &watch->turn);
}

static void set_version(struct kube_watch *watch, const json_t *object)
{
    const char *version = jval_string(object, "metadata.resourceVersion");
    if (version == NULL || *version == '\0')
        return;
    free(watch->resource_version);
    watch->resource_version = xstrdup(version);
}

static void put(struct kube_watch *watch, const json_t *object)
{
    cleanup_json json_t *old = NULL;
    switch (kube_index_put(&watch->index, object, &old)) {
    case KUBE_NEWS_NONE:
        return;
    case KUBE_NEWS_NEW:
        tell_object(watch, KUBE_ADDED, object);
        return;
    case KUBE_NEWS_CHANGED:
        tell_object(watch, KUBE_MODIFIED, object);
        return;
    case KUBE_NEWS_REPLACED:
        json_object_set(old, "apiVersion", json_object_get(object, "apiVersion"));
        json_object_set(old, "kind", json_object_get(object, "kind"));
        tell_object(watch, KUBE_DELETED, old);
        tell_object(watch, KUBE_ADDED, object);
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
        tell_object(watch, KUBE_DELETED, gone);
        json_decref(gone);
    }
}

static void list_complete(struct kube_watch *watch, const json_t *list)
{
    kube_turn_leave(watch->kube, &watch->turn);
    delete_unseen(watch, list);
    set_version(watch, list);
    watch->synced = true;
    watch->cut_off = false;
    if (!watch->doomed && watch->events.on_synced != NULL)
        watch->events.on_synced(watch->arg);
    if (!watch->doomed)
        open_stream(watch);
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
        fail(watch, result->http_status, &result->error);
        return;
    }
    list_next(watch);
}

static void on_page(void *arg, struct kube_result *result)
{
    struct kube_watch *watch = arg;
    watch->list = NULL;
    enter(watch);
    const json_t *items = jval_array(result->object, "items");
    if (result->error.code != ERROR_NONE ||
        kube_list_check(result->object, watch->continue_token, &result->error) < 0) {
        list_failed(watch, result);
        leave(watch);
        return;
    }
    kube_list_name_items(result->object);
    for (size_t i = 0; i < json_array_size(items) && !watch->doomed; i++)
        put(watch, json_array_get(items, i));
    free(STEAL(watch->continue_token));
    const char *more = jval_string_or(result->object, "metadata.continue", "");
    if (!watch->doomed && *more != '\0') {
        watch->continue_token = xstrdup(more);
        list_next(watch);
    } else if (!watch->doomed) {
        list_complete(watch, result->object);
    }
    leave(watch);
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

// An ERROR event, or an answer that is no watch.
static void refused(struct kube_watch *watch, const json_t *status, struct error *err)
{
    int code = (int)jval_int(status, "code", watch->http_status);
    if (code == 401)
        kube_unauthorized_error(kube_loop_client(watch->kube), err);
    else
        kube_status_error(status, err);
    if (watch->retry_after_ms > 0)
        err->retry_after_ms = watch->retry_after_ms;
    // The version is too old to go on from; what happened meanwhile is found by a list.
    if (code == 410)
        free(STEAL(watch->resource_version));
}

static int on_event(void *arg, const char *type, const json_t *object, struct error *err)
{
    struct kube_watch *watch = arg;
    if (strcmp(type, "ERROR") == 0) {
        refused(watch, object, err);
        return -1;
    }
    set_version(watch, object);
    if (strcmp(type, "DELETED") == 0) {
        if (kube_index_remove(&watch->index, object))
            tell_object(watch, KUBE_DELETED, object);
    } else if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0) {
        put(watch, object);
    }
    return watch->doomed ? error_set(err, ERROR_CANCELED, "the watch was freed") : 0;
}

static void on_response(void *arg, const struct http_response *response)
{
    struct kube_watch *watch = arg;
    watch->http_status = response->status;
    watch->retry_after_ms = response->retry_after_ms;
    watch->cut_off = watch->cut_off && response->status != 200;
}

static int on_data(void *arg, const void *data, size_t size, struct error *err)
{
    struct kube_watch *watch = arg;
    if (watch->http_status != 200) {
        size_t room = watch->refusal.max - watch->refusal.len;
        strbuf_add(&watch->refusal, data, size < room ? size : room);
        return 0;
    }
    enter(watch);
    int result = kube_decoder_feed(&watch->decoder, data, size, err);
    leave(watch);
    return result;
}

// An HTTP answer that is no watch, as an error.
static void refused_http(struct kube_watch *watch, struct error *err)
{
    cleanup_json json_t *status = NULL;
    if (jval_parse_object(watch->refusal.data, watch->refusal.len, "Status", &status, NULL) == 0 &&
        strcmp(jval_string_or(status, "kind", ""), "Status") == 0) {
        json_object_set_new(status, "code", json_integer(watch->http_status));
        refused(watch, status, err);
    } else if (watch->http_status == 401 || watch->http_status == 429) {
        cleanup_json json_t *made = json_pack("{s:i}", "code", watch->http_status);
        refused(watch, made, err);
    } else {
        kube_foreign_error(kube_loop_client(watch->kube), &watch->request, watch->http_status,
                           &watch->refusal, err);
        if (watch->retry_after_ms > 0)
            err->retry_after_ms = watch->retry_after_ms;
    }
}

static bool was_refused_once(struct kube_watch *watch)
{
    if (watch->http_status != 401 || watch->asked_again)
        return false;
    watch->asked_again = true;
    return kube_credential_refused(kube_loop_client(watch->kube)->credential, watch->identity);
}

static void go_on(struct kube_watch *watch)
{
    if (watch->resource_version == NULL)
        relist(watch);
    else
        open_stream(watch);
}

static void on_end(void *arg, const struct error *error)
{
    struct kube_watch *watch = arg;
    cleanup_error struct error err = {0};
    int64_t lived = clock_mono_ms(kube_loop_client(watch->kube)->clock) - watch->opened_at_ms;
    watch->stream = NULL;
    if (lived >= FINE_MS)
        backoff_reset(&watch->backoff);
    if (error != NULL) {
        error_set(&err, error->code, "%s", error->message);
        err.retry_after_ms = error->retry_after_ms;
    } else if (watch->http_status != 200) {
        refused_http(watch, &err);
    }
    enter(watch);
    if (was_refused_once(watch)) {
        open_stream(watch);
    } else if (err.code == ERROR_NONE && lived >= SHORT_MS) {
        watch->asked_again = false;
        open_stream(watch);
    } else if (err.code == ERROR_NONE) {
        watch->state = WATCH_WAITING;
        loop_timer_set(watch->timer, backoff_next(&watch->backoff, 0));
    } else if (watch->resource_version == NULL && watch->backoff.attempts == 0) {
        backoff_next(&watch->backoff, 0);
        relist(watch); // at once, the first time
    } else {
        fail(watch, watch->http_status, &err);
    }
    leave(watch);
}

static int build_wire(struct kube_watch *watch, struct kube_wire *ret_wire, struct error *err)
{
    struct kube_request request = watch->request;
    request.limit = 0;
    request.resource_version = watch->resource_version;
    if (request.accept == KUBE_METADATA)
        request.accept_header =
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
    if (kube_wire_build(kube_loop_client(watch->kube), &request, ret_wire, err) < 0)
        return -1;
    char *url = xasprintf("%s%cwatch=1&allowWatchBookmarks=true&timeoutSeconds=%lld", ret_wire->url,
                          strchr(ret_wire->url, '?') != NULL ? '&' : '?',
                          (long long)jitter(SERVER_SECONDS, SERVER_JITTER_PERCENT));
    free(ret_wire->url);
    ret_wire->url = url;
    return 0;
}

static int try_open(struct kube_watch *watch, struct error *err)
{
    static const struct http_stream_events events = {on_response, on_data, on_end};
    struct kube_client *client = kube_loop_client(watch->kube);
    struct kube_identity *identity = NULL;
    struct kube_wire wire = {0};
    if (kube_credential_get(client->credential, false, &identity, err) < 0)
        return -1;
    kube_identity_unref(watch->identity);
    watch->identity = identity;
    if (build_wire(watch, &wire, err) < 0)
        return -1;
    struct http_request http = {.method = wire.method,
                                .url = wire.url,
                                .headers = &wire.headers,
                                .authorization = identity->authorization,
                                .tls = &identity->tls,
                                .proxy = client->proxy,
                                .connect_to = client->connect_to,
                                .reach = client->reach,
                                .idle_timeout_ms = watch->idle_ms};
    int result = http_stream_open(kube_loop_streams(watch->kube), &http, &events, watch,
                                  &watch->stream, err);
    kube_wire_release(&wire);
    return result;
}

static void open_stream(struct kube_watch *watch)
{
    cleanup_error struct error err = {0};
    watch->http_status = 0;
    watch->retry_after_ms = 0;
    strbuf_reset(&watch->refusal);
    kube_decoder_reset(&watch->decoder);
    watch->opened_at_ms = clock_mono_ms(kube_loop_client(watch->kube)->clock);
    watch->state = WATCH_WATCHING;
    if (try_open(watch, &err) == 0)
        return;
    enter(watch);
    if (err.code == ERROR_UNAVAILABLE && err.retry_after_ms > 0) { // a plugin is at work
        watch->state = WATCH_WAITING;
        loop_timer_set(watch->timer, err.retry_after_ms);
    } else {
        fail(watch, 0, &err);
    }
    leave(watch);
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
                      on_event, watch);
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
