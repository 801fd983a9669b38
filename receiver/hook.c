// The life of one Hook here. All writes of its status go through one job at a time:
//
//             delivery, or time to read the Secret           pool
//   resting ─────────────────────────────────────▶ writing ────────▶ done ─▶ answers
//      ▲                                                               │
//      └───────────────────────────────────────────────────────────────┘ more came: writing again
#include "receiver/hook_internal.h"

#include "api/condition.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "receiver/pending.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const int64_t REFRESH_MS = 60 * 1000;
static const int64_t RETRY_FIRST_MS = 1000;
// Others rarely write a Hook's status, so a conflict is mostly one stale read.
enum { MAX_CONFLICTS = 8 };

struct hook_write {
    struct pool_job job;
    struct hook *hook;   // for the loop
    struct store *store; // for the worker, as all below
    const struct clock *clock;
    bool on_files;
    bool refresh;
    json_t *object;
    struct vec batch; // of struct waiting *; the worker reads the deliveries only
    struct hook_token token;
    struct token_verdict verdict;
    bool wrote;
    struct error error;
};

static void start_write(struct hook *hook);

static void release_waiting(void *element)
{
    struct waiting *waiting = *(struct waiting **)element;
    hook_delivery_release(&waiting->delivery);
    free(waiting);
}

static void free_write(struct hook_write *write)
{
    json_decref(write->object);
    vec_free(&write->batch);
    hook_token_release(&write->token);
    token_verdict_release(&write->verdict);
    error_release(&write->error);
    free(write);
}

// The worker's side.

static void set_last_delivery(json_t *status, const struct hook_delivery *delivery)
{
    char at[TIME_TEXT_SIZE];
    time_format_ms(delivery->received_ms, at);
    jval_set_string(status, "lastDelivery.id", delivery->id);
    jval_set_string(status, "lastDelivery.at", at);
    jval_set_string(status, "lastDelivery.result", "accepted");
}

static json_t *new_status(const struct hook_write *write)
{
    const json_t *old = object_status(write->object, "");
    json_t *status = old != NULL ? json_deep_copy(old) : json_object();
    int64_t now_ms = clock_wall_ms(write->clock);
    if (write->refresh)
        token_tell(status, write->object, &write->token, &write->verdict, now_ms);
    vec_foreach (struct waiting *, waiting, &write->batch) {
        pending_merge(status, &(*waiting)->delivery);
        set_last_delivery(status, &(*waiting)->delivery);
    }
    pending_drop(status, now_ms);
    return status;
}

// One attempt; *ret_written tells whether there was anything to write.
static int write_once(struct hook_write *write, struct error *err)
{
    cleanup_json json_t *status = new_status(write);
    if (json_equal(status, object_status(write->object, "")))
        return 0;
    json_t *written = NULL;
    if (store_put_status(write->store, write->object, status, &written, err) < 0)
        return -1;
    json_decref(write->object);
    write->object = written;
    write->wrote = true;
    return 0;
}

static int read_again(struct hook_write *write, struct error *err)
{
    struct object_key key = object_key(write->object);
    json_t *object = NULL;
    if (store_get(write->store, key.kind, key.namespace, key.name, &object, err) < 0)
        return -1;
    bool same = strcmp(object_uid(object), object_uid(write->object)) == 0;
    json_decref(write->object);
    write->object = object;
    return same ? 0 : error_set(err, ERROR_NOT_FOUND, "the Hook was replaced by another one");
}

static void run_write(struct pool_job *job)
{
    struct hook_write *write = CONTAINER_OF(job, struct hook_write, job);
    if (write->refresh)
        token_read(write->store, write->object, write->on_files, &write->token, &write->verdict);
    for (int conflicts = 0;; conflicts++) {
        error_release(&write->error);
        if (cancel_check(&job->cancel, &write->error) < 0 || write_once(write, &write->error) == 0)
            return;
        if (write->error.code != ERROR_CONFLICT || conflicts >= MAX_CONFLICTS ||
            read_again(write, &write->error) < 0)
            return;
    }
}

// The loop's side.

static void tell_sender(const struct hook *hook, struct waiting *waiting, const struct error *err)
{
    struct receiver *receiver = hook->receiver;
    const char *provider = object_spec_string(hook->object, "provider");
    const char *id = waiting->delivery.id;
    if (err == NULL)
        receiver_answer(receiver, waiting->exchange, provider, 202, "accepted",
                        "the delivery is recorded", id);
    else if (err->code == ERROR_NOT_FOUND)
        receiver_answer(receiver, waiting->exchange, provider, 404, "not_found",
                        "this Hook no longer exists", id);
    else
        receiver_answer(receiver, waiting->exchange, provider, 503, "unavailable",
                        "the delivery could not be recorded; send it again later", id);
}

static void log_delivery(const struct hook *hook, const struct hook_delivery *delivery,
                         const struct error *err)
{
    char shown[HOOK_PATH_SHOWN_SIZE];
    hook_path_shown(hook->path, shown);
    log_write(err == NULL ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
              err == NULL ? "delivery recorded" : "delivery not recorded", "kind", "Hook",
              "namespace", object_namespace(hook->object), "name", object_name(hook->object),
              "path", shown, "reconcile_id", delivery->id, "repository", delivery->repository,
              "ref", delivery->ref, "tag", delivery->tag, "error",
              err != NULL ? error_message(err) : NULL, NULL);
}

static void finish_batch(struct hook *hook, struct vec *batch, const struct error *err)
{
    vec_foreach (struct waiting *, each, batch) {
        struct waiting *waiting = *each;
        if (err == NULL)
            seen_add(&hook->seen, waiting->delivery.id);
        log_delivery(hook, &waiting->delivery, err);
        tell_sender(hook, waiting, err);
    }
    vec_clear(batch);
}

static void count_pending(const struct hook *hook)
{
    metric_set(hook->receiver->pending, (double)pending_count(object_status(hook->object, "")),
               object_namespace(hook->object), object_name(hook->object), NULL);
}

static void schedule_refresh(struct hook *hook, bool failed)
{
    int64_t interval = hook->receiver->options.secret_interval_ms;
    if (interval <= 0)
        interval = REFRESH_MS;
    hook->failures = failed ? hook->failures + 1 : 0;
    if (failed && hook->failures < 6 && RETRY_FIRST_MS << hook->failures < interval)
        interval = RETRY_FIRST_MS << hook->failures;
    loop_timer_set(hook->refresh_timer, interval);
}

static void take_token(struct hook *hook, struct hook_write *write)
{
    bool failed = write->verdict.result != TOKEN_USABLE || write->error.code != ERROR_NONE;
    hook->looked_at = true;
    if (write->verdict.result != TOKEN_UNKNOWN) {
        hook_token_release(&hook->token);
        hook->token = write->token;
        write->token = (struct hook_token){0};
        hook->path[0] = '\0';
        if (hook->token.bytes != NULL)
            hook_path(hook->token.bytes, hook->token.size, object_namespace(hook->object),
                      object_name(hook->object), hook->path);
    }
    schedule_refresh(hook, failed);
    if (write->wrote && write->verdict.result == TOKEN_REFUSED)
        log_warn("the Hook accepts no deliveries", "kind", "Hook", "namespace",
                 object_namespace(hook->object), "name", object_name(hook->object), "error",
                 write->verdict.message);
}

static void free_hook(struct hook *hook)
{
    metric_remove(hook->receiver->pending, object_namespace(hook->object),
                  object_name(hook->object), NULL);
    loop_timer_free(hook->refresh_timer);
    hook_token_release(&hook->token);
    seen_release(&hook->seen);
    vec_free(&hook->waiting);
    json_decref(hook->object);
    free(hook);
}

static void tell_all_gone(struct hook *hook)
{
    cleanup_error struct error gone = {0};
    error_set(&gone, ERROR_NOT_FOUND, "the Hook no longer exists");
    finish_batch(hook, &hook->waiting, &gone);
}

static void write_done(struct pool_job *job)
{
    struct hook_write *write = CONTAINER_OF(job, struct hook_write, job);
    struct hook *hook = write->hook;
    hook->write = NULL;
    bool ok = write->error.code == ERROR_NONE;
    // A newer spec may have come by the watch meanwhile.
    if (write->wrote && object_generation(write->object) >= object_generation(hook->object)) {
        json_decref(hook->object);
        hook->object = json_incref(write->object);
    }
    if (write->refresh)
        take_token(hook, write);
    finish_batch(hook, &write->batch, ok ? NULL : &write->error);
    free_write(write);
    if (hook->gone) {
        tell_all_gone(hook);
        free_hook(hook);
        return;
    }
    count_pending(hook);
    start_write(hook);
}

static void start_write(struct hook *hook)
{
    if (hook->write != NULL || hook->gone || (!hook->refresh_wanted && hook->waiting.len == 0))
        return;
    struct receiver *receiver = hook->receiver;
    struct hook_write *write = xcalloc(1, sizeof *write);
    write->job = (struct pool_job){.run = run_write, .done = write_done};
    write->hook = hook;
    write->store = receiver->store;
    write->clock = loop_clock(receiver->loop);
    write->on_files = receiver->options.on_files;
    write->refresh = hook->refresh_wanted;
    write->object = json_incref(hook->object);
    write->batch = hook->waiting;
    hook->waiting = VEC_OF(struct waiting *, release_waiting);
    hook->refresh_wanted = false;
    cleanup_error struct error err = {0};
    if (pool_submit(receiver->pool, &write->job, &err) == 0) {
        hook->write = write;
        return;
    }
    if (write->refresh)
        schedule_refresh(hook, true);
    finish_batch(hook, &write->batch, &err);
    free_write(write);
}

void hook_refresh(struct hook *hook)
{
    hook->refresh_wanted = true;
    start_write(hook);
}

static void on_refresh_timer(void *arg)
{
    hook_refresh(arg);
}

// What was recorded before a restart must not be recorded again.
static void remember_recorded(struct hook *hook)
{
    const char *last = object_status_string(hook->object, "lastDelivery.id");
    const json_t *pending = jval_array(object_status(hook->object, ""), "pending");
    for (size_t i = 0; i < json_array_size(pending); i++) {
        const char *id = jval_string(json_array_get(pending, i), "delivery");
        if (id != NULL)
            seen_add(&hook->seen, id);
    }
    if (last != NULL)
        seen_add(&hook->seen, last);
}

struct hook *hook_new(struct receiver *receiver, const json_t *object)
{
    struct hook *hook = xcalloc(1, sizeof *hook);
    hook->receiver = receiver;
    hook->object = jval_ref(object);
    hook->refresh_timer = loop_timer_new(receiver->loop, on_refresh_timer, hook);
    hook->waiting = VEC_OF(struct waiting *, release_waiting);
    remember_recorded(hook);
    count_pending(hook);
    hook_refresh(hook);
    return hook;
}

void hook_drop(struct hook *hook)
{
    hook->gone = true;
    hook->path[0] = '\0';
    loop_timer_cancel(hook->refresh_timer);
    if (hook->write != NULL)
        return;
    tell_all_gone(hook);
    free_hook(hook);
}

void hook_observe(struct hook *hook, const json_t *object)
{
    bool spec_changed = object_generation(object) != object_generation(hook->object) ||
                        object_problem(object) != object_problem(hook->object);
    json_decref(hook->object);
    hook->object = jval_ref(object);
    count_pending(hook);
    if (spec_changed)
        hook_refresh(hook);
}

bool hook_has_seen(const struct hook *hook, const char *id)
{
    return seen_has(&hook->seen, id);
}

void hook_deliver(struct hook *hook, struct hook_delivery *delivery, struct http_exchange *exchange)
{
    struct waiting *waiting = xcalloc(1, sizeof *waiting);
    waiting->delivery = *delivery;
    *delivery = (struct hook_delivery){0};
    waiting->exchange = exchange;
    http_exchange_set_data(exchange, waiting);
    *(struct waiting **)vec_push(&hook->waiting) = waiting;
    start_write(hook);
}
