#include "cli/rollout.h"

#include "api/condition.h"
#include "api/object.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/pieces.h"
#include "cli/tell.h"
#include "controller/health.h"

#include <string.h>
#include <time.h>

static const int64_t look_ms = 200;
static const char finalizer_sync[] = "sealift.dev/sync";

static void pause_a_little(void)
{
    const struct timespec pause = {.tv_nsec = look_ms * 1000000};
    nanosleep(&pause, NULL);
}

static bool is_over(int64_t deadline_ms)
{
    return clock_mono_ms(clock_system()) > deadline_ms;
}

static int64_t deadline_of(const struct cli *cli)
{
    return clock_mono_ms(clock_system()) + cli->timeout_ms;
}

// ---- definitions ----

static bool is_established(const json_t *definition)
{
    size_t index;
    json_t *condition;
    json_array_foreach (jval_array(definition, "status.conditions"), index, condition) {
        if (strcmp(jval_string_or(condition, "type", ""), "Established") == 0)
            return strcmp(jval_string_or(condition, "status", ""), "True") == 0;
    }
    return false;
}

static int wait_established(struct kube_client *client, const struct piece *piece,
                            int64_t deadline_ms, struct error *err)
{
    const struct kube_ref ref = piece_ref(piece);
    for (;;) {
        cleanup_json json_t *definition = NULL;
        if (kube_get(client, &ref, &definition, err) < 0)
            return -1;
        if (is_established(definition))
            return 0;
        if (is_over(deadline_ms))
            return error_set(err, ERROR_TIMEOUT, "%s was not established in time", piece->text);
        pause_a_little();
    }
}

int rollout_wait_definitions(const struct cli *cli, struct kube_client *client,
                             const struct vec *pieces, struct error *err)
{
    int64_t deadline_ms = deadline_of(cli);
    vec_foreach (struct piece, piece, pieces) {
        if (piece_is(piece, "CustomResourceDefinition") &&
            wait_established(client, piece, deadline_ms, err) < 0)
            return -1;
    }
    return 0;
}

// ---- Deployments ----

// "ImagePullBackOff: Back-off pulling image …" of a container that does not run; borrowed.
static const json_t *waiting_container(const json_t *pod)
{
    size_t index;
    json_t *status;
    json_array_foreach (jval_array(pod, "status.containerStatuses"), index, status) {
        const json_t *waiting = jval_object(status, "state.waiting");
        if (waiting != NULL)
            return waiting;
    }
    return NULL;
}

// What the pods of a Deployment wait for, as " (pod x: reason: message)"; owned.
static char *trouble_of(struct kube_client *client, const struct piece *piece)
{
    static const char label[] = "app.kubernetes.io/component";
    const json_t *labels = jval_object(piece->object, "spec.selector.matchLabels");
    const char *component = json_string_value(json_object_get(labels, label));
    if (component == NULL)
        return xstrdup("");
    cleanup_free char *selector = xasprintf("%s=%s", label, component);
    const struct kube_request request = {
        .ref = {.version = "v1", .plural = "pods", .namespace_ = piece->ns},
        .label_selector = selector};
    cleanup_json json_t *pods = NULL;
    size_t index;
    json_t *pod;
    if (kube_list(client, &request, &pods, NULL) < 0)
        return xstrdup("");
    json_array_foreach (pods, index, pod) {
        const json_t *waiting = waiting_container(pod);
        if (waiting != NULL)
            return xasprintf(" (pod %s: %s %.200s)", object_name(pod),
                             jval_string_or(waiting, "reason", "waiting"),
                             jval_string_or(waiting, "message", ""));
    }
    if (json_array_size(pods) == 0)
        return xstrdup(" (it has no pods yet)");
    return xasprintf(" (pod %s is %s)", object_name(json_array_get(pods, 0)),
                     jval_string_or(json_array_get(pods, 0), "status.phase", "not there"));
}

static int wait_deployed(struct kube_client *client, const struct piece *piece, int64_t deadline_ms,
                         struct error *err)
{
    const struct kube_ref ref = piece_ref(piece);
    for (;;) {
        cleanup_json json_t *deployment = NULL;
        cleanup_health_verdict struct health_verdict verdict = {0};
        if (kube_get(client, &ref, &deployment, err) < 0)
            return -1;
        health_judge(deployment, clock_wall_ms(clock_system()), &verdict);
        if (verdict.health == HEALTH_CURRENT)
            return 0;
        if (verdict.health == HEALTH_FAILED || is_over(deadline_ms)) {
            cleanup_free char *trouble = trouble_of(client, piece);
            return error_set(
                err, verdict.health == HEALTH_FAILED ? ERROR_UNAVAILABLE : ERROR_TIMEOUT,
                "%s does not run: %s%s; see kubectl -n %s describe pods", piece->text,
                verdict.message != NULL ? verdict.message : "on its way", trouble, piece->ns);
        }
        pause_a_little();
    }
}

int rollout_wait_deployments(const struct cli *cli, struct kube_client *client,
                             const struct vec *pieces, struct error *err)
{
    int64_t deadline_ms = deadline_of(cli);
    vec_foreach (struct piece, piece, pieces) {
        if (!piece_is(piece, "Deployment"))
            continue;
        tell_wait(cli, "waiting for %s", piece->text);
        if (wait_deployed(client, piece, deadline_ms, err) < 0)
            return -1;
        tell_done(cli, "%s runs", piece->text);
    }
    return 0;
}

// ---- the end of things ----

char *rollout_hold(const json_t *object)
{
    const json_t *all = jval_array(object, "metadata.finalizers");
    const char *finalizer = json_string_value(json_array_get(all, 0));
    size_t index;
    json_t *name;
    json_array_foreach (all, index, name) {
        if (strcmp(json_string_value(name), finalizer_sync) == 0)
            finalizer = finalizer_sync;
    }
    const char *message = condition_message(object, "Ready");
    if (finalizer == NULL)
        return xstrdup("");
    if (finalizer != finalizer_sync)
        return xasprintf("; it waits for the finalizer %s", finalizer);
    if (condition_state(object, "Ready") == CONDITION_TRUE || *message == '\0')
        return xasprintf("; it waits for the finalizer %s; does the controller run?", finalizer);
    return xasprintf("; it waits for the finalizer %s, and its condition Ready says %s: %s",
                     finalizer, condition_reason(object, "Ready"), message);
}

static int wait_gone(struct kube_client *client, const struct piece *piece, int64_t deadline_ms,
                     struct error *err)
{
    const struct kube_ref ref = piece_ref(piece);
    for (;;) {
        cleanup_json json_t *object = NULL;
        cleanup_error struct error cause = {0};
        if (kube_get(client, &ref, &object, &cause) < 0)
            return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
        if (piece->live != NULL && strcmp(object_uid(object), object_uid(piece->live)) != 0)
            return 0;
        if (is_over(deadline_ms)) {
            cleanup_free char *hold = rollout_hold(object);
            return error_set(err, ERROR_TIMEOUT, "%s is still being deleted%s", piece->text, hold);
        }
        pause_a_little();
    }
}

int rollout_wait_gone(const struct cli *cli, struct kube_client *client, const struct vec *pieces,
                      struct error *err)
{
    int64_t deadline_ms = deadline_of(cli);
    vec_foreach (struct piece, piece, pieces) {
        if (wait_gone(client, piece, deadline_ms, err) < 0)
            return -1;
    }
    return 0;
}
