// The Kubernetes client against a real API server: the one that SEALIFT_TEST_KUBECONFIG names, in
// the namespace SEALIFT_TEST_NAMESPACE. Without them nothing is tested;
// tests/e2e/test_kube_client.py sets them. With the argument "follow" it prints what a watch of the
// namespace's ConfigMaps says, until its standard input ends.
#include "base/file.h"
#include "base/jval.h"
#include "base/kube/kube_auth.h"
#include "base/kube/kube_discovery.h"
#include "base/kube/kube_event.h"
#include "base/kube/kube_lease.h"
#include "base/kube/kube_watch.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop_steps.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES(text) .bytes = (text), .size = sizeof(text) - 1

struct scene {
    struct kube_client *client;
    struct loop *loop;
    struct kube_loop *kube;
    struct strbuf log;
    bool prints;
};

static const char *namespace_name(void)
{
    return getenv("SEALIFT_TEST_NAMESPACE");
}

static struct kube_ref config_map(const char *name)
{
    return (struct kube_ref){"", "v1", "configmaps", namespace_name(), name, NULL};
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    struct kube_config_choice choice = {.kubeconfig = getenv("SEALIFT_TEST_KUBECONFIG")};
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error err = {0};
    strbuf_init(&scene->log, 1 << 20);
    if (kube_config_load(&choice, &config, &err) < 0 ||
        kube_client_new(&config, NULL, &scene->client, &err) < 0)
        fail_msg("%s", err.message);
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
    strbuf_release(&scene->log);
    free(scene);
    return 0;
}

static json_t *make_config_map(const char *name, const char *value)
{
    return json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:s}}", "apiVersion", "v1", "kind",
                     "ConfigMap", "metadata", "name", name, "labels", "test", "kube", "data", "key",
                     value);
}

static void do_or_fail(struct scene *scene, const struct kube_request *request, json_t **ret_object)
{
    cleanup_error struct error err = {0};
    if (kube_do(scene->client, request, ret_object, &err) < 0)
        fail_msg("%s", err.message);
}

static void apply(struct scene *scene, const char *name, const char *value, json_t **ret_object)
{
    cleanup_json json_t *object = make_config_map(name, value);
    struct kube_request request = {.verb = KUBE_APPLY,
                                   .ref = config_map(name),
                                   .object = object,
                                   .force = true,
                                   .field_validation = "Strict"};
    do_or_fail(scene, &request, ret_object);
}

static void test_live_discovery(void **state)
{
    struct scene *scene = *state;
    cleanup_kube_discovery struct kube_discovery *discovery = NULL;
    cleanup_kube_discovery struct kube_discovery *again = NULL;
    cleanup_error struct error err = {0};
    if (kube_discovery_fetch(scene->client, NULL, NULL, &discovery, &err) < 0)
        fail_msg("%s", err.message);
    const struct kube_kind *kind = kube_discovery_find_object(discovery, "apps/v1", "Deployment");
    assert_non_null(kind);
    assert_string_equal(kind->plural, "deployments");
    assert_true(kind->namespaced && kind->has_status && kind->has_scale);
    assert_true((kind->can & KUBE_CAN_PATCH) != 0 && (kind->can & KUBE_CAN_WATCH) != 0);
    assert_ptr_equal(kube_discovery_find_name(discovery, "deploy"), kind);
    assert_ptr_equal(kube_discovery_find_name(discovery, "deployments.v1.apps"), kind);
    assert_false(kube_discovery_find(discovery, "", NULL, "Namespace")->namespaced);
    assert_string_equal(kube_discovery_find_name(discovery, "cm")->kind, "ConfigMap");
    assert_true(kube_discovery_count(discovery) > 50);
    assert_int_equal(kube_discovery_fetch(scene->client, discovery, NULL, &again, NULL), 0);
    assert_ptr_equal(discovery, again); // 304
}

static void test_live_apply_and_its_refusals(void **state)
{
    struct scene *scene = *state;
    cleanup_json json_t *first = NULL;
    cleanup_json json_t *same = NULL;
    apply(scene, "one", "a", &first);
    apply(scene, "one", "a", &same);
    assert_string_equal(jval_string(first, "metadata.resourceVersion"),
                        jval_string(same, "metadata.resourceVersion"));
    // A field of another manager.
    struct kube_request theirs = {.verb = KUBE_MERGE,
                                  .ref = config_map("one"),
                                  BYTES("{\"data\":{\"key\":\"b\"}}"),
                                  .field_manager = "someone"};
    do_or_fail(scene, &theirs, NULL);
    cleanup_json json_t *object = make_config_map("one", "a");
    struct kube_request unforced = {.verb = KUBE_APPLY, .ref = config_map("one"), .object = object};
    cleanup_kube_result struct kube_result conflict = {0};
    kube_send(scene->client, &unforced, &conflict);
    assert_int_equal(conflict.error.code, ERROR_CONFLICT);
    assert_true(kube_result_is_field_conflict(&conflict));
    // A field that there is not, and a value that must not be.
    jval_set_string(object, "datta", "x");
    struct kube_request typo = {
        .verb = KUBE_APPLY, .ref = config_map("one"), .object = object, .force = true};
    cleanup_error struct error err = {0};
    assert_int_equal(kube_do(scene->client, &typo, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_non_null(strstr(err.message, "datta"));
    cleanup_json json_t *bad = make_config_map("No_Name", "x");
    struct kube_request invalid = {
        .verb = KUBE_APPLY, .ref = config_map("No_Name"), .object = bad, .force = true};
    cleanup_kube_result struct kube_result refused = {0};
    kube_send(scene->client, &invalid, &refused);
    assert_int_equal(refused.http_status, 422);
    assert_string_equal(kube_result_reason(&refused), "Invalid");
    assert_non_null(kube_result_causes(&refused));
    // Deleting takes the right one.
    struct kube_request delete = {
        .verb = KUBE_DELETE, .ref = config_map("one"), .if_uid = "another"};
    assert_int_equal(kube_do(scene->client, &delete, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_CONFLICT);
    delete.if_uid = jval_string(first, "metadata.uid");
    delete.dry_run = true;
    do_or_fail(scene, &delete, NULL);
    delete.dry_run = false;
    delete.propagation = "Background";
    do_or_fail(scene, &delete, NULL);
    assert_int_equal(kube_do(scene->client, &delete, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void test_live_large_objects(void **state)
{
    struct scene *scene = *state;
    static const struct {
        size_t size;
        enum error_code code;
        int http_status;
    } cases[] = {
        {900 * 1024, ERROR_NONE, 201},       // near what etcd takes
        {1200 * 1024, ERROR_INVALID, 422},   // above what a ConfigMap may hold
        {4 * 1024 * 1024, ERROR_LIMIT, 413}, // above what the API server reads
        {20 * 1024 * 1024, ERROR_LIMIT, 413},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char *text = xmalloc(cases[i].size + 1);
        memset(text, 'x', cases[i].size);
        text[cases[i].size] = '\0';
        cleanup_json json_t *object = make_config_map("large", text);
        free(text);
        struct kube_request request = {
            .verb = KUBE_APPLY, .ref = config_map("large"), .object = object, .force = true};
        cleanup_kube_result struct kube_result result = {0};
        kube_send(scene->client, &request, &result);
        if (result.error.code != cases[i].code || result.http_status != cases[i].http_status)
            fail_msg("%zu: HTTP %d: %s", cases[i].size, result.http_status,
                     error_message(&result.error));
    }
    struct kube_request delete = {.verb = KUBE_DELETE, .ref = config_map("large")};
    do_or_fail(scene, &delete, NULL);
}

static void test_live_many_objects(void **state)
{
    struct scene *scene = *state;
    enum { N = 1000 };
    struct kube_request *requests = xcalloc(N, sizeof *requests);
    struct kube_result *results = xcalloc(N, sizeof *results);
    char(*names)[16] = xcalloc(N, sizeof *names);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "many-%04d", i);
        json_t *object = make_config_map(names[i], "x");
        requests[i] = (struct kube_request){.verb = KUBE_APPLY,
                                            .ref = config_map(names[i]),
                                            .object = object,
                                            .force = true,
                                            .accept = KUBE_METADATA};
    }
    int64_t start = clock_mono_ms(clock_system());
    kube_do_all(scene->client, requests, N, results, NULL, NULL);
    printf("%d objects applied in %lld ms\n", N,
           (long long)(clock_mono_ms(clock_system()) - start));
    for (int i = 0; i < N; i++) {
        if (results[i].error.code != ERROR_NONE)
            fail_msg("%s", results[i].error.message);
        assert_int_equal(results[i].http_status, 201);
        assert_string_equal(jval_string(results[i].object, "kind"), "PartialObjectMetadata");
        assert_non_null(jval_array(results[i].object, "metadata.managedFields"));
        kube_result_release(&results[i]);
        json_decref(jval_unconst(requests[i].object));
    }
    struct kube_request list = {
        .ref = config_map(NULL), .label_selector = "test=kube", .limit = 77};
    cleanup_json json_t *items = NULL;
    cleanup_error struct error err = {0};
    if (kube_list(scene->client, &list, &items, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(json_array_size(items), N);
    assert_string_equal(jval_string(json_array_get(items, 5), "kind"), "ConfigMap");
    for (int i = 0; i < N; i++)
        requests[i] = (struct kube_request){.verb = KUBE_DELETE, .ref = config_map(names[i])};
    kube_do_all(scene->client, requests, N, results, NULL, NULL);
    for (int i = 0; i < N; i++) {
        assert_int_equal(results[i].error.code, ERROR_NONE);
        kube_result_release(&results[i]);
    }
    free(requests);
    free(results);
    free(names);
}

static void on_object(void *arg, enum kube_change change, const json_t *object)
{
    static const char *const names[] = {"+", "~", "-"};
    struct scene *scene = arg;
    strbuf_addf(&scene->log, "%s%s ", names[change], jval_string_or(object, "metadata.name", "?"));
    if (scene->prints) {
        printf("%s%s %s\n", names[change], jval_string_or(object, "metadata.name", "?"),
               jval_string_or(object, "data.key", ""));
        fflush(stdout);
    }
}

static void on_synced(void *arg)
{
    struct scene *scene = arg;
    strbuf_addstr(&scene->log, "synced ");
    if (scene->prints) {
        printf("synced\n");
        fflush(stdout);
    }
}

static void on_error(void *arg, const struct error *err)
{
    struct scene *scene = arg;
    strbuf_addf(&scene->log, "[%s] ", err->message);
    if (scene->prints) {
        printf("error %s\n", err->message);
        fflush(stdout);
    }
}

static const struct kube_watch_events WATCH_EVENTS = {on_object, on_synced, on_error};

static void test_live_watch(void **state)
{
    struct scene *scene = *state;
    apply(scene, "w-before", "x", NULL);
    struct kube_watch_options options = {
        .ref = config_map(NULL), .label_selector = "test=kube", .accept = KUBE_METADATA};
    struct kube_watch *watch = NULL;
    assert_int_equal(kube_watch_new(scene->kube, &options, &WATCH_EVENTS, scene, &watch, NULL), 0);
    loop_run_until_log(scene->loop, &scene->log, "+w-before synced ");
    apply(scene, "w-after", "x", NULL);
    loop_run_until_log(scene->loop, &scene->log, "+w-after ");
    apply(scene, "w-after", "y", NULL);
    loop_run_until_log(scene->loop, &scene->log, "~w-after ");
    struct kube_request relabel = {.verb = KUBE_MERGE,
                                   .ref = config_map("w-after"),
                                   BYTES("{\"metadata\":{\"labels\":{\"test\":null}}}")};
    do_or_fail(scene, &relabel, NULL);
    loop_run_until_log(scene->loop, &scene->log, "-w-after ");
    struct kube_request delete = {.verb = KUBE_DELETE, .ref = config_map("w-before")};
    do_or_fail(scene, &delete, NULL);
    loop_run_until_log(scene->loop, &scene->log, "-w-before ");
    assert_null(strstr(scene->log.data, "["));
    assert_int_equal(kube_watch_count(watch), 0);
    kube_watch_free(watch);
}

// More than the server lets run on one connection.
static void test_live_many_watches(void **state)
{
    struct scene *scene = *state;
    enum { N = 230 };
    struct kube_watch *watches[N];
    struct kube_watch_options options = {
        .ref = config_map(NULL), .label_selector = "test=many", .accept = KUBE_METADATA};
    for (size_t i = 0; i < N; i++)
        assert_int_equal(
            kube_watch_new(scene->kube, &options, &WATCH_EVENTS, scene, &watches[i], NULL), 0);
    size_t synced = 0;
    for (int tries = 0; synced < N && tries < 1500; tries++) {
        loop_run_for(scene->loop, 10);
        synced = 0;
        for (size_t i = 0; i < N; i++)
            synced += kube_watch_is_synced(watches[i]);
    }
    assert_int_equal(synced, N);
    loop_run_for(scene->loop, 300);
    cleanup_json json_t *object = make_config_map("many", "x");
    jval_set_string(object, "metadata.labels.test", "many");
    struct kube_request request = {
        .verb = KUBE_APPLY, .ref = config_map("many"), .object = object, .force = true};
    do_or_fail(scene, &request, NULL);
    size_t seen = 0;
    for (int tries = 0; seen < N && tries < 1500; tries++) {
        loop_run_for(scene->loop, 10);
        seen = 0;
        for (size_t i = 0; i < N; i++)
            seen += kube_watch_count(watches[i]);
    }
    assert_int_equal(seen, N);
    assert_null(strstr(scene->log.data, "["));
    for (size_t i = 0; i < N; i++)
        kube_watch_free(watches[i]);
}

static void on_acquired(void *arg)
{
    strbuf_addstr(&((struct scene *)arg)->log, "acquired ");
}

static void on_lost(void *arg)
{
    strbuf_addstr(&((struct scene *)arg)->log, "lost ");
}

static void on_released(void *arg)
{
    strbuf_addstr(&((struct scene *)arg)->log, "released ");
}

static void test_live_lease(void **state)
{
    struct scene *scene = *state;
    static const struct kube_lease_events events = {on_acquired, on_lost, on_error};
    struct kube_lease_options options = {.namespace_ = namespace_name(),
                                         .name = "leader",
                                         .identity = "one",
                                         .duration_ms = 2000,
                                         .renew_deadline_ms = 1500,
                                         .retry_ms = 200};
    struct kube_lease *one = NULL;
    struct kube_lease *two = NULL;
    assert_int_equal(kube_lease_new(scene->kube, &options, &events, scene, &one, NULL), 0);
    loop_run_until_log(scene->loop, &scene->log, "acquired ");
    options.identity = "two";
    assert_int_equal(kube_lease_new(scene->kube, &options, &events, scene, &two, NULL), 0);
    loop_run_for(scene->loop, 3000);
    assert_true(kube_lease_held(one) && !kube_lease_held(two));
    assert_string_equal(kube_lease_holder(two), "one");
    // Given back: the other one has it at once.
    kube_lease_release(one, on_released, scene);
    loop_run_until_log(scene->loop, &scene->log, "released ");
    kube_lease_free(one);
    int64_t start = clock_mono_ms(clock_system());
    loop_run_until_log(scene->loop, &scene->log, "released acquired ");
    assert_true(clock_mono_ms(clock_system()) - start < 1500);
    // Not given back: it has to end first.
    kube_lease_free(two);
    options.identity = "three";
    assert_int_equal(kube_lease_new(scene->kube, &options, &events, scene, &one, NULL), 0);
    start = clock_mono_ms(clock_system());
    loop_run_until_log(scene->loop, &scene->log, "released acquired acquired ");
    assert_in_range(clock_mono_ms(clock_system()) - start, 1500, 6000);
    cleanup_json json_t *lease = NULL;
    struct kube_ref ref = {"coordination.k8s.io", "v1", "leases", namespace_name(), "leader", NULL};
    assert_int_equal(kube_get(scene->client, &ref, &lease, NULL), 0);
    assert_string_equal(jval_string(lease, "spec.holderIdentity"), "three");
    assert_int_equal(jval_int(lease, "spec.leaseTransitions", -1), 2);
    assert_int_equal(jval_int(lease, "spec.leaseDurationSeconds", -1), 2);
    // Somebody else takes it: it is lost at once, not at the next deadline.
    struct kube_request take = {
        .verb = KUBE_MERGE,
        .ref = ref,
        BYTES("{\"spec\":{\"holderIdentity\":\"four\",\"leaseDurationSeconds\":60}}")};
    do_or_fail(scene, &take, NULL);
    loop_run_until_log(scene->loop, &scene->log, "lost ");
    assert_false(kube_lease_held(one));
    kube_lease_free(one);
}

static void test_live_rights_and_tokens(void **state)
{
    struct scene *scene = *state;
    cleanup_error struct error err = {0};
    cleanup_json json_t *account = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind",
                                             "ServiceAccount", "metadata", "name", "tenant");
    struct kube_request create = {
        .verb = KUBE_APPLY,
        .ref = {"", "v1", "serviceaccounts", namespace_name(), "tenant", NULL},
        .object = account};
    do_or_fail(scene, &create, NULL);
    cleanup_free char *user = xasprintf("system:serviceaccount:%s:tenant", namespace_name());
    struct kube_impersonation as = {.user = user};
    struct kube_action action = {
        .verb = "patch", .plural = "configmaps", .namespace_ = namespace_name()};
    bool allowed = false;
    if (kube_may(scene->client, NULL, &action, NULL, &allowed, NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(allowed);
    assert_int_equal(kube_may(scene->client, &as, &action, NULL, &allowed, NULL, &err), 0);
    assert_false(allowed);
    cleanup_json json_t *object = make_config_map("tenants", "x");
    struct kube_request write = {.verb = KUBE_APPLY,
                                 .ref = config_map("tenants"),
                                 .object = object,
                                 .force = true,
                                 .as = &as};
    assert_int_equal(kube_do(scene->client, &write, NULL, &err), -1);
    if (err.code != ERROR_DENIED || strstr(err.message, user) == NULL)
        fail_msg("%s", err.message);
    // Its own token says the same.
    cleanup_secret char *token = NULL;
    int64_t expires = 0;
    if (kube_token(scene->client, namespace_name(), "tenant", NULL, 0, &token, &expires, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(expires > clock_wall_ms(clock_system()) + 3000 * 1000);
    struct kube_config_choice choice = {.kubeconfig = getenv("SEALIFT_TEST_KUBECONFIG")};
    cleanup_kube_config struct kube_config config = {0};
    assert_int_equal(kube_config_load(&choice, &config, NULL), 0);
    free(STEAL(config.client_cert_pem)); // it would say who this is, whatever the token says
    secret_free(STEAL(config.client_key_pem));
    free(STEAL(config.client_cert_file));
    free(STEAL(config.client_key_file));
    secret_free(config.token);
    config.token = xstrdup(token);
    cleanup_kube_client struct kube_client *tenant = NULL;
    assert_int_equal(kube_client_new(&config, NULL, &tenant, NULL), 0);
    write.as = NULL;
    assert_int_equal(kube_do(tenant, &write, NULL, &err), -1);
    if (err.code != ERROR_DENIED || strstr(err.message, user) == NULL)
        fail_msg("%s", err.message);
    // One that is none.
    secret_free(config.token);
    config.token = xstrdup("nobody's");
    cleanup_kube_client struct kube_client *nobody = NULL;
    assert_int_equal(kube_client_new(&config, NULL, &nobody, NULL), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(kube_do(nobody, &write, NULL, &err), -1);
        if (err.code != ERROR_DENIED || strstr(err.message, "does not accept") == NULL)
            fail_msg("%s", err.message);
    }
}

// A plugin whose first token is none: many requests at once get 401, and all of them succeed. Go's
// servers close the connection behind a 401.
static void test_live_token_is_renewed_under_load(void **state)
{
    struct scene *scene = *state;
    enum { N = 100 };
    struct kube_config_choice choice = {.kubeconfig = getenv("SEALIFT_TEST_KUBECONFIG")};
    cleanup_kube_config struct kube_config config = {0};
    assert_int_equal(kube_config_load(&choice, &config, NULL), 0);
    if (config.token == NULL) {
        kube_config_release(&config); // skip() does not come back here
        skip();
    }
    cleanup_free char *folder = NULL;
    assert_int_equal(file_make_temp_dir("kube-live-", &folder, NULL), 0);
    struct kube_exec *exec = xcalloc(1, sizeof *exec);
    exec->api_version = xstrdup("client.authentication.k8s.io/v1");
    exec->command = xstrdup("sh");
    exec->args = VEC_OF(char *, vec_release_string);
    exec->env = VEC_OF(char *, vec_release_string);
    vec_push_string(&exec->args, "-c");
    *(char **)vec_push(&exec->args) =
        xasprintf("t=%s; [ -e %s/ran ] || t=none; touch %s/ran; echo '{\"apiVersion\":\"%s\","
                  "\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'$t'\"}}'",
                  config.token, folder, folder, exec->api_version);
    config.exec = exec;
    secret_free(STEAL(config.token));
    cleanup_kube_client struct kube_client *client = NULL;
    assert_int_equal(kube_client_new(&config, NULL, &client, NULL), 0);
    struct kube_request requests[N];
    struct kube_result results[N];
    cleanup_json json_t *object = make_config_map("renewed", "x");
    for (size_t i = 0; i < N; i++)
        requests[i] = (struct kube_request){
            .verb = KUBE_APPLY, .ref = config_map("renewed"), .object = object, .force = true};
    kube_do_all(client, requests, N, results, NULL, NULL);
    for (size_t i = 0; i < N; i++) {
        if (results[i].error.code != ERROR_NONE)
            fail_msg("%zu: %s", i, results[i].error.message);
        kube_result_release(&results[i]);
    }
    (void)scene;
    assert_int_equal(file_remove_tree(folder, NULL), 0);
}

static void test_live_events(void **state)
{
    struct scene *scene = *state;
    cleanup_json json_t *object = NULL;
    cleanup_json json_t *events = NULL;
    struct kube_recorder *recorder = NULL;
    apply(scene, "regarded", "x", &object);
    assert_int_equal(kube_recorder_new(scene->kube, "sealift.dev/test", "me", &recorder, NULL), 0);
    kube_recorder_event(recorder, object, KUBE_EVENT_WARNING, "Broken", "Reconcile", "It broke.");
    kube_recorder_event(recorder, object, KUBE_EVENT_NORMAL, "Fine", NULL, "It works.");
    loop_run_for(scene->loop, 300);
    kube_recorder_event(recorder, object, KUBE_EVENT_WARNING, "Broken", "Reconcile", "It broke.");
    struct kube_request list = {
        .ref = {"events.k8s.io", "v1", "events", namespace_name(), NULL, NULL},
        .field_selector = "reason=Broken"};
    int64_t count = 0;
    for (int tries = 0; count != 2 && tries < 100; tries++) {
        loop_run_for(scene->loop, 50);
        json_decref(events);
        events = NULL;
        assert_int_equal(kube_list(scene->client, &list, &events, NULL), 0);
        count = jval_int(json_array_get(events, 0), "series.count", 0);
    }
    assert_int_equal(count, 2);
    assert_int_equal(json_array_size(events), 1);
    assert_string_equal(jval_string(json_array_get(events, 0), "note"), "It broke.");
    assert_string_equal(jval_string(json_array_get(events, 0), "regarding.name"), "regarded");
    kube_recorder_free(recorder);
}

static void on_input(int fd, int events, void *arg)
{
    char byte;
    (void)events;
    if (read(fd, &byte, 1) <= 0)
        loop_stop(arg);
}

static int follow(void)
{
    void *state = NULL;
    setup(&state);
    struct scene *scene = state;
    scene->prints = true;
    struct kube_watch_options options = {.ref = config_map(NULL), .label_selector = "test"};
    struct kube_watch *watch = NULL;
    cleanup_error struct error err = {0};
    if (kube_watch_new(scene->kube, &options, &WATCH_EVENTS, scene, &watch, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    struct loop_fd *input = loop_fd_new(scene->loop, 0, LOOP_READABLE, on_input, scene->loop);
    int result = loop_run(scene->loop, NULL);
    loop_fd_free(input);
    kube_watch_free(watch);
    teardown(&state);
    return result == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (getenv("SEALIFT_TEST_KUBECONFIG") == NULL || namespace_name() == NULL) {
        printf("no API server to test with: SEALIFT_TEST_KUBECONFIG and SEALIFT_TEST_NAMESPACE are "
               "not set\n");
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "follow") == 0)
        return follow();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_live_discovery, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_apply_and_its_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_large_objects, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_many_objects, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_watch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_many_watches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_lease, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_rights_and_tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_token_is_renewed_under_load, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_events, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
