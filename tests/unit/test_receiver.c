// The receiver over the real HTTP server and the real store on files, with a store in between that
// fails on request.
#include "receiver/receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/condition.h"
#include "api/object.h"
#include "api/store_files.h"
#include "api/store_internal.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/vec.h"
#include "receiver/route.h"

#define TOKEN "0123456789abcdef"
#define HOOK                                                                                    \
    "apiVersion: sealift.dev/v1alpha1\nkind: Hook\nmetadata: {name: github, namespace: shop}\n" \
    "spec:\n  provider: github\n  secretRef: {name: hook}\n"                                    \
    "  resources: [{kind: Bundle, name: shop}]\n"
#define SECRET(token)                                                                             \
    "apiVersion: v1\nkind: Secret\nmetadata: {name: hook, namespace: shop}\nstringData: {token: " \
    "\"" token "\"}\n"
#define PUSH(ref)                                                                             \
    "{\"ref\":\"refs/heads/" ref "\",\"after\":\"6113728f27ae82c7b1a177c8d03f9e96e0adf246\"," \
    "\"repository\":{\"clone_url\":\"https://git.example.com/acme/config.git\"}}"

struct faulty_store {
    struct store base;
    struct store *real;
    pthread_mutex_t lock;
    bool held; // writes wait
    int fail;  // so many writes fail
    enum error_code code;
    int writes; // that were tried
};

static struct store *real_of(struct store *store)
{
    return ((struct faulty_store *)(void *)store)->real;
}

static int faulty_get(struct store *store, const char *kind, const char *namespace,
                      const char *name, json_t **ret_object, struct error *err)
{
    return store_get(real_of(store), kind, namespace, name, ret_object, err);
}

static int faulty_secret(struct store *store, const char *namespace, const char *name,
                         struct secret_data **ret_secret, struct error *err)
{
    return store_secret(real_of(store), namespace, name, ret_secret, err);
}

static int faulty_put_status(struct store *store, const json_t *object, const json_t *status,
                             json_t **ret_new, struct error *err)
{
    struct faulty_store *faulty = (struct faulty_store *)(void *)store;
    pthread_mutex_lock(&faulty->lock);
    faulty->writes++;
    enum error_code code = faulty->fail > 0 ? faulty->code : ERROR_NONE;
    faulty->fail -= faulty->fail > 0;
    while (faulty->held) {
        pthread_mutex_unlock(&faulty->lock);
        usleep(1000);
        pthread_mutex_lock(&faulty->lock);
    }
    pthread_mutex_unlock(&faulty->lock);
    if (code != ERROR_NONE)
        return error_set(err, code, "the test says no");
    return store_put_status(faulty->real, object, status, ret_new, err);
}

static int faulty_watch(struct store *store, struct loop *loop, const char *kind,
                        const struct store_watch_events *events, void *arg,
                        struct store_watch **ret_watch, struct error *err)
{
    return store_watch(real_of(store), loop, kind, events, arg, ret_watch, err);
}

static const struct store_ops faulty_ops = {.get = faulty_get,
                                            .secret = faulty_secret,
                                            .put_status = faulty_put_status,
                                            .watch = faulty_watch};

struct fixture {
    struct fake_clock clock;
    char *dir;
    char *config;
    struct loop *loop;
    struct faulty_store store;
    struct pool *pool;
    struct metrics *metrics;
    struct receiver *receiver;
    struct http_server *server;
    char path[HOOK_PATH_SIZE];
};

static void open_all(struct fixture *fixture)
{
    cleanup_free char *state = path_join(fixture->dir, "state");
    struct store_files_options files = {
        .config_dir = fixture->config, .state_dir = state, .clock = &fixture->clock.clock};
    struct receiver_options options = {.on_files = true};
    struct http_server_options http = {.address = "127.0.0.1", .max_body_bytes = 100000};
    cleanup_error struct error err = {0};
    fixture->store.base.ops = &faulty_ops;
    fixture->metrics = metrics_new();
    if (loop_new(&fixture->clock.clock, &fixture->loop, &err) < 0 ||
        store_files_open(&files, &fixture->store.real, &err) < 0 ||
        pool_new(fixture->loop, 2, 100, &fixture->pool, &err) < 0 ||
        receiver_new(fixture->loop, &fixture->store.base, fixture->pool, fixture->metrics, &options,
                     &fixture->receiver, &err) < 0 ||
        http_server_new(fixture->loop, &http, receiver_events(), fixture->receiver,
                        &fixture->server, &err) < 0)
        fail_msg("%s", error_message(&err));
}

static void close_all(struct fixture *fixture)
{
    pool_free(fixture->pool);
    http_server_free(fixture->server);
    receiver_free(fixture->receiver);
    store_free(fixture->store.real);
    metrics_free(fixture->metrics);
    loop_free(fixture->loop);
}

static void turn(struct fixture *fixture)
{
    loop_run_once(fixture->loop);
    usleep(1000);
}

static void write_config(const struct fixture *fixture, const char *name, const char *text)
{
    cleanup_free char *path = path_join(fixture->config, name);
    assert_int_equal(file_write_swap(path, text, strlen(text), 0644, NULL), 0);
}

static int writes_of(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->store.lock);
    int writes = fixture->store.writes;
    pthread_mutex_unlock(&fixture->store.lock);
    return writes;
}

static void set_held(struct fixture *fixture, bool held)
{
    pthread_mutex_lock(&fixture->store.lock);
    fixture->store.held = held;
    pthread_mutex_unlock(&fixture->store.lock);
}

static void wait_ready(struct fixture *fixture)
{
    for (int i = 0; i < 5000; i++) {
        if (receiver_ready(fixture->receiver, NULL) && pool_pending(fixture->pool) == 0)
            return;
        turn(fixture);
    }
    fail_msg("the receiver does not get ready");
}

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    *state = fixture;
    fake_clock_init(&fixture->clock, 1768000000000);
    log_configure(LOG_LEVEL_ERROR + 1, STDERR_FILENO, NULL);
    pthread_mutex_init(&fixture->store.lock, NULL);
    assert_int_equal(file_make_temp_dir("receiver", &fixture->dir, NULL), 0);
    fixture->config = path_join(fixture->dir, "config");
    assert_int_equal(file_make_dirs(fixture->config, NULL), 0);
    write_config(fixture, "hook.yaml", HOOK);
    write_config(fixture, "secret.yaml", SECRET(TOKEN));
    hook_path(TOKEN, strlen(TOKEN), "shop", "github", fixture->path);
    open_all(fixture);
    wait_ready(fixture);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    close_all(fixture);
    assert_int_equal(file_remove_tree(fixture->dir, NULL), 0);
    pthread_mutex_destroy(&fixture->store.lock);
    free(fixture->config);
    free(fixture->dir);
    free(fixture);
    return 0;
}

static json_t *hook_object(struct fixture *fixture)
{
    json_t *object = NULL;
    assert_int_equal(store_get(fixture->store.real, "Hook", "shop", "github", &object, NULL), 0);
    return object;
}

static int connect_to(const struct fixture *fixture)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(fixture->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

struct post {
    const char *method; // NULL = POST
    const char *path;   // NULL = the Hook's
    const char *event;  // NULL = push
    const char *id;
    const char *body;
    const char *token; // NULL = the right one
};

static int send_post(const struct fixture *fixture, const struct post *post)
{
    const char *token = post->token != NULL ? post->token : TOKEN;
    unsigned char mac[SHA256_SIZE];
    hmac_sha256(token, strlen(token), post->body, strlen(post->body), mac);
    cleanup_free char *hex = hex_encode(mac, sizeof mac);
    cleanup_free char *request = xasprintf(
        "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n"
        "X-GitHub-Event: %s\r\nX-GitHub-Delivery: %s\r\nX-Hub-Signature-256: sha256=%s\r\n\r\n%s",
        post->method != NULL ? post->method : "POST",
        post->path != NULL ? post->path : fixture->path, strlen(post->body),
        post->event != NULL ? post->event : "push", post->id, hex, post->body);
    int fd = connect_to(fixture);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

static char *read_answer(struct fixture *fixture, int fd)
{
    struct strbuf got;
    strbuf_init(&got, 100000);
    for (int i = 0; i < 5000; i++) {
        char buffer[4096];
        turn(fixture);
        ssize_t size = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (size > 0)
            strbuf_add(&got, buffer, (size_t)size);
        else if (size == 0 || errno != EAGAIN)
            break;
    }
    close(fd);
    return strbuf_steal(&got);
}

static void expect(struct fixture *fixture, const struct post *post, const char *wanted)
{
    cleanup_free char *got = read_answer(fixture, send_post(fixture, post));
    if (strstr(got, wanted) == NULL)
        fail_msg("wanted \"%s\", got \"%s\"", wanted, got);
}

static void test_receiver_tells_path_and_state(void **state)
{
    struct fixture *fixture = *state;
    cleanup_json json_t *hook = hook_object(fixture);
    assert_string_equal(object_status_string(hook, "path"), fixture->path);
    assert_int_equal(condition_state(hook, "Ready"), CONDITION_TRUE);
    assert_int_equal(jval_int(object_status(hook, ""), "observedGeneration", 0),
                     object_generation(hook));
}

static void test_receiver_records_a_push_before_it_answers(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "HTTP/1.1 202 Accepted");
    cleanup_json json_t *hook = hook_object(fixture);
    const json_t *entry = json_array_get(jval_array(object_status(hook, ""), "pending"), 0);
    cleanup_free char *text = jval_compact(entry);
    assert_string_equal(text, "{\"repository\":\"git.example.com/acme/config\","
                              "\"ref\":\"refs/heads/main\","
                              "\"commit\":\"6113728f27ae82c7b1a177c8d03f9e96e0adf246\","
                              "\"delivery\":\"one\",\"sequence\":1,"
                              "\"receivedAt\":\"2026-01-09T23:06:40.000Z\"}");
    assert_string_equal(object_status_string(hook, "lastDelivery.id"), "one");
    assert_string_equal(object_status_string(hook, "lastDelivery.result"), "accepted");
}

static void test_receiver_changes_nothing_for_what_it_does_not_want(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "202 ");
    cleanup_json json_t *before = hook_object(fixture);
    static char big[150000];
    memset(big, 'x', sizeof big - 1);
    static const struct {
        struct post post;
        const char *wanted;
    } rows[] = {
        {{.id = "one", .body = PUSH("main")}, "200 OK"},
        {{.id = "one", .body = PUSH("main")}, "\"result\":\"replayed\""},
        {{.id = "2", .event = "ping", .body = "{}"}, "200 OK"},
        {{.id = "2", .event = "issues", .body = "{}"}, "\"result\":\"ignored\""},
        {{.id = "2", .body = "{\"ref\":\"refs/heads/x\",\"deleted\":true}"}, "200 OK"},
        {{.id = "2", .body = PUSH("main"), .token = "fedcba9876543210"}, "401 Unauthorized"},
        {{.id = "2", .body = "[]"}, "400 Bad Request"},
        {{.id = "2", .body = "x", .path = "/hook/0011"}, "404 Not Found"},
        {{.id = "2", .body = "x", .path = "/"}, "404 Not Found"},
        {{.id = "2", .body = "x", .method = "PUT"}, "405 Method Not Allowed"},
        {{.id = "2", .body = "x", .method = "PUT"}, "Allow: POST\r\n"},
        {{.id = "2", .body = big}, "413 Content Too Large"},
        {{.id = "2", .body = big, .path = "/hook/0011"}, "404 Not Found"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        expect(fixture, &rows[i].post, rows[i].wanted);
    cleanup_json json_t *after = hook_object(fixture);
    assert_string_equal(object_resource_version(before), object_resource_version(after));
}

static void test_receiver_shares_one_write(void **state)
{
    struct fixture *fixture = *state;
    set_held(fixture, true);
    int before = writes_of(fixture);
    int fds[21];
    fds[0] = send_post(fixture, &(struct post){.id = "first", .body = PUSH("main")});
    for (int i = 0; i < 1000 && writes_of(fixture) == before; i++)
        turn(fixture);
    for (int i = 1; i < 21; i++) {
        char id[20];
        snprintf(id, sizeof id, "id-%d", i);
        fds[i] = send_post(
            fixture, &(struct post){.id = id, .body = i % 2 == 0 ? PUSH("main") : PUSH("dev")});
    }
    for (int i = 0; i < 50; i++)
        turn(fixture);
    set_held(fixture, false);
    for (int i = 0; i < 21; i++) {
        cleanup_free char *got = read_answer(fixture, fds[i]);
        assert_non_null(strstr(got, "202 Accepted"));
    }
    assert_int_equal(writes_of(fixture) - before, 2);
    cleanup_json json_t *hook = hook_object(fixture);
    const json_t *pending = jval_array(object_status(hook, ""), "pending");
    assert_int_equal(json_array_size(pending), 2);
    assert_int_equal(jval_int(json_array_get(pending, 1), "sequence", 0), 21);
}

static void test_receiver_writes_again_after_a_conflict(void **state)
{
    struct fixture *fixture = *state;
    // Another replica records a delivery that this one has not seen.
    cleanup_json json_t *hook = hook_object(fixture);
    cleanup_json json_t *status = json_deep_copy(json_object_get(hook, "status"));
    jval_set(status, "pending",
             json_pack("[{s:s,s:I,s:s}]", "ref", "refs/heads/other", "sequence", (json_int_t)5,
                       "receivedAt", "2026-01-09T23:06:40Z"));
    assert_int_equal(store_put_status(fixture->store.real, hook, status, NULL, NULL), 0);
    fixture->store.fail = 2;
    fixture->store.code = ERROR_CONFLICT;
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "202 ");
    cleanup_json json_t *after = hook_object(fixture);
    const json_t *pending = jval_array(object_status(after, ""), "pending");
    assert_int_equal(json_array_size(pending), 2);
    assert_string_equal(jval_string(json_array_get(pending, 0), "ref"), "refs/heads/other");
    assert_int_equal(jval_int(json_array_get(pending, 1), "sequence", 0), 6);
}

static void test_receiver_promises_nothing_it_could_not_record(void **state)
{
    struct fixture *fixture = *state;
    fixture->store.fail = 1;
    fixture->store.code = ERROR_UNAVAILABLE;
    cleanup_free char *got =
        read_answer(fixture, send_post(fixture, &(struct post){.id = "one", .body = PUSH("main")}));
    assert_non_null(strstr(got, "HTTP/1.1 503 "));
    assert_non_null(strstr(got, "Retry-After: "));
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "202 ");
}

static void test_receiver_remembers_over_a_restart(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "202 ");
    expect(fixture, &(struct post){.id = "two", .body = PUSH("dev")}, "202 ");
    close_all(fixture);
    open_all(fixture);
    wait_ready(fixture);
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "replayed");
    expect(fixture, &(struct post){.id = "two", .body = PUSH("dev")}, "replayed");
}

// A write that is durable is not yet known to the loop.
static void wait_rest(struct fixture *fixture)
{
    for (int i = 0; i < 5000 && pool_pending(fixture->pool) > 0; i++)
        turn(fixture);
}

static void wait_reason(struct fixture *fixture, const char *reason)
{
    for (int i = 0; i < 5000; i++) {
        // The refresh timer and the store's own both go by the fake clock.
        fake_clock_advance(&fixture->clock, 50);
        turn(fixture);
        cleanup_json json_t *hook = NULL;
        if (store_get(fixture->store.real, "Hook", "shop", "github", &hook, NULL) == 0 &&
            strcmp(condition_reason(hook, "Ready"), reason) == 0) {
            wait_rest(fixture);
            return;
        }
    }
    fail_msg("the Hook never says %s", reason);
}

static void test_receiver_says_which_token_it_needs(void **state)
{
    struct fixture *fixture = *state;
    write_config(fixture, "secret.yaml", SECRET("short"));
    wait_reason(fixture, "TokenTooShort");
    cleanup_json json_t *hook = hook_object(fixture);
    assert_int_equal(condition_state(hook, "Stalled"), CONDITION_TRUE);
    assert_non_null(strstr(condition_message(hook, "Ready"), "openssl rand -hex 32"));
    assert_null(object_status_string(hook, "path"));
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "404 ");
    write_config(fixture, "secret.yaml", SECRET(TOKEN));
    wait_reason(fixture, "Listening");
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "202 ");
}

static void test_receiver_says_that_the_secret_is_missing(void **state)
{
    struct fixture *fixture = *state;
    static const char hook[] =
        "apiVersion: sealift.dev/v1alpha1\nkind: Hook\nmetadata: {name: github, namespace: shop}\n"
        "spec:\n  provider: github\n  secretRef: {name: other}\n"
        "  resources: [{kind: Bundle, name: shop}]\n";
    write_config(fixture, "hook.yaml", hook);
    wait_reason(fixture, "SecretMissing");
    cleanup_json json_t *object = hook_object(fixture);
    assert_non_null(strstr(condition_message(object, "Ready"), "Secret shop/other"));
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "404 ");
}

static void test_receiver_forgets_a_deleted_hook(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "202 ");
    assert_int_equal(store_delete(fixture->store.real, "Hook", "shop", "github", NULL), 0);
    for (int i = 0; i < 100; i++)
        turn(fixture);
    expect(fixture, &(struct post){.id = "two", .body = PUSH("main")}, "404 ");
    assert_true(receiver_ready(fixture->receiver, NULL));
}

static void test_receiver_counts(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "202 ");
    expect(fixture, &(struct post){.id = "two", .body = PUSH("main"), .token = "fedcba9876543210"},
           "401 ");
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 100000);
    assert_int_equal(metrics_render(fixture->metrics, &text), 0);
    static const char *const wanted[] = {
        "sealift_hook_requests_total{provider=\"github\",result=\"accepted\"} 1\n",
        "sealift_hook_requests_total{provider=\"github\",result=\"unauthorized\"} 1\n",
        "sealift_hook_request_duration_seconds_count{provider=\"github\"} 2\n",
        "sealift_hook_pending{namespace=\"shop\",name=\"github\"} 1\n"};
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++)
        assert_non_null(strstr(text.data, wanted[i]));
}

static void test_receiver_drops_what_is_older_than_an_hour(void **state)
{
    struct fixture *fixture = *state;
    expect(fixture, &(struct post){.id = "one", .body = PUSH("main")}, "202 ");
    fake_clock_advance(&fixture->clock, 61 * 60 * 1000);
    for (int i = 0; i < 5000; i++) {
        turn(fixture);
        cleanup_json json_t *hook = hook_object(fixture);
        if (jval_int(object_status(hook, ""), "droppedThrough", 0) == 1)
            return;
    }
    fail_msg("the entry stays");
}

#define RECEIVER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        RECEIVER_TEST(test_receiver_tells_path_and_state),
        RECEIVER_TEST(test_receiver_records_a_push_before_it_answers),
        RECEIVER_TEST(test_receiver_changes_nothing_for_what_it_does_not_want),
        RECEIVER_TEST(test_receiver_shares_one_write),
        RECEIVER_TEST(test_receiver_writes_again_after_a_conflict),
        RECEIVER_TEST(test_receiver_promises_nothing_it_could_not_record),
        RECEIVER_TEST(test_receiver_remembers_over_a_restart),
        RECEIVER_TEST(test_receiver_says_which_token_it_needs),
        RECEIVER_TEST(test_receiver_says_that_the_secret_is_missing),
        RECEIVER_TEST(test_receiver_forgets_a_deleted_hook),
        RECEIVER_TEST(test_receiver_counts),
        RECEIVER_TEST(test_receiver_drops_what_is_older_than_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
