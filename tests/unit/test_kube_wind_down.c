// The end of a process that shares its client between workers and a loop: when the loop turns no
// more, no worker waits for it, nor for a server that keeps silent.
#include "base/kube/kube_call.h"
#include "base/memory.h"

#include "fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop_steps.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct scene {
    struct fake_http *server;
    struct kube_client *client;
    struct loop *loop;
    struct kube_loop *kube;
    pthread_t worker;
    const char *wanted; // by the worker
    struct error error; // what came of it
};

// A name that is "silent" is answered long after every test is over.
static void handle(void *arg, struct fake_exchange *exchange)
{
    (void)arg;
    if (strstr(exchange->path, "/silent") != NULL)
        fake_pause(exchange, 60 * 1000);
    fake_kube_reply(exchange, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"}");
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    scene->server = fake_http_start(NULL, handle, scene);
    cleanup_free char *url = fake_http_url(scene->server, "");
    struct kube_config config = {.server = url};
    struct kube_client_options options = {.max_parallel = 1};
    assert_int_equal(kube_client_new(&config, &options, &scene->client, NULL), 0);
    assert_int_equal(loop_new(clock_system(), &scene->loop, NULL), 0);
    assert_int_equal(kube_loop_new(scene->client, scene->loop, &scene->kube, NULL), 0);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    kube_loop_free(scene->kube);
    loop_free(scene->loop);
    kube_client_free(scene->client);
    fake_http_stop(scene->server);
    error_release(&scene->error);
    free(scene);
    return 0;
}

static struct kube_ref config_map(const char *name)
{
    return (struct kube_ref){"", "v1", "configmaps", "shop", name, NULL};
}

static void ignore(void *arg, struct kube_result *result)
{
    (void)arg;
    (void)result;
}

// The only place in the window is the loop's from here on.
static void hold_window(struct scene *scene)
{
    const struct kube_request request = {.verb = KUBE_GET, .ref = config_map("silent")};
    kube_call_start(scene->kube, &request, ignore, NULL);
    loop_run_until(scene->loop, fake_http_requests(scene->server) > 0);
}

static void *work(void *arg)
{
    struct scene *scene = arg;
    const struct kube_ref ref = config_map(scene->wanted);
    json_t *object = NULL;
    if (kube_get(scene->client, &ref, &object, &scene->error) == 0)
        json_decref(object);
    return NULL;
}

// Starts the worker, and gives it the time to get into its wait.
static void ask_for(struct scene *scene, const char *name)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    scene->wanted = name;
    assert_int_equal(pthread_create(&scene->worker, NULL, work, scene), 0);
    nanosleep(&pause, NULL);
}

static void test_worker_does_not_wait_for_the_place_of_a_loop_that_stands(void **state)
{
    struct scene *scene = *state;
    hold_window(scene);
    ask_for(scene, "quick");
    kube_client_wind_down(scene->client, 60 * 1000);
    pthread_join(scene->worker, NULL);
    assert_int_equal(scene->error.code, ERROR_NONE);
}

static void test_worker_leaves_a_silent_server(void **state)
{
    struct scene *scene = *state;
    ask_for(scene, "silent");
    kube_client_wind_down(scene->client, 100);
    pthread_join(scene->worker, NULL);
    assert_int_equal(scene->error.code, ERROR_CANCELED);
}

static void test_worker_that_comes_later_leaves_too(void **state)
{
    struct scene *scene = *state;
    kube_client_wind_down(scene->client, 100);
    ask_for(scene, "silent");
    pthread_join(scene->worker, NULL);
    assert_int_equal(scene->error.code, ERROR_CANCELED);
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_worker_does_not_wait_for_the_place_of_a_loop_that_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker_leaves_a_silent_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker_that_comes_later_leaves_too, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
