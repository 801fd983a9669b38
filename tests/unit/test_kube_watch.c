#include "base/jval.h"
#include "base/kube/kube_watch.h"
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

// What the server does: the answers to lists and to watches, each in turn; the last one stays.
struct script {
    const char *lists[4];
    const char *watches[4]; // lines; then, by their first letter: '!' cuts, '.' ends, '~' is silent
};

struct scene {
    char *text; // of a script, for as long as the server lives
    struct fake_http *server;
    struct kube_client *client;
    struct loop *loop;
    struct kube_loop *kube;
    struct kube_watch *watch;
    struct strbuf log;
    bool free_on_object;
    bool lists_in_circles; // the last one is followed by the first
    unsigned syncs;
    unsigned calls;
    pthread_mutex_t lock; // of what follows
    struct script script;
    size_t lists;
    size_t watches;
};

static const char *in_turn(const char *const *answers, size_t n, bool in_circles)
{
    size_t last = 0;
    while (last < 3 && answers[last + 1] != NULL)
        last++;
    if (in_circles)
        return answers[n % (last + 1)];
    return answers[n < last ? n : last];
}

static void play(struct fake_exchange *exchange, const char *script)
{
    if (strncmp(script, "HTTP ", 5) == 0) { // a whole answer
        fake_send_text(exchange, script + 5);
        exchange->close = true;
        return;
    }
    fake_kube_stream(exchange);
    while (*script != '\0') {
        size_t length = strcspn(script, "\n");
        cleanup_free char *line = xstrndup(script, length);
        script += length + (script[length] == '\n');
        if (*line == '!') { // the rest is half a line, and the connection breaks
            cleanup_free char *half = xasprintf("%zx\r\n%s\r\n", strlen(line) - 1, line + 1);
            if (strlen(line) > 1)
                fake_send_text(exchange, half);
            exchange->close = true;
            return;
        }
        if (*line == '~')
            fake_pause(exchange, 20000);
        else if (*line == '.')
            fake_send_text(exchange, "0\r\n\r\n");
        else
            fake_kube_line(exchange, line);
    }
    exchange->close = true;
}

static void handle(void *arg, struct fake_exchange *exchange)
{
    struct scene *scene = arg;
    bool is_watch = strstr(exchange->path, "watch=1") != NULL;
    pthread_mutex_lock(&scene->lock);
    size_t n = is_watch ? scene->watches++ : scene->lists++;
    const char *answer = in_turn(is_watch ? scene->script.watches : scene->script.lists, n,
                                 !is_watch && scene->lists_in_circles);
    pthread_mutex_unlock(&scene->lock);
    if (!is_watch && strncmp(answer, "HTTP ", 5) != 0)
        fake_kube_reply(exchange, answer);
    else
        play(exchange, answer);
}

static void on_object(void *arg, enum kube_change change, const json_t *object)
{
    static const char *const names[] = {"+", "~", "-"};
    struct scene *scene = arg;
    assert_string_equal(jval_string(object, "kind"), "ConfigMap");
    assert_string_equal(jval_string(object, "apiVersion"), "v1");
    strbuf_addf(&scene->log, "%s%s/%s@%s ", names[change],
                jval_string_or(object, "metadata.name", "?"),
                jval_string_or(object, "metadata.uid", "?"),
                jval_string_or(object, "metadata.resourceVersion", "?"));
    if (scene->free_on_object) {
        kube_watch_free(scene->watch);
        scene->watch = NULL;
    }
}

static void on_synced(void *arg)
{
    struct scene *scene = arg;
    scene->syncs++;
    strbuf_addstr(&scene->log, "synced ");
}

static void on_error(void *arg, const struct error *err)
{
    struct scene *scene = arg;
    strbuf_addf(&scene->log, "[%s: %s] ", error_code_name(err->code), err->message);
}

static void set_script(struct scene *scene, const struct script *script)
{
    pthread_mutex_lock(&scene->lock);
    scene->script = *script;
    scene->lists = scene->watches = 0;
    pthread_mutex_unlock(&scene->lock);
}

static void begin(struct scene *scene, const struct script *script,
                  const struct kube_watch_options *more)
{
    static const struct kube_watch_events events = {on_object, on_synced, on_error};
    struct kube_watch_options options = more != NULL ? *more : (struct kube_watch_options){0};
    options.ref = (struct kube_ref){"", "v1", "configmaps", "shop", NULL, NULL};
    set_script(scene, script);
    cleanup_error struct error err = {0};
    if (kube_watch_new(scene->kube, &options, &events, scene, &scene->watch, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(scene->log.len, 0);
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    pthread_mutex_init(&scene->lock, NULL);
    strbuf_init(&scene->log, 1 << 20);
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
    kube_watch_free(scene->watch);
    kube_loop_free(scene->kube);
    loop_free(scene->loop);
    kube_client_free(scene->client);
    fake_http_stop(scene->server);
    free(scene->text);
    strbuf_release(&scene->log);
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

#define META(name, uid, version)                                                 \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"" uid \
    "\",\"resourceVersion\":\"" version "\"}}"
#define OBJECT(name, uid, version)                                                 \
    "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name \
    "\",\"namespace\":\"shop\",\"uid\":\"" uid "\",\"resourceVersion\":\"" version "\"}}"
#define LIST(version, more, items)                                                         \
    "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":" \
    "\"" version "\",\"continue\":\"" more "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define GONE                                                                             \
    EVENT("ERROR", "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":410,\"reason\":" \
                   "\"Expired\",\"message\":\"too old resource version\"}")

static void test_watch_lists_pages_then_follows(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {
        {LIST("10", "more", META("a", "1", "5") "," META("b", "2", "6")),
         LIST("11", "", META("c", "3", "7"))},
        {EVENT("MODIFIED", OBJECT("a", "1", "12")) EVENT("DELETED", OBJECT("b", "2", "13"))
             EVENT("DELETED", OBJECT("x", "9", "14")) EVENT("ADDED", OBJECT("d", "4", "15"))
                 EVENT("BOOKMARK", OBJECT("", "", "99")) ".",
         "~"}};
    begin(scene, &script, &(struct kube_watch_options){.label_selector = "app=x"});
    loop_run_until_log(scene->loop, &scene->log, "+d/4@15 ");
    assert_string_equal(scene->log.data, "+a/1@5 +b/2@6 +c/3@7 synced ~a/1@12 -b/2@13 +d/4@15 ");
    assert_int_equal(kube_watch_count(scene->watch), 3);
    for (int i = 0; i < 250 && scene->watches < 2; i++)
        loop_run_for(scene->loop, 20);
    loop_run_for(scene->loop, 50);
    assert_true(kube_watch_is_synced(scene->watch));
    assert_received(scene, "?limit=150&continue=more&labelSelector=app%3Dx HTTP");
    assert_received(scene, "labelSelector=app%3Dx&resourceVersion=11&watch=1");
    assert_received(scene, "resourceVersion=99&watch=1&allowWatchBookmarks=true&timeoutSeconds=");
    assert_int_equal(scene->syncs, 1);
}

static void test_watch_tells_what_it_missed(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {
        {LIST("10", "", META("a", "1", "5") "," META("b", "2", "6") "," META("c", "3", "7")),
         LIST("20", "", META("b", "2", "6") "," META("c", "33", "17") "," META("e", "5", "18"))},
        {GONE, "~"}};
    begin(scene, &script, NULL);
    loop_run_until_log(scene->loop, &scene->log, "synced -");
    loop_run_until_log(scene->loop, &scene->log, "-a/1@5 synced");
    assert_string_equal(scene->log.data, "+a/1@5 +b/2@6 +c/3@7 synced -c/3@7 +c/33@17 +e/5@18 "
                                         "-a/1@5 synced ");
}

static void test_watch_knows_what_it_has_no_event_of(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {
        {LIST("10", "", META("a", "1", "5") "," META("b", "2", "6")),
         LIST("30", "", META("b", "2", "6"))},
        {EVENT("DELETED", OBJECT("a", "1", "12")) "~", GONE, "~"}};
    begin(scene, &script, &(struct kube_watch_options){.idle_ms = 200});
    // Nothing was asked yet: nothing is concluded.
    assert_false(kube_watch_misses(scene->watch, "shop", "x", 1));
    loop_run_until_log(scene->loop, &scene->log, "synced -a/1@12 ");
    assert_false(kube_watch_misses(scene->watch, "shop", "b", 6));
    assert_true(kube_watch_misses(scene->watch, "shop", "a", 5));
    assert_true(kube_watch_misses(scene->watch, "shop", "x", 9));
    assert_true(kube_watch_misses(scene->watch, "other", "b", 9));
    // What was made after the newest that was told may be on its way.
    assert_false(kube_watch_misses(scene->watch, "shop", "x", 13));
    loop_run_until_log(scene->loop, &scene->log, "synced -a/1@12 [");
    loop_run_until_log(scene->loop, &scene->log, "] synced ");
    assert_true(kube_watch_misses(scene->watch, "shop", "x", 13));
    assert_false(kube_watch_misses(scene->watch, "shop", "x", 31));
}

static void test_watch_starts_a_list_again_when_it_expired(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {
        {LIST("10", "more", META("a", "1", "5")),
         "HTTP HTTP/1.1 410 Gone\r\nContent-Length: 40\r\n\r\n"
         "{\"kind\":\"Status\",\"apiVersion\":\"v1\"}     ",
         LIST("11", "", META("a", "1", "5") "," META("b", "2", "6"))},
        {"~"}};
    begin(scene, &script, NULL);
    loop_run_until_log(scene->loop, &scene->log, "synced");
    assert_string_equal(scene->log.data, "+a/1@5 +b/2@6 synced ");
}

#define EXPIRED                                            \
    "HTTP HTTP/1.1 410 Gone\r\nContent-Length: 40\r\n\r\n" \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\"}     "

// Neither a list whose pages always expire nor one that leads to itself is asked for without end.
static void test_watch_pauses_where_a_list_has_no_end(void **state)
{
    struct scene *scene = *state;
    static const char page[] = LIST("10", "more", META("a", "1", "5"));
    static const struct script expires = {{page, EXPIRED, page, EXPIRED}, {"~"}};
    static const struct script circles = {{page}, {"~"}};
    scene->lists_in_circles = true;
    begin(scene, &expires, NULL);
    loop_run_until_log(scene->loop, &scene->log, "[conflict: ");
    assert_int_equal(scene->lists, 8);
    kube_watch_free(scene->watch);
    scene->watch = NULL;
    strbuf_reset(&scene->log);
    begin(scene, &circles, NULL);
    loop_run_until_log(scene->loop, &scene->log, "the same page of a list again] ");
    assert_int_equal(scene->lists, 2);
}

static void test_watch_survives_what_servers_do(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *answer;
        const char *error;
        int64_t at_least_ms;
    } cases[] = {
        {EVENT("ADDED", OBJECT("z", "9", "12")) "!{\"type\":\"ADD",
         "[unavailable: watch configmaps in namespace shop: ", 0},
        {"{\"type\":\n~",
         "[unavailable: watch configmaps in namespace shop: the watch sent "
         "something that is no event",
         0},
        {"{\"type\":\"ADDED\"}\n~", "without type or object", 0},
        {"HTTP HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>", "[unavailable: ", 0},
        {"HTTP HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>",
         "[unavailable: watch configmaps in namespace shop: http://", 0},
        {"HTTP HTTP/1.1 410 Gone\r\nContent-Length: 6\r\n\r\n<html>",
         "does not answer as a Kubernetes API server does: HTTP 410", 0},
        {"HTTP HTTP/1.1 403 Forbidden\r\nContent-Length: 55\r\n\r\n"
         "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"message\":\"not you\"}",
         "[denied: watch configmaps in namespace shop: not you]", 0},
        {"HTTP HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
         "does not accept the credentials of the kubeconfig (HTTP 401", 0},
        {"HTTP HTTP/1.1 429 Too Many\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n",
         "[unavailable: ", 1900},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct script script = {
            {LIST("10", "", META("a", "1", "5"))},
            {cases[i].answer, EVENT("MODIFIED", OBJECT("a", "1", "30")) "~"}};
        strbuf_reset(&scene->log);
        begin(scene, &script, NULL);
        loop_run_until_log(scene->loop, &scene->log, cases[i].error);
        int64_t start = clock_mono_ms(clock_system());
        assert_false(kube_watch_is_synced(scene->watch));
        loop_run_until_log(scene->loop, &scene->log, "~a/1@30 ");
        assert_true(clock_mono_ms(clock_system()) - start >= cases[i].at_least_ms);
        assert_true(kube_watch_is_synced(scene->watch));
        assert_int_equal(scene->lists, 1); // the version was kept
        kube_watch_free(scene->watch);
        scene->watch = NULL;
    }
}

static void test_watch_takes_a_silent_connection_for_dead(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {{LIST("10", "", META("a", "1", "5"))},
                                         {"~", EVENT("MODIFIED", OBJECT("a", "1", "30")) "~"}};
    begin(scene, &script, &(struct kube_watch_options){.idle_ms = 200});
    loop_run_until_log(scene->loop, &scene->log, "sent nothing for 200 ms");
    loop_run_until_log(scene->loop, &scene->log, "~a/1@30 ");
}

static void test_watch_bounds_an_event(void **state)
{
    struct scene *scene = *state;
    enum { SIZE = 1500000 };
    char *big = xmalloc(SIZE + 1);
    memset(big, 'x', SIZE);
    big[SIZE] = '\0';
    scene->text =
        xasprintf("{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","
                  "\"metadata\":{\"name\":\"big\",\"uid\":\"1\",\"resourceVersion\":\"11\"},"
                  "\"data\":{\"x\":\"%s\"}}}\n~",
                  big);
    free(big);
    const struct script script = {{LIST("10", "", "")}, {scene->text}};
    begin(scene, &script, NULL);
    loop_run_until_log(scene->loop, &scene->log, "+big/1@11 ");
    kube_watch_free(scene->watch);
    strbuf_reset(&scene->log);
    begin(scene, &script, &(struct kube_watch_options){.max_event_bytes = 1024 * 1024});
    loop_run_until_log(scene->loop, &scene->log, "[limit: ");
}

static void test_watch_may_be_freed_by_its_own_call(void **state)
{
    struct scene *scene = *state;
    static const struct script listed = {
        {LIST("10", "", META("a", "1", "5") "," META("b", "2", "6"))}, {"~"}};
    static const struct script followed = {
        {LIST("10", "", "")},
        {EVENT("ADDED", OBJECT("c", "1", "12")) EVENT("ADDED", OBJECT("d", "1", "13")) "~"}};
    scene->free_on_object = true;
    begin(scene, &listed, NULL);
    loop_run_until_log(scene->loop, &scene->log, "+a/1@5 ");
    loop_run_for(scene->loop, 50);
    assert_string_equal(scene->log.data, "+a/1@5 ");
    strbuf_reset(&scene->log);
    begin(scene, &followed, NULL);
    loop_run_until_log(scene->loop, &scene->log, "+c/1@12 ");
    loop_run_for(scene->loop, 50);
    assert_string_equal(scene->log.data, "synced +c/1@12 ");
    assert_null(scene->watch);
}

static void test_watch_keeps_lists_few(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {{LIST("10", "", META("a", "1", "5"))}, {"~"}};
    static const struct kube_watch_events events = {on_object, on_synced, on_error};
    struct kube_watch *watches[12];
    set_script(scene, &script);
    struct kube_watch_options options = {.ref = {"", "v1", "configmaps", NULL, NULL, NULL},
                                         .accept = KUBE_METADATA};
    for (size_t i = 0; i < ARRAY_LENGTH(watches); i++)
        assert_int_equal(kube_watch_new(scene->kube, &options, &events, scene, &watches[i], NULL),
                         0);
    for (int i = 0; i < 250 && scene->syncs < 11; i++) {
        loop_run_for(scene->loop, 20);
        kube_watch_free(watches[0]); // one goes while it waits, or later
        watches[0] = NULL;
    }
    assert_in_range(scene->syncs, 11, 12);
    for (size_t i = 0; i < ARRAY_LENGTH(watches); i++)
        kube_watch_free(watches[i]);
}

static void count_done(void *arg, struct kube_result *result)
{
    struct scene *scene = arg;
    scene->calls++;
    assert_int_equal(result->error.code, ERROR_NONE);
}

static void test_call_many_at_once(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {{LIST("10", "", "")}, {"~"}};
    set_script(scene, &script);
    struct kube_call *first = NULL;
    for (size_t i = 0; i < 100; i++) {
        cleanup_free char *name = xasprintf("c%zu", i);
        struct kube_request request = {.verb = KUBE_GET,
                                       .ref = {"", "v1", "configmaps", "shop", name, NULL}};
        struct kube_call *call = kube_call_start(scene->kube, &request, count_done, scene);
        first = first != NULL ? first : call;
    }
    kube_call_cancel(first);
    for (int i = 0; i < 250 && scene->calls < 99; i++)
        loop_run_for(scene->loop, 20);
    assert_int_equal(scene->calls, 99);
    // What is under way is cancelled by the teardown.
    struct kube_request request = {.verb = KUBE_GET, .path = "/x?watch=1"};
    kube_call_start(scene->kube, &request, count_done, scene);
    loop_run_for(scene->loop, 50);
}

static void test_call_waits_for_a_plugin(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {{LIST("10", "", META("a", "1", "5"))}, {"~"}};
    static const struct kube_watch_events events = {on_object, on_synced, on_error};
    set_script(scene, &script);
    cleanup_free char *url = fake_http_url(scene->server, "");
    char version[] = "client.authentication.k8s.io/v1";
    char command[] = "sh";
    struct kube_exec exec = {.api_version = version,
                             .command = command,
                             .args = VEC_OF(char *, vec_release_string),
                             .env = VEC_OF(char *, vec_release_string)};
    vec_push_string(&exec.args, "-c");
    vec_push_string(&exec.args,
                    "sleep 0.1; echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\","
                    "\"kind\":\"ExecCredential\",\"status\":{\"token\":\"plugged\"}}'");
    struct kube_config config = {.server = url, .exec = &exec};
    cleanup_kube_client struct kube_client *client = NULL;
    struct kube_loop *kube = NULL;
    struct kube_watch *watch = NULL;
    struct kube_watch_options options = {.ref = {"", "v1", "configmaps", NULL, NULL, NULL}};
    assert_int_equal(kube_client_new(&config, NULL, &client, NULL), 0);
    vec_free(&exec.args);
    assert_int_equal(kube_loop_new(client, scene->loop, &kube, NULL), 0);
    assert_int_equal(kube_watch_new(kube, &options, &events, scene, &watch, NULL), 0);
    loop_run_until_log(scene->loop, &scene->log, "+a/1@5 synced ");
    assert_null(strstr(scene->log.data, "["));
    assert_received(scene, "Authorization: Bearer plugged");
    kube_watch_free(watch);
    kube_loop_free(kube);
}

static void test_loop_closes_idle_connections(void **state)
{
    struct scene *scene = *state;
    static const struct script script = {{LIST("10", "", "")}, {"~"}};
    set_script(scene, &script);
    struct fake_clock clock;
    fake_clock_init(&clock, 0);
    cleanup_free char *url = fake_http_url(scene->server, "");
    struct kube_config config = {.server = url};
    cleanup_kube_client struct kube_client *client = NULL;
    struct loop *loop = NULL;
    struct kube_loop *kube = NULL;
    struct kube_client_options options = {.clock = &clock.clock};
    assert_int_equal(kube_client_new(&config, &options, &client, NULL), 0);
    assert_int_equal(loop_new(&clock.clock, &loop, NULL), 0);
    assert_int_equal(kube_loop_new(client, loop, &kube, NULL), 0);
    struct kube_request request = {.verb = KUBE_GET, .path = "/version"};
    assert_int_equal(kube_do(client, &request, NULL, NULL), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fake_http_closed(scene->server), 0);
        loop_run_once(loop);
        fake_clock_advance(&clock, 5000);
    }
    loop_run_once(loop);
    for (int tries = 0; fake_http_closed(scene->server) == 0 && tries < 100; tries++)
        loop_run_for(scene->loop, 20);
    assert_int_equal(fake_http_closed(scene->server), 1);
    kube_loop_free(kube);
    loop_free(loop);
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_watch_lists_pages_then_follows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_tells_what_it_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_knows_what_it_has_no_event_of, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_starts_a_list_again_when_it_expired, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_watch_pauses_where_a_list_has_no_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_survives_what_servers_do, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_takes_a_silent_connection_for_dead, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_watch_bounds_an_event, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_may_be_freed_by_its_own_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_keeps_lists_few, setup, teardown),
        cmocka_unit_test_setup_teardown(test_call_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_call_waits_for_a_plugin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_closes_idle_connections, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
