#include "base/kube/kube_event.h"

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

struct scene {
    struct fake_http *server;
    struct kube_client *client;
    struct loop *loop;
    struct kube_loop *kube;
    struct kube_recorder *recorder;
    pthread_mutex_t lock; // of what follows
    unsigned created;
    unsigned patched;
    bool forgetful; // patches find nothing
    char *last;     // body
    char *last_path;
};

static void handle(void *arg, struct fake_exchange *exchange)
{
    struct scene *scene = arg;
    bool create = strcmp(exchange->method, "POST") == 0;
    pthread_mutex_lock(&scene->lock);
    scene->created += create;
    scene->patched += !create;
    bool gone = !create && scene->forgetful;
    free(scene->last);
    free(scene->last_path);
    scene->last = xstrdup(exchange->body);
    scene->last_path = xstrdup(exchange->path);
    pthread_mutex_unlock(&scene->lock);
    if (gone)
        fake_kube_refuse(exchange, 404, "NotFound", "no event", "");
    else
        fake_kube_reply(exchange, "{\"kind\":\"Event\"}");
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    pthread_mutex_init(&scene->lock, NULL);
    scene->server = fake_http_start(NULL, handle, scene);
    scene->client = fake_kube_client(scene->server);
    assert_int_equal(loop_new(clock_system(), &scene->loop, NULL), 0);
    assert_int_equal(kube_loop_new(scene->client, scene->loop, &scene->kube, NULL), 0);
    assert_int_equal(
        kube_recorder_new(scene->kube, "sealift.dev/packager", "pod-1", &scene->recorder, NULL), 0);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    kube_recorder_free(scene->recorder);
    kube_loop_free(scene->kube);
    loop_free(scene->loop);
    kube_client_free(scene->client);
    fake_http_stop(scene->server);
    free(scene->last);
    free(scene->last_path);
    pthread_mutex_destroy(&scene->lock);
    free(scene);
    return 0;
}

static void run_until_sent(struct scene *scene, unsigned created, unsigned patched)
{
    bool reached = false;
    for (int tries = 0; !reached && tries < 250; tries++) {
        loop_run_for(scene->loop, 20);
        pthread_mutex_lock(&scene->lock);
        reached = scene->created >= created && scene->patched >= patched;
        pthread_mutex_unlock(&scene->lock);
    }
    assert_int_equal(scene->created, created);
    assert_int_equal(scene->patched, patched);
}

static json_t *bundle(const char *name)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "apiVersion", "sealift.dev/v1alpha1", "kind",
                     "Bundle", "metadata", "name", name, "namespace", "shop", "uid", name);
}

static void test_event_has_all_that_the_api_requires(void **state)
{
    struct scene *scene = *state;
    cleanup_json json_t *object = bundle("web");
    char note[1200];
    memset(note, 'x', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    memcpy(note + 1023, "\xc3\xa4", 2); // a character over the edge
    kube_recorder_event(scene->recorder, object, KUBE_EVENT_WARNING, "Broken", NULL, note);
    run_until_sent(scene, 1, 0);
    assert_string_equal(scene->last_path, "/apis/events.k8s.io/v1/namespaces/shop/events");
    cleanup_json json_t *event = NULL;
    assert_int_equal(jval_parse_object(scene->last, strlen(scene->last), "event", &event, NULL), 0);
    assert_string_equal(jval_string(event, "reason"), "Broken");
    assert_string_equal(jval_string(event, "action"), "Broken");
    assert_string_equal(jval_string(event, "type"), "Warning");
    assert_string_equal(jval_string(event, "reportingController"), "sealift.dev/packager");
    assert_string_equal(jval_string(event, "reportingInstance"), "pod-1");
    assert_string_equal(jval_string(event, "regarding.kind"), "Bundle");
    assert_int_equal(strlen(jval_string(event, "note")), 1023);
    assert_memory_equal(jval_string(event, "metadata.name"), "web.", 4);
    assert_int_equal(strlen(jval_string(event, "eventTime")), 27);
}

static void test_event_that_comes_again_is_a_series(void **state)
{
    struct scene *scene = *state;
    cleanup_json json_t *object = bundle("web");
    for (int i = 0; i < 50; i++)
        kube_recorder_event(scene->recorder, object, KUBE_EVENT_NORMAL, "Said", "Say", "same");
    run_until_sent(scene, 1, 1);
    loop_run_for(scene->loop, 100);
    assert_int_equal(scene->created + scene->patched, 2);
    kube_recorder_event(scene->recorder, object, KUBE_EVENT_NORMAL, "Said", "Say", "other");
    run_until_sent(scene, 2, 1);
    // One that is gone is made again, with its count.
    pthread_mutex_lock(&scene->lock);
    scene->forgetful = true;
    pthread_mutex_unlock(&scene->lock);
    kube_recorder_event(scene->recorder, object, KUBE_EVENT_NORMAL, "Said", "Say", "other");
    run_until_sent(scene, 3, 2);
    assert_non_null(strstr(scene->last, "\"count\":2"));
}

static void test_event_flood_is_held_back(void **state)
{
    struct scene *scene = *state;
    cleanup_json json_t *object = bundle("web");
    for (int i = 0; i < 2000; i++) {
        cleanup_free char *note = xasprintf("number %d", i);
        kube_recorder_event(scene->recorder, object, KUBE_EVENT_NORMAL, "Said", "Say", note);
    }
    run_until_sent(scene, 25, 0);
    loop_run_for(scene->loop, 200);
    assert_int_equal(scene->created, 25);
}

static void *say_much(void *arg)
{
    struct scene *scene = arg;
    cleanup_json json_t *object = bundle("thread");
    for (int i = 0; i < 20; i++)
        kube_recorder_event(scene->recorder, object, KUBE_EVENT_NORMAL, "Said", "Say", "same");
    return NULL;
}

static void test_event_from_any_thread_until_the_end(void **state)
{
    struct scene *scene = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, say_much, scene), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    // What was not sent is dropped with the recorder.
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_event_has_all_that_the_api_requires, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event_that_comes_again_is_a_series, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event_flood_is_held_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event_from_any_thread_until_the_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
