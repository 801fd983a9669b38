// Many requests at once: never more than was allowed, and all of them answered.
#include "base/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "fake_http.h"

#include <stdatomic.h>

enum { REQUESTS = 24, HOLD_MS = 20 };

struct gauge {
    atomic_uint now;
    atomic_uint most;
};

static void hold(void *arg, struct fake_exchange *exchange)
{
    struct gauge *gauge = arg;
    unsigned now = atomic_fetch_add(&gauge->now, 1) + 1;
    unsigned most = atomic_load(&gauge->most);
    while (now > most && !atomic_compare_exchange_weak(&gauge->most, &most, now))
        continue;
    fake_pause(exchange, HOLD_MS);
    atomic_fetch_sub(&gauge->now, 1);
    fake_reply(exchange, "200 OK", "", "held");
}

static void test_parallel_requests_are_bounded(void **state)
{
    (void)state;
    static const unsigned limits[] = {1, 3, 8};
    for (size_t i = 0; i < ARRAY_LENGTH(limits); i++) {
        struct gauge gauge;
        atomic_init(&gauge.now, 0);
        atomic_init(&gauge.most, 0);
        cleanup_fake_http struct fake_http *server = fake_http_start(NULL, hold, &gauge);
        cleanup_http_client struct http_client *client = http_client_new();
        cleanup_free char *url = fake_http_url(server, "/");
        struct http_request requests[REQUESTS];
        struct http_result results[REQUESTS] = {0};
        for (size_t k = 0; k < REQUESTS; k++)
            requests[k] = (struct http_request){.method = "GET", .url = url};
        http_do_all(client, requests, REQUESTS, limits[i], results, NULL, NULL);
        for (size_t k = 0; k < REQUESTS; k++) {
            assert_int_equal(results[k].error.code, ERROR_NONE);
            assert_int_equal(results[k].response.status, 200);
            http_result_release(&results[k]);
        }
        assert_true(atomic_load(&gauge.most) <= limits[i]);
        assert_true(atomic_load(&gauge.most) > 0);
        // Each of them is used again.
        assert_true(fake_http_connections(server) <= limits[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parallel_requests_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
