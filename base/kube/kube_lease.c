// One request at a time, each with a deadline, from a timer:
//
//                       taken or renewed
//     ASKING (GET) ────────────────────────▶ HOLDING: PUT every retry_ms
//        ▲   held by another: wait                │ a conflict, a lost answer: GET again
//        └──────────────────────────────◀─────────┘ no success for renew_deadline_ms: lost
//
// How long another holder's lease still counts is measured from when this process saw it change.
#include "base/kube/kube_lease.h"

#include "base/backoff.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    DURATION_MS = 15 * 1000,
    RENEW_DEADLINE_MS = 10 * 1000,
    RETRY_MS = 2 * 1000,
    RELEASE_MS = 2 * 1000,
};

struct kube_lease {
    struct kube_loop *kube;
    char *namespace_;
    char *name;
    char *identity;
    int64_t duration_ms;
    int64_t renew_deadline_ms;
    int64_t retry_ms;
    struct kube_lease_events events;
    void *arg;

    bool held;
    bool known; // it was held, or another seen to hold it
    int64_t held_until_ms;
    struct kube_call *call;  // or NULL
    struct loop_timer *next; // the next request
    struct loop_timer *end;  // while held: when it counts as lost
    int64_t sent_at_ms;      // of the request under way

    json_t *object;     // as last seen; NULL = none exists
    char *seen;         // its spec, to notice changes
    int64_t seen_at_ms; // when that changed
    char *holder;       // owned; never NULL
    int64_t holder_ms;  // what the holder promised
    void (*released)(void *arg);
    void *released_arg;
};

static void ask(struct kube_lease *lease);

static int64_t now_ms(const struct kube_lease *lease)
{
    return clock_mono_ms(kube_client_clock(kube_loop_client(lease->kube)));
}

// RFC 3339 with microseconds, as MicroTime is written.
static void micro_time(const struct kube_lease *lease, char ret_text[TIME_TEXT_SIZE])
{
    char text[TIME_TEXT_SIZE];
    time_format_ms(clock_wall_ms(kube_client_clock(kube_loop_client(lease->kube))), text);
    text[strlen(text) - 1] = '\0'; // the Z
    snprintf(ret_text, TIME_TEXT_SIZE, "%.30s000Z", text);
}

static struct kube_ref ref_of(const struct kube_lease *lease, bool by_name)
{
    return (struct kube_ref){.group = "coordination.k8s.io",
                             .version = "v1",
                             .plural = "leases",
                             .namespace_ = lease->namespace_,
                             .name = by_name ? lease->name : NULL};
}

static void remember(struct kube_lease *lease, const json_t *object)
{
    char *spec = jval_canonical(json_object_get(object, "spec"));
    if (spec == NULL)
        spec = xstrdup("");
    if (lease->seen == NULL || strcmp(spec, lease->seen) != 0)
        lease->seen_at_ms = now_ms(lease);
    free(lease->seen);
    lease->seen = spec;
    json_t *kept = json_deep_copy(object);
    json_decref(lease->object);
    lease->object = kept;
    free(lease->holder);
    lease->holder = xstrdup(jval_string_or(object, "spec.holderIdentity", ""));
    int64_t seconds = jval_int(object, "spec.leaseDurationSeconds", 0);
    // What nobody can mean must not lock everybody out.
    lease->holder_ms = seconds > 0 && seconds <= 3600 ? seconds * 1000 : lease->duration_ms;
}

static void next_in(struct kube_lease *lease, int64_t delay_ms)
{
    loop_timer_set(lease->next, delay_ms);
}

// client-go waits 1 to 2.2 times retry_ms while it does not lead.
static void next_try(struct kube_lease *lease)
{
    next_in(lease, lease->held ? lease->retry_ms : jitter(lease->retry_ms * 8 / 5, 37));
}

static void tell_error(struct kube_lease *lease, struct error *err)
{
    error_wrap(err, "the lease %s/%s", lease->namespace_, lease->name);
    if (lease->events.on_error != NULL)
        lease->events.on_error(lease->arg, err);
}

static void on_end(void *arg)
{
    struct kube_lease *lease = arg;
    lease->held = false;
    if (lease->events.on_lost != NULL)
        lease->events.on_lost(lease->arg);
}

// Counted from before the request left: the server wrote it later than that.
static void renewed(struct kube_lease *lease)
{
    bool fresh = !lease->held;
    int64_t left = lease->sent_at_ms + lease->renew_deadline_ms - now_ms(lease);
    next_in(lease, lease->retry_ms);
    if (left <= 0)
        return; // too late to be sure of it; the next renewal will tell
    lease->held = true;
    lease->known = true;
    lease->held_until_ms = lease->sent_at_ms + lease->renew_deadline_ms;
    loop_timer_set(lease->end, left);
    if (fresh && lease->events.on_acquired != NULL)
        lease->events.on_acquired(lease->arg);
}

// Somebody else has it now, whatever we believed.
static void taken(struct kube_lease *lease)
{
    lease->known = true;
    next_try(lease);
    if (!lease->held)
        return;
    loop_timer_cancel(lease->end);
    on_end(lease);
}

static void on_put(void *arg, struct kube_result *result)
{
    struct kube_lease *lease = arg;
    lease->call = NULL;
    if (result->error.code == ERROR_NONE) {
        remember(lease, result->object);
        renewed(lease);
    } else if (result->error.code == ERROR_CONFLICT) {
        ask(lease); // somebody was faster: see who
    } else {
        json_decref(lease->object);
        lease->object = NULL; // it may have been written all the same
        next_try(lease);
        tell_error(lease, &result->error);
    }
}

static json_t *wanted(const struct kube_lease *lease, bool give_back)
{
    char now[TIME_TEXT_SIZE];
    micro_time(lease, now);
    json_t *object = lease->object != NULL ? json_deep_copy(lease->object) : json_object();
    bool ours = lease->object != NULL && strcmp(lease->holder, lease->identity) == 0;
    jval_set_string(object, "apiVersion", "coordination.k8s.io/v1");
    jval_set_string(object, "kind", "Lease");
    jval_set_string(object, "metadata.name", lease->name);
    jval_set_string(object, "metadata.namespace", lease->namespace_);
    if (!ours) {
        int64_t transitions = jval_int(object, "spec.leaseTransitions", 0);
        jval_set_int(object, "spec.leaseTransitions", lease->object != NULL ? transitions + 1 : 0);
        jval_set_string(object, "spec.acquireTime", now);
    }
    jval_set_string(object, "spec.holderIdentity", give_back ? "" : lease->identity);
    jval_set_int(object, "spec.leaseDurationSeconds",
                 give_back ? 1 : (lease->duration_ms + 999) / 1000);
    jval_set_string(object, "spec.renewTime", now);
    return object;
}

static int64_t request_deadline(const struct kube_lease *lease)
{
    int64_t deadline = lease->duration_ms - lease->renew_deadline_ms;
    return deadline > 1000 ? deadline : 1000;
}

static void put(struct kube_lease *lease)
{
    cleanup_json json_t *object = wanted(lease, false);
    bool create = lease->object == NULL;
    struct kube_request request = {.verb = create ? KUBE_CREATE : KUBE_UPDATE,
                                   .ref = ref_of(lease, !create),
                                   .object = object,
                                   .deadline_ms = request_deadline(lease),
                                   .no_retry = true,
                                   .urgent = true};
    lease->sent_at_ms = now_ms(lease);
    lease->call = kube_call_start(lease->kube, &request, on_put, lease);
}

static bool is_free(const struct kube_lease *lease)
{
    return *lease->holder == '\0' || strcmp(lease->holder, lease->identity) == 0 ||
           now_ms(lease) - lease->seen_at_ms >= lease->holder_ms;
}

static void on_get(void *arg, struct kube_result *result)
{
    struct kube_lease *lease = arg;
    lease->call = NULL;
    if (result->error.code == ERROR_NONE) {
        remember(lease, result->object);
        if (is_free(lease))
            put(lease);
        else
            taken(lease);
    } else if (result->error.code == ERROR_NOT_FOUND) {
        json_decref(lease->object);
        lease->object = NULL;
        put(lease);
    } else {
        next_try(lease);
        tell_error(lease, &result->error);
    }
}

static void ask(struct kube_lease *lease)
{
    struct kube_request request = {.verb = KUBE_GET,
                                   .ref = ref_of(lease, true),
                                   .deadline_ms = request_deadline(lease),
                                   .no_retry = true,
                                   .urgent = true};
    lease->call = kube_call_start(lease->kube, &request, on_get, lease);
}

static void on_next(void *arg)
{
    struct kube_lease *lease = arg;
    if (lease->call != NULL)
        return;
    // A holder renews what it wrote last; only when that fails it looks.
    if (lease->held && lease->object != NULL)
        put(lease);
    else
        ask(lease);
}

static char *make_identity(void)
{
    char host[256] = "";
    unsigned char random[8] = {0};
    if (gethostname(host, sizeof host - 1) < 0 || *host == '\0')
        snprintf(host, sizeof host, "unknown");
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort();
    cleanup_free char *suffix = hex_encode(random, sizeof random);
    return xasprintf("%s_%s", host, suffix);
}

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

int kube_lease_new(struct kube_loop *kube, const struct kube_lease_options *options,
                   const struct kube_lease_events *events, void *arg, struct kube_lease **ret_lease,
                   struct error *err)
{
    int64_t duration_ms = or_default(options->duration_ms, DURATION_MS);
    int64_t renew_ms = or_default(options->renew_deadline_ms, RENEW_DEADLINE_MS);
    int64_t retry_ms = or_default(options->retry_ms, RETRY_MS);
    if (options->namespace_ == NULL || options->name == NULL)
        return error_set(err, ERROR_INVALID, "a lease needs a namespace and a name");
    if (renew_ms >= duration_ms || retry_ms >= renew_ms)
        return error_set(err, ERROR_INVALID,
                         "of a lease's times the duration must be the longest and the time "
                         "between tries the shortest");
    struct kube_lease *lease = xcalloc(1, sizeof *lease);
    lease->kube = kube;
    lease->namespace_ = xstrdup(options->namespace_);
    lease->name = xstrdup(options->name);
    lease->identity = options->identity != NULL ? xstrdup(options->identity) : make_identity();
    lease->duration_ms = (duration_ms + 999) / 1000 * 1000;
    lease->renew_deadline_ms = renew_ms;
    lease->retry_ms = retry_ms;
    lease->events = *events;
    lease->arg = arg;
    lease->holder = xstrdup("");
    lease->next = loop_timer_new(kube_loop_loop(kube), on_next, lease);
    lease->end = loop_timer_new(kube_loop_loop(kube), on_end, lease);
    loop_timer_set(lease->next, 0);
    *ret_lease = lease;
    return 0;
}

bool kube_lease_held(const struct kube_lease *lease)
{
    // After a pause of the whole machine the timer may not have fired yet.
    return lease->held && now_ms(lease) < lease->held_until_ms;
}

bool kube_lease_known(const struct kube_lease *lease)
{
    return lease->known;
}

const char *kube_lease_holder(const struct kube_lease *lease)
{
    return lease->holder;
}

const char *kube_lease_identity(const struct kube_lease *lease)
{
    return lease->identity;
}

void kube_lease_free(struct kube_lease *lease)
{
    if (lease == NULL)
        return;
    kube_call_cancel(lease->call);
    loop_timer_free(lease->next);
    loop_timer_free(lease->end);
    json_decref(lease->object);
    free(lease->namespace_);
    free(lease->name);
    free(lease->identity);
    free(lease->seen);
    free(lease->holder);
    free(lease);
}

static void on_released(void *arg, struct kube_result *result)
{
    struct kube_lease *lease = arg;
    (void)result; // at worst the next holder waits
    lease->call = NULL;
    lease->released(lease->released_arg);
}

static void on_nothing_to_release(void *arg)
{
    on_released(arg, NULL);
}

void kube_lease_release(struct kube_lease *lease, void (*done)(void *arg), void *arg)
{
    bool ours = lease->held && lease->object != NULL;
    kube_call_cancel(lease->call);
    lease->call = NULL;
    lease->released = done;
    lease->released_arg = arg;
    lease->held = false;
    loop_timer_cancel(lease->next);
    loop_timer_cancel(lease->end);
    if (!ours) {
        loop_timer_free(lease->next);
        lease->next = loop_timer_new(kube_loop_loop(lease->kube), on_nothing_to_release, lease);
        loop_timer_set(lease->next, 0);
        return;
    }
    cleanup_json json_t *object = wanted(lease, true);
    struct kube_request request = {.verb = KUBE_UPDATE,
                                   .ref = ref_of(lease, true),
                                   .object = object,
                                   .deadline_ms = RELEASE_MS,
                                   .no_retry = true,
                                   .urgent = true};
    lease->call = kube_call_start(lease->kube, &request, on_released, lease);
}
