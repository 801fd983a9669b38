#include "base/file.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"

#include "fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kube_ref WEB = {"apps", "v1", "deployments", "shop", "web", NULL};
static const struct kube_ref CONFIG_MAPS = {"", "v1", "configmaps", "shop", NULL, NULL};

struct scene {
    struct fake_http *server;
    struct kube_client *client;
    pthread_mutex_t lock;
    unsigned active;
    unsigned most_active;
    const char *token_file;
};

static void refuse_in_words(struct fake_exchange *exchange)
{
    fake_reply(exchange, "422 Unprocessable Entity", "Content-Type: application/json\r\n",
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","
               "\"message\":\"Deployment.apps \\\"web\\\" is invalid: spec.replicas: Invalid "
               "value: -1\",\"reason\":\"Invalid\",\"details\":{\"causes\":[{\"reason\":"
               "\"FieldValueInvalid\",\"message\":\"Invalid value: -1\",\"field\":"
               "\"spec.replicas\"}]},\"code\":422}");
}

// Two pages; the second one has expired when it is first asked for.
static void reply_pages(struct fake_exchange *exchange)
{
    if (strstr(exchange->path, "continue=") == NULL)
        fake_kube_reply(exchange, "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{"
                                  "\"continue\":\"x\"},\"items\":[{\"metadata\":{\"name\":"
                                  "\"a\"}}]}");
    else if (exchange->number == 2)
        fake_kube_refuse(exchange, 410, "Expired", "too old", "");
    else
        fake_kube_reply(exchange, "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{"
                                  "\"resourceVersion\":\"77\"},\"items\":[{\"metadata\":{\"name\":"
                                  "\"b\"}}]}");
}

static void reply_by_path(struct scene *scene, struct fake_exchange *exchange)
{
    const char *path = exchange->path;
    if (strstr(path, "/paged") != NULL) {
        reply_pages(exchange);
    } else if (strstr(path, "limit=500") != NULL) {
        cleanup_free char *large = xasprintf("{\"items\":[],\"x\":\"%02000d\"}", 7);
        fake_kube_reply(exchange, large);
    } else if (strstr(path, "/busy") != NULL && exchange->number < 3) {
        fake_kube_refuse(exchange, 429, "TooManyRequests", "later", "Retry-After: 1\r\n");
    } else if (strstr(path, "/tomorrow") != NULL) {
        fake_kube_refuse(exchange, 429, "TooManyRequests", "later", "Retry-After: 60\r\n");
    } else if (strstr(path, "/away") != NULL) {
        fake_reply(exchange, "503 Service Unavailable", "", "");
    } else if (strstr(path, "/html") != NULL) {
        fake_reply(exchange, "200 OK", "Content-Type: text/html\r\n", "<html>Log in</html>");
    } else if (strstr(path, "/proxy") != NULL) {
        fake_reply(exchange, "502 Bad Gateway", "Content-Type: text/html\r\n", "<b>Oops</b>");
    } else if (strstr(path, "/half") != NULL) {
        fake_reply(exchange, "200 OK", "", "{\"kind\":\"ConfigMap\",");
    } else if (strstr(path, "/cut") != NULL) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"kind\":");
        exchange->close = true;
    } else if (strstr(path, "/page") != NULL) {
        fake_reply(exchange, "404 Not Found", "", "<html>nothing here</html>");
    } else if (strstr(path, "/hook") != NULL) {
        fake_reply(exchange, "404 Not Found", "", "{\"error\":\"there is no Hook here\"}");
    } else if (strstr(path, "/go") != NULL) {
        fake_reply(exchange, "404 Not Found", "", "404 page not found\n");
    } else if (strstr(path, "/group") != NULL) {
        fake_reply(exchange, "404 Not Found", "Audit-Id: 1\r\n", "404 page not found\n");
    } else if (strstr(path, "/clash") != NULL) {
        fake_reply(exchange, "409 Conflict", "", "");
    } else if (strstr(path, "/json") != NULL) {
        fake_kube_reply(exchange, "{\"status\":\"ok\"}");
    } else if (strstr(path, "/hasty") != NULL) {
        fake_send_text(exchange, "HTTP/1.1 403 Forbidden\r\nContent-Length: 500\r\n\r\n{\"kind\":");
        exchange->close = true;
    } else if (strstr(path, "/invalid") != NULL) {
        refuse_in_words(exchange);
    } else if (strstr(path, "/typo") != NULL) {
        fake_kube_refuse(exchange, 500, "",
                         "failed to create typed patch object (shop/web): .spec.replica: field not "
                         "declared in schema",
                         "");
    } else if (strstr(path, "/absent") != NULL) {
        fake_kube_refuse(exchange, 404, "NotFound", "configmaps \\\"absent\\\" not found", "");
    } else if (strstr(path, "/denied") != NULL) {
        fake_kube_refuse(exchange, 403, "Forbidden", "User cannot get", "");
    } else if (strstr(path, "/warned") != NULL) {
        fake_reply(exchange, "200 OK",
                   "Warning: 299 - \"unknown field \\\"spec.x\\\"\"\r\n"
                   "Warning: 299 - \"unknown field \\\"spec.x\\\"\"\r\n",
                   "{\"kind\":\"ConfigMap\"}");
    } else if (strstr(path, "/renewed") != NULL) {
        if (strstr(exchange->head, "Bearer new") == NULL) {
            if (file_write_swap(scene->token_file, "new\n", 4, 0600, NULL) < 0)
                abort();
            fake_kube_refuse(exchange, 401, "Unauthorized", "Unauthorized", "");
        } else {
            fake_kube_reply(exchange, "{\"kind\":\"ConfigMap\"}");
        }
    } else {
        fake_kube_reply(exchange, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"}");
    }
}

static void handle(void *arg, struct fake_exchange *exchange)
{
    struct scene *scene = arg;
    pthread_mutex_lock(&scene->lock);
    if (++scene->active > scene->most_active)
        scene->most_active = scene->active;
    pthread_mutex_unlock(&scene->lock);
    if (strstr(exchange->path, "/slow") != NULL)
        fake_pause(exchange, 100);
    reply_by_path(scene, exchange);
    pthread_mutex_lock(&scene->lock);
    scene->active--;
    pthread_mutex_unlock(&scene->lock);
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    pthread_mutex_init(&scene->lock, NULL);
    scene->server = fake_http_start(NULL, handle, scene);
    scene->client = fake_kube_client(scene->server);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    kube_client_free(scene->client);
    fake_http_stop(scene->server);
    pthread_mutex_destroy(&scene->lock);
    free(scene);
    return 0;
}

static void assert_received(struct scene *scene, const char *text)
{
    cleanup_free char *received = fake_http_received(scene->server);
    if (strstr(received, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, received);
}

static void test_client_sends_what_the_api_defines(void **state)
{
    struct scene *scene = *state;
    cleanup_json json_t *object = json_pack("{s:s}", "kind", "Deployment");
    cleanup_vec struct vec groups = VEC_OF(char *, vec_release_string);
    vec_push_string(&groups, "dev");
    cleanup_json json_t *extra = json_pack("{s:[s]}", "acme.com/team", "a b");
    struct kube_impersonation as = {"jane", "u1", &groups, extra};
    const struct {
        struct kube_request request;
        const char *texts[5];
    } cases[] = {
        {{.verb = KUBE_APPLY,
          .ref = WEB,
          .object = object,
          .force = true,
          .field_validation = "Strict",
          .as = &as},
         {"PATCH /apis/apps/v1/namespaces/shop/deployments/"
          "web?force=true&fieldManager=sealift&fieldValidation=Strict HTTP",
          "Content-Type: application/apply-patch+yaml", "Impersonate-User: jane",
          "Impersonate-Group: dev", "Impersonate-Extra-acme.com%2Fteam: a b"}},
        {{.verb = KUBE_DELETE,
          .ref = WEB,
          .propagation = "Background",
          .if_uid = "u-1",
          .dry_run = true},
         {"DELETE /apis/apps/v1/namespaces/shop/deployments/web HTTP",
          "\"propagationPolicy\":\"Background\"", "\"preconditions\":{\"uid\":\"u-1\"}",
          "Authorization: Bearer secret", "\"dryRun\":[\"All\"]"}},
        {{.verb = KUBE_LIST,
          .ref = CONFIG_MAPS,
          .limit = 7,
          .label_selector = "a=b,c",
          .accept = KUBE_METADATA},
         {"GET /api/v1/namespaces/shop/configmaps?limit=7&labelSelector=a%3Db%2Cc HTTP",
          "as=PartialObjectMetadataList"}},
        {{.verb = KUBE_MERGE,
          .ref = {"sealift.dev", "v1alpha1", "syncs", "a", "b", "status"},
          .bytes = "{\"x\":1}",
          .size = 7,
          .field_manager = "me"},
         {"PATCH /apis/sealift.dev/v1alpha1/namespaces/a/syncs/b/status?fieldManager=me HTTP",
          "Content-Type: application/merge-patch+json", "{\"x\":1}"}},
        {{.verb = KUBE_GET,
          .ref = {"rbac.authorization.k8s.io", "v1", "clusterroles", "", "system:x/y", ""}},
         {"GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax%2Fy HTTP"}},
        {{.verb = KUBE_GET, .path = "/version"}, {"GET /version HTTP"}},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        if (kube_do(scene->client, &cases[i].request, NULL, &err) < 0)
            fail_msg("%s", err.message);
        for (size_t j = 0; j < ARRAY_LENGTH(cases[i].texts) && cases[i].texts[j] != NULL; j++)
            assert_received(scene, cases[i].texts[j]);
    }
}

static void test_client_tells_what_an_answer_means(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *name;
        int http_status;
        enum error_code code;
        const char *reason;
        const char *message;
    } cases[] = {
        {"invalid", 422, ERROR_INVALID, "Invalid", "spec.replicas: Invalid value: -1"},
        {"typo", 500, ERROR_INVALID, "", ".spec.replica: field not declared"},
        {"absent", 404, ERROR_NOT_FOUND, "NotFound", "configmaps \"absent\" not found"},
        {"denied", 403, ERROR_DENIED, "Forbidden", "cannot get"},
        {"away", 503, ERROR_UNAVAILABLE, "", "HTTP 503 for configmaps shop/away"},
        {"html", 200, ERROR_UNAVAILABLE, "", "is this the address of an API server?"},
        {"proxy", 502, ERROR_UNAVAILABLE, "", "<b>Oops</b>"},
        {"half", 200, ERROR_UNAVAILABLE, "", "is this the address of an API server?"},
        {"page", 0, ERROR_UNAVAILABLE, "", "HTTP 404 for configmaps shop/page, with \"<html>"},
        {"hook", 0, ERROR_UNAVAILABLE, "", "with \"{\"error\":\"there is no Hook here\"}\""},
        {"go", 0, ERROR_UNAVAILABLE, "", "does not answer as a Kubernetes API server does"},
        {"group", 404, ERROR_NOT_FOUND, "", "could not find the requested resource"},
        {"clash", 0, ERROR_UNAVAILABLE, "", "HTTP 409"},
        {"json", 200, ERROR_UNAVAILABLE, "", "with \"{\"status\":\"ok\"}\""},
        {"hasty", 403, ERROR_DENIED, "", "HTTP 403 for configmaps shop/hasty"},
        {"cut", 0, ERROR_UNAVAILABLE, "", "in the middle of its answer"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct kube_ref ref = CONFIG_MAPS;
        ref.name = cases[i].name;
        struct kube_request request = {.verb = KUBE_GET, .ref = ref};
        cleanup_kube_result struct kube_result result = {0};
        kube_send(scene->client, &request, &result);
        assert_int_equal(result.http_status, cases[i].http_status);
        assert_int_equal(result.error.code, cases[i].code);
        assert_string_equal(kube_result_reason(&result), cases[i].reason);
        if (strstr(error_message(&result.error), cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].name, result.error.message);
        if (result.http_status == 422) {
            assert_true(kube_result_has_cause(&result, "FieldValueInvalid"));
            assert_int_equal(json_array_size(kube_result_causes(&result)), 1);
        }
    }
}

static void test_client_can_leave_values_out(void **state)
{
    (void)state;
    static const struct {
        enum error_code code;
        const char *message;
        const char *field; // of a cause
        const char *kept;
    } cases[] = {
        {ERROR_INVALID,
         "failed to create typed patch object (shop/a; /v1, Kind=Secret): .data.pin: expected "
         "string, got &{4711}",
         NULL,
         "refuses it: failed to create typed patch object (shop/a; /v1, Kind=Secret): "
         ".data.pin: expected string (the rest"},
        {ERROR_INVALID, "Secret \"a\" is invalid: data[b]: Invalid value: \"4711\"", "data[b]",
         "refuses it: data[b] (the rest"},
        {ERROR_INVALID, "cannot be handled: 4711", NULL, "refuses it (the rest"},
        {ERROR_DENIED, "secrets \"a\" is forbidden", NULL, "secrets \"a\" is forbidden"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_kube_result struct kube_result result = {0};
        error_set(&result.error, cases[i].code, "%s", cases[i].message);
        if (cases[i].field != NULL)
            result.status =
                json_pack("{s:{s:[{s:s}]}}", "details", "causes", "field", cases[i].field);
        kube_result_hide_values(&result);
        assert_int_equal(result.error.code, cases[i].code);
        assert_null(strstr(result.error.message, "4711"));
        assert_non_null(strstr(result.error.message, cases[i].kept));
    }
}

static void test_client_hands_on_warnings_once(void **state)
{
    struct scene *scene = *state;
    struct kube_ref ref = CONFIG_MAPS;
    ref.name = "warned";
    struct kube_request request = {.verb = KUBE_GET, .ref = ref};
    cleanup_kube_result struct kube_result result = {0};
    kube_send(scene->client, &request, &result);
    assert_int_equal(result.warnings.len, 1);
    assert_string_equal(*(char **)vec_at(&result.warnings, 0), "unknown field \"spec.x\"");
}

static void test_client_waits_when_the_server_asks_for_it(void **state)
{
    struct scene *scene = *state;
    struct kube_ref ref = CONFIG_MAPS;
    ref.name = "busy";
    struct kube_request request = {.verb = KUBE_CREATE, .ref = ref};
    cleanup_error struct error err = {0};
    int64_t start = clock_mono_ms(clock_system());
    assert_int_equal(kube_do(scene->client, &request, NULL, &err), 0);
    assert_in_range(clock_mono_ms(clock_system()) - start, 2000, 10000);
    assert_int_equal(fake_http_requests(scene->server), 3);
}

static void test_client_returns_at_once_when_a_wait_passes_the_deadline(void **state)
{
    struct scene *scene = *state;
    struct kube_ref ref = CONFIG_MAPS;
    ref.name = "tomorrow";
    struct kube_request request = {.verb = KUBE_GET, .ref = ref, .deadline_ms = 30 * 1000};
    cleanup_error struct error err = {0};
    assert_int_equal(kube_do(scene->client, &request, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    assert_int_equal(err.retry_after_ms, 60 * 1000);
    assert_int_equal(fake_http_requests(scene->server), 1);
}

static void test_client_repeats_only_what_does_no_harm(void **state)
{
    struct scene *scene = *state;
    struct kube_ref ref = CONFIG_MAPS;
    ref.name = "cut";
    struct kube_request create = {.verb = KUBE_CREATE, .ref = ref};
    assert_int_equal(kube_do(scene->client, &create, NULL, NULL), -1);
    assert_int_equal(fake_http_requests(scene->server), 1);
    struct kube_request apply = {.verb = KUBE_APPLY, .ref = ref, .force = true};
    assert_int_equal(kube_do(scene->client, &apply, NULL, NULL), -1);
    assert_int_equal(fake_http_requests(scene->server), 4);
}

static void test_client_reads_the_token_again_after_401(void **state)
{
    struct scene *scene = *state;
    cleanup_free char *folder = NULL;
    assert_int_equal(file_make_temp_dir("kube-", &folder, NULL), 0);
    cleanup_free char *token_file = path_join(folder, "token");
    scene->token_file = token_file;
    assert_int_equal(file_write_swap(token_file, "old\n", 4, 0600, NULL), 0);
    cleanup_free char *url = fake_http_url(scene->server, "");
    struct kube_config config = {.server = url, .token_file = token_file};
    cleanup_kube_client struct kube_client *client = NULL;
    assert_int_equal(kube_client_new(&config, NULL, &client, NULL), 0);
    struct kube_ref ref = CONFIG_MAPS;
    ref.name = "renewed";
    cleanup_json json_t *object = NULL;
    cleanup_error struct error err = {0};
    if (kube_get(client, &ref, &object, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(fake_http_requests(scene->server), 2);
    // One that cannot change is told about.
    assert_int_equal(kube_get(scene->client, &ref, &object, &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    assert_non_null(strstr(err.message, "does not accept"));
    assert_int_equal(file_remove_tree(folder, NULL), 0);
}

static void test_client_lists_page_by_page(void **state)
{
    struct scene *scene = *state;
    struct kube_request request = {.ref = {"", "v1", "configmaps", "paged", NULL, NULL},
                                   .limit = 1};
    cleanup_json json_t *items = NULL;
    cleanup_error struct error err = {0};
    if (kube_list(scene->client, &request, &items, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(json_array_size(items), 2); // what came before the restart is not there twice
    assert_string_equal(jval_string(json_array_get(items, 0), "metadata.name"), "a");
    assert_string_equal(jval_string(json_array_get(items, 1), "kind"), "ConfigMap");
    assert_int_equal(fake_http_requests(scene->server), 4);
    // Pages that are too large are asked for in smaller ones.
    request = (struct kube_request){.ref = CONFIG_MAPS, .max_body_bytes = 1000};
    assert_int_equal(kube_list(scene->client, &request, &items, &err), -1);
    assert_received(scene, "limit=500");
    assert_received(scene, "limit=125");
    assert_non_null(strstr(err.message, "without items"));
}

static void count(void *arg, size_t index)
{
    (void)index;
    (*(size_t *)arg)++;
}

static void test_client_keeps_many_requests_within_the_window(void **state)
{
    struct scene *scene = *state;
    enum { N = 120 };
    struct kube_request requests[N];
    struct kube_result results[N];
    for (size_t i = 0; i < N; i++) {
        requests[i] = (struct kube_request){.verb = KUBE_GET, .ref = CONFIG_MAPS};
        requests[i].ref.name = i % 40 == 3 ? "absent" : i < 20 ? "slow" : "quick";
    }
    size_t done = 0;
    kube_do_all(scene->client, requests, N, results, count, &done);
    assert_int_equal(done, N);
    assert_in_range(scene->most_active, 10, 64);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(results[i].error.code, i % 40 == 3 ? ERROR_NOT_FOUND : ERROR_NONE);
        kube_result_release(&results[i]);
    }
    kube_do_all(scene->client, requests, 0, results, count, &done);
    assert_int_equal(done, N);
}

struct worker {
    struct scene *scene;
    pthread_t thread;
    size_t done;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    enum { N = 40 };
    struct kube_request requests[N];
    struct kube_result results[N];
    for (size_t i = 0; i < N; i++) {
        requests[i] = (struct kube_request){.verb = KUBE_GET, .ref = CONFIG_MAPS};
        requests[i].ref.name = "quick";
    }
    kube_do_all(worker->scene->client, requests, N, results, count, &worker->done);
    for (size_t i = 0; i < N; i++) {
        worker->done += results[i].error.code == ERROR_NONE;
        kube_result_release(&results[i]);
    }
    return NULL;
}

static void test_client_shares_the_window_between_threads(void **state)
{
    struct scene *scene = *state;
    struct worker workers[6] = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(workers); i++) {
        workers[i].scene = scene;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(workers); i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].done, 80);
    }
    assert_in_range(scene->most_active, 1, 64);
    kube_client_trim(scene->client);
}

static void *cancel_soon(void *arg)
{
    struct timespec delay = {.tv_nsec = 30 * 1000 * 1000};
    nanosleep(&delay, NULL);
    cancel_request(arg);
    return NULL;
}

static void test_client_stops_when_asked_to(void **state)
{
    struct scene *scene = *state;
    enum { N = 80 };
    struct cancel cancel;
    cancel_init(&cancel);
    struct kube_request requests[N];
    struct kube_result results[N];
    for (size_t i = 0; i < N; i++) {
        requests[i] =
            (struct kube_request){.verb = KUBE_GET, .ref = CONFIG_MAPS, .cancel = &cancel};
        requests[i].ref.name = "slow";
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
    kube_do_all(scene->client, requests, N, results, NULL, NULL);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(results[i].error.code, ERROR_CANCELED);
        kube_result_release(&results[i]);
    }
    cancel_release(&cancel);
}

static void test_client_needs_an_address(void **state)
{
    (void)state;
    static const char *const servers[] = {"nonsense", "ftp://x", "https://u:p@x", "https://x?y=z"};
    for (size_t i = 0; i < ARRAY_LENGTH(servers); i++) {
        struct kube_config config = {.server = xstrdup(servers[i])};
        struct kube_client *client = NULL;
        cleanup_error struct error err = {0};
        assert_int_equal(kube_client_new(&config, NULL, &client, &err), -1);
        assert_int_equal(err.code, ERROR_INVALID);
        free(config.server);
    }
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_client_sends_what_the_api_defines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_tells_what_an_answer_means, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_can_leave_values_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_hands_on_warnings_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_waits_when_the_server_asks_for_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_client_returns_at_once_when_a_wait_passes_the_deadline,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_repeats_only_what_does_no_harm, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_client_reads_the_token_again_after_401, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_client_lists_page_by_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_keeps_many_requests_within_the_window, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_client_shares_the_window_between_threads, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_client_stops_when_asked_to, setup, teardown),
        cmocka_unit_test(test_client_needs_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
