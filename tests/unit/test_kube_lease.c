#include "base/kube/kube_lease.h"

#include "base/jval.h"
#include "base/memory.h"

#include "fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop_steps.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DURATION_MS = 1000, RENEW_MS = 600, RETRY_MS = 100 };

struct scene {
    struct fake_http *server;
    struct kube_client *client;
    struct loop *loop;
    struct kube_loop *kube;
    struct kube_lease *lease;
    unsigned acquired;
    unsigned lost;
    unsigned errors;
    bool free_when_lost;

    pthread_mutex_t lock; // of what follows
    json_t *object;       // the Lease that the server has
    int version;
    bool down;
    bool lose_answers; // writes happen, and their answers get lost
    bool mute;         // no answer comes
};

static void store(struct scene *scene, const json_t *object)
{
    json_t *kept = json_deep_copy(object);
    cleanup_free char *version = xasprintf("%d", ++scene->version);
    jval_set_string(kept, "metadata.resourceVersion", version);
    json_decref(scene->object);
    scene->object = kept;
}

// With the lock held. The status line's number.
static int write_lease(struct scene *scene, const struct fake_exchange *exchange)
{
    cleanup_json json_t *object = NULL;
    if (jval_parse_object(exchange->body, exchange->body_size, "body", &object, NULL) < 0)
        return 400;
    bool create = strcmp(exchange->method, "POST") == 0;
    if (create ? scene->object != NULL : scene->object == NULL)
        return create ? 409 : 404;
    if (!create && strcmp(jval_string_or(object, "metadata.resourceVersion", ""),
                          jval_string_or(scene->object, "metadata.resourceVersion", "")) != 0)
        return 409;
    store(scene, object);
    return create ? 201 : 200;
}

static void handle(void *arg, struct fake_exchange *exchange)
{
    struct scene *scene = arg;
    pthread_mutex_lock(&scene->lock);
    bool is_write = strcmp(exchange->method, "GET") != 0;
    bool down = scene->down;
    bool mute = scene->mute;
    bool lose = scene->lose_answers && is_write;
    int status = scene->object != NULL ? 200 : 404;
    if (is_write && !down && !mute)
        status = write_lease(scene, exchange);
    cleanup_free char *text = scene->object != NULL ? jval_compact(scene->object) : NULL;
    pthread_mutex_unlock(&scene->lock);
    if (mute)
        fake_pause(exchange, 20000);
    if (mute || lose)
        exchange->close = true;
    else if (down)
        fake_kube_refuse(exchange, 503, "ServiceUnavailable", "down", "");
    else if (status >= 300)
        fake_kube_refuse(exchange, status, status == 404 ? "NotFound" : "Conflict", "no", "");
    else
        fake_kube_reply(exchange, text);
}

static void on_acquired(void *arg)
{
    ((struct scene *)arg)->acquired++;
}

static void on_lost(void *arg)
{
    struct scene *scene = arg;
    scene->lost++;
    if (scene->free_when_lost) {
        kube_lease_free(scene->lease);
        scene->lease = NULL;
    }
}

static void on_error(void *arg, const struct error *err)
{
    assert_non_null(strstr(err->message, "the lease shop/leader: "));
    ((struct scene *)arg)->errors++;
}

static void begin(struct scene *scene)
{
    static const struct kube_lease_events events = {on_acquired, on_lost, on_error};
    struct kube_lease_options options = {.namespace_ = "shop",
                                         .name = "leader",
                                         .identity = "me",
                                         .duration_ms = DURATION_MS,
                                         .renew_deadline_ms = RENEW_MS,
                                         .retry_ms = RETRY_MS};
    cleanup_error struct error err = {0};
    if (kube_lease_new(scene->kube, &options, &events, scene, &scene->lease, &err) < 0)
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    pthread_mutex_init(&scene->lock, NULL);
    scene->server = fake_http_start(NULL, handle, scene);
    scene->client = fake_kube_client(scene->server);
    assert_int_equal(loop_new(clock_system(), &scene->loop, NULL), 0);
    assert_int_equal(kube_loop_new(scene->client, scene->loop, &scene->kube, NULL), 0);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    kube_lease_free(scene->lease);
    kube_loop_free(scene->kube);
    loop_free(scene->loop);
    kube_client_free(scene->client);
    fake_http_stop(scene->server);
    json_decref(scene->object);
    pthread_mutex_destroy(&scene->lock);
    free(scene);
    return 0;
}

static void set(struct scene *scene, bool *flag, bool value)
{
    pthread_mutex_lock(&scene->lock);
    *flag = value;
    pthread_mutex_unlock(&scene->lock);
}

static void give_to(struct scene *scene, const char *holder, int renewals)
{
    pthread_mutex_lock(&scene->lock);
    cleanup_json json_t *object = json_object();
    cleanup_free char *time = xasprintf("2020-01-01T00:00:%02d.000000Z", renewals % 60);
    jval_set_string(object, "kind", "Lease");
    jval_set_string(object, "metadata.name", "leader");
    jval_set_string(object, "spec.holderIdentity", holder);
    jval_set_string(object, "spec.renewTime", time); // a clock that nobody compares with
    jval_set_int(object, "spec.leaseDurationSeconds", 1);
    jval_set_int(object, "spec.leaseTransitions", 7);
    store(scene, object);
    pthread_mutex_unlock(&scene->lock);
}

static char *stored(struct scene *scene, const char *path)
{
    pthread_mutex_lock(&scene->lock);
    const json_t *value = jval_get(scene->object, path);
    char *text = json_is_string(value) ? xstrdup(json_string_value(value))
                                       : xasprintf("%lld", (long long)json_integer_value(value));
    pthread_mutex_unlock(&scene->lock);
    return text;
}

static void assert_stored(struct scene *scene, const char *path, const char *expected)
{
    cleanup_free char *text = stored(scene, path);
    assert_string_equal(text, expected);
}

static void test_lease_is_made_and_renewed(void **state)
{
    struct scene *scene = *state;
    begin(scene);
    loop_run_until(scene->loop, scene->acquired == 1);
    assert_stored(scene, "spec.holderIdentity", "me");
    assert_stored(scene, "spec.leaseDurationSeconds", "1");
    assert_stored(scene, "spec.leaseTransitions", "0");
    cleanup_free char *acquired = stored(scene, "spec.acquireTime");
    assert_int_equal(strlen(acquired), strlen("2026-11-21T10:00:00.000000Z"));
    cleanup_free char *before = stored(scene, "spec.renewTime");
    loop_run_for(scene->loop, DURATION_MS + 300);
    cleanup_free char *after = stored(scene, "spec.renewTime");
    assert_string_not_equal(before, after);
    assert_stored(scene, "spec.acquireTime", acquired);
    assert_true(kube_lease_held(scene->lease));
    assert_int_equal(scene->lost + scene->errors, 0);
}

static void test_lease_of_another_is_waited_for(void **state)
{
    struct scene *scene = *state;
    give_to(scene, "other", 0);
    set(scene, &scene->down, true);
    begin(scene);
    loop_run_until(scene->loop, scene->errors > 0);
    assert_false(kube_lease_known(scene->lease)); // nobody said
    set(scene, &scene->down, false);
    for (int i = 1; i <= 8; i++) { // it lives, by its own strange clock
        loop_run_for(scene->loop, 250);
        give_to(scene, "other", i);
    }
    assert_int_equal(scene->acquired, 0);
    assert_string_equal(kube_lease_holder(scene->lease), "other");
    assert_true(kube_lease_known(scene->lease));
    int64_t start = clock_mono_ms(clock_system());
    loop_run_until(scene->loop, scene->acquired == 1);
    assert_in_range(clock_mono_ms(clock_system()) - start, DURATION_MS - 300, 5000);
    assert_stored(scene, "spec.leaseTransitions", "8");
    // Taken away by force: it is lost when that is seen, not at the deadline.
    give_to(scene, "other", 9);
    start = clock_mono_ms(clock_system());
    loop_run_until(scene->loop, scene->lost == 1);
    assert_false(kube_lease_held(scene->lease));
}

static void test_lease_is_lost_when_it_cannot_be_renewed(void **state)
{
    struct scene *scene = *state;
    bool *const faults[] = {&scene->down, &scene->mute};
    begin(scene);
    for (unsigned i = 0; i < ARRAY_LENGTH(faults); i++) {
        loop_run_until(scene->loop, scene->acquired == i + 1);
        set(scene, faults[i], true);
        int64_t start = clock_mono_ms(clock_system());
        loop_run_until(scene->loop, scene->lost == i + 1);
        // Before anybody else may take it.
        assert_true(clock_mono_ms(clock_system()) - start < DURATION_MS + 200);
        assert_false(kube_lease_held(scene->lease));
        loop_run_until(scene->loop, scene->errors > i);
        set(scene, faults[i], false);
    }
    loop_run_until(scene->loop, scene->acquired == 3);
}

static void test_lease_survives_lost_answers(void **state)
{
    struct scene *scene = *state;
    set(scene, &scene->lose_answers, true);
    begin(scene);
    loop_run_until(scene->loop, scene->errors > 0);
    assert_stored(scene, "spec.holderIdentity", "me"); // it was written all the same
    set(scene, &scene->lose_answers, false);
    loop_run_until(scene->loop, scene->acquired == 1);
    assert_stored(scene, "spec.leaseTransitions", "0");
}

static void on_released(void *arg)
{
    *(bool *)arg = true;
}

static void test_lease_is_given_back(void **state)
{
    struct scene *scene = *state;
    begin(scene);
    loop_run_until(scene->loop, scene->acquired == 1);
    bool released = false;
    kube_lease_release(scene->lease, on_released, &released);
    loop_run_until(scene->loop, released);
    assert_stored(scene, "spec.holderIdentity", "");
    assert_stored(scene, "spec.leaseDurationSeconds", "1");
    assert_int_equal(scene->lost, 0);
    // One that is not held has nothing to give.
    kube_lease_free(scene->lease);
    give_to(scene, "other", 0);
    begin(scene);
    released = false;
    kube_lease_release(scene->lease, on_released, &released);
    loop_run_until(scene->loop, released);
    assert_stored(scene, "spec.holderIdentity", "other");
}

static void test_lease_may_be_freed_when_it_is_lost(void **state)
{
    struct scene *scene = *state;
    scene->free_when_lost = true;
    begin(scene);
    loop_run_until(scene->loop, scene->acquired == 1);
    set(scene, &scene->down, true);
    loop_run_until(scene->loop, scene->lost == 1);
    assert_null(scene->lease);
    loop_run_for(scene->loop, 100);
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lease_is_made_and_renewed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease_of_another_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease_is_lost_when_it_cannot_be_renewed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_lease_survives_lost_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease_is_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease_may_be_freed_when_it_is_lost, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
