#include "base/kube/kube_config.h"

#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/kube/kube_credential_internal.h"
#include "base/memory.h"

#include "fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *folder;

static char *write_file(const char *name, const char *text)
{
    char *path = path_join(folder, name);
    assert_int_equal(file_write_swap(path, text, strlen(text), 0700, NULL), 0);
    return path;
}

static int setup(void **state)
{
    (void)state;
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    return file_make_temp_dir("kube-config-", &folder, NULL);
}

static int teardown(void **state)
{
    (void)state;
    int result = file_remove_tree(folder, NULL);
    free(folder);
    return result;
}

// A kubeconfig with one context, of this cluster and this user.
static char *kubeconfig(const char *cluster, const char *user)
{
    return xasprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                     "contexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\n"
                     "clusters: [{name: k, cluster: {%s}}]\nusers: [{name: u, user: {%s}}]\n",
                     cluster, user);
}

static void test_config_reads_files_beside_it(void **state)
{
    (void)state;
    cleanup_free char *ca = write_file("ca.crt", "CA\n");
    cleanup_free char *token = write_file("token", "abc\n\n");
    cleanup_free char *text = kubeconfig(
        "server: 'https://k8s:6443', certificate-authority: ca.crt, tls-server-name: api",
        "token: old, tokenFile: token, as: jane, as-groups: [dev]");
    cleanup_free char *path = write_file("config", text);
    struct kube_config_choice choice = {.kubeconfig = path, .namespace_ = "other"};
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error err = {0};
    if (kube_config_load(&choice, &config, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(config.server, "https://k8s:6443");
    assert_string_equal(config.ca_pem, "CA");
    assert_string_equal(config.ca_file, ca);
    assert_string_equal(config.token, "abc");
    assert_string_equal(config.token_file, token);
    assert_string_equal(config.tls_server_name, "api");
    assert_string_equal(config.namespace_, "other");
    assert_string_equal(config.as_user, "jane");
    assert_int_equal(config.as_groups.len, 1);
}

static void test_config_merges_a_list_of_files(void **state)
{
    (void)state;
    cleanup_free char *first =
        write_file("first", "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
                            "users: [{name: u, user: {token: first}}]\n");
    cleanup_free char *second_text = kubeconfig(
        "server: 'https://second:6443', certificate-authority-data: Q0EK", "token: second");
    cleanup_free char *second = write_file("second", second_text);
    cleanup_free char *list = xasprintf("%s/absent:%s::%s", folder, first, second);
    setenv("KUBECONFIG", list, 1);
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error err = {0};
    if (kube_config_load(NULL, &config, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(config.server, "https://second:6443");
    assert_string_equal(config.token, "first");
    assert_string_equal(config.ca_pem, "CA\n");
    assert_null(config.namespace_); // the first context stands
}

static void test_config_in_a_pod(void **state)
{
    (void)state;
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(kube_config_in_cluster(folder, &config, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    assert_int_equal(kube_config_in_cluster(folder, &config, &err), -1);
    free(write_file("token", "t\n"));
    free(write_file("ca.crt", "CA"));
    free(write_file("namespace", "shop\n"));
    if (kube_config_in_cluster(folder, &config, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(config.server, "https://[fd00::1]:443");
    assert_string_equal(config.token, "t");
    assert_string_equal(config.namespace_, "shop");
}

static void test_config_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *cluster;
        const char *user;
        const char *message;
    } cases[] = {
        {"", "", "cluster \"k\": server is missing"},
        {"server: 'not a url'", "", "server"},
        {"server: 'https://x', certificate-authority: absent", "", "absent"},
        {"server: 'https://x', certificate-authority-data: '%'", "", "certificate-authority-data"},
        {"server: 'https://x'", "client-key-data: QQ==", "belong together"},
        {"server: 'https://x'", "auth-provider: {name: gcp}", "no longer part"},
        {"server: 'https://x'", "exec: {command: x, apiVersion: y}", "exec.apiVersion"},
        {"server: 'https://x'", "exec: {apiVersion: client.authentication.k8s.io/v1}",
         "exec.command"},
        {"server: 'https://x'", "token: 5", "token must be a string"},
        {"server: 'https://x'", "as-groups: [a]", "need as"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *text = kubeconfig(cases[i].cluster, cases[i].user);
        cleanup_free char *path = write_file("config", text);
        struct kube_config_choice choice = {.kubeconfig = path};
        cleanup_kube_config struct kube_config config = {0};
        cleanup_error struct error err = {0};
        assert_int_equal(kube_config_load(&choice, &config, &err), -1);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].message, err.message);
    }
    cleanup_free char *path = write_file("config", "current-context: x\n");
    struct kube_config_choice choice = {.kubeconfig = path};
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(kube_config_load(&choice, &config, &err), -1);
    assert_non_null(strstr(err.message, "has no context \"x\""));
}

static void test_config_of_a_tenant_reaches_nothing_local(void **state)
{
    (void)state;
    static const struct {
        const char *cluster;
        const char *user;
        const char *message;
    } cases[] = {
        {"server: 'https://x', certificate-authority: /etc/passwd", "",
         "certificate-authority is "
         "not allowed"},
        {"server: 'https://x', insecure-skip-tls-verify: true", "", "insecure-skip-tls-verify is"},
        {"server: 'http://x'", "", "must start with https://"},
        {"server: 'https://x'", "exec: {command: id, apiVersion: client.authentication.k8s.io/v1}",
         "exec is not allowed"},
        {"server: 'https://x'", "auth-provider: {name: gcp}", "auth-provider is not allowed"},
        {"server: 'https://x'", "tokenFile: /var/run/token", "tokenFile is not allowed"},
        {"server: 'https://x'", "client-certificate: /a", "client-certificate is not allowed"},
        {"server: 'https://x'", "client-key: /a", "client-key is not allowed"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *text = kubeconfig(cases[i].cluster, cases[i].user);
        cleanup_kube_config struct kube_config config = {0};
        cleanup_error struct error err = {0};
        assert_int_equal(kube_config_from_secret(text, strlen(text), "Secret a/b", &config, &err),
                         -1);
        assert_int_equal(err.code, ERROR_DENIED);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].message, err.message);
    }
    cleanup_free char *text = kubeconfig("server: 'https://x', certificate-authority-data: Q0EK",
                                         "username: u, password: p, client-certificate-data: QQ==, "
                                         "client-key-data: QQ==");
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error err = {0};
    if (kube_config_from_secret(text, strlen(text), "Secret a/b", &config, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(config.username, "u");
    assert_string_equal(config.client_cert_pem, "A");
    assert_string_equal(config.proxy_url, ""); // not this process' either
}

static void set_exec(struct kube_config *config, const char *script)
{
    config->server = xstrdup("https://x");
    config->ca_pem = xstrdup("CA");
    config->as_groups = VEC_OF(char *, vec_release_string);
    struct kube_exec *exec = xcalloc(1, sizeof *exec);
    exec->api_version = xstrdup("client.authentication.k8s.io/v1");
    exec->command = xstrdup("sh");
    exec->args = VEC_OF(char *, vec_release_string);
    exec->env = VEC_OF(char *, vec_release_string);
    exec->provide_cluster_info = true;
    vec_push_string(&exec->args, "-c");
    vec_push_string(&exec->args, script);
    vec_push_string(&exec->env, "WORD=magic");
    config->exec = exec;
}

#define CREDENTIAL "\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\""

static void test_plugin_gives_credentials(void **state)
{
    (void)state;
    cleanup_kube_config struct kube_config config = {0};
    set_exec(&config, "case $KUBERNETES_EXEC_INFO in *'\"interactive\":false'*'Q0E='*) ;; *) exit "
                      "3;; esac; printf '{" CREDENTIAL ",\"status\":{\"token\":\"%s\","
                      "\"expirationTimestamp\":\"2100-01-01T00:00:00Z\"}}' $WORD");
    struct kube_exec_answer answer = {0};
    cleanup_error struct error err = {0};
    if (kube_exec_run(&config, NULL, &answer, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(answer.token, "magic");
    assert_int_equal(answer.expires_wall_ms, 4102444800000);
    kube_exec_answer_release(&answer);
}

static void test_plugin_that_fails(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        const char *message;
    } cases[] = {
        {"echo no session >&2; exit 3", "failed with exit code 3: no session"},
        {"echo nonsense", "ExecCredential"},
        {"echo '{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\","
         "\"kind\":\"ExecCredential\"}'",
         "not an ExecCredential of"},
        {"echo '{" CREDENTIAL ",\"status\":{}}'", "neither status.token nor"},
        {"echo '{" CREDENTIAL ",\"status\":{\"token\":\"a\",\"expirationTimestamp\":\"soon\"}}'",
         "status.expirationTimestamp"},
        {"kill -9 $$", "failed with signal 9"},
        {"yes | head -c 2000000", "its output"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_kube_config struct kube_config config = {0};
        set_exec(&config, cases[i].script);
        struct kube_exec_answer answer = {0};
        cleanup_error struct error err = {0};
        assert_int_equal(kube_exec_run(&config, NULL, &answer, &err), -1);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].message, err.message);
    }
    cleanup_kube_config struct kube_config config = {0};
    set_exec(&config, "");
    free(config.exec->command);
    config.exec->command = xstrdup("/no/such/program");
    config.exec->install_hint = xstrdup("install it");
    struct kube_exec_answer answer = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(kube_exec_run(&config, NULL, &answer, &err), -1);
    assert_non_null(strstr(err.message, "install it"));
}

// Its last word is no reason to wait for ever; and what it started goes with it.
static void test_plugin_that_does_not_end(void **state)
{
    (void)state;
    cleanup_kube_config struct kube_config config = {0};
    cleanup_free char *pid_file = path_join(folder, "pid");
    cleanup_free char *script =
        xasprintf("sleep 600 >/dev/null 2>&1 & echo $! > %s; printf '{" CREDENTIAL ",\"status\":{"
                  "\"token\":\"a\"}}'; exec >&-; wait",
                  pid_file);
    set_exec(&config, script);
    struct kube_exec_answer answer = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(kube_exec_run(&config, NULL, &answer, &err), -1);
    assert_int_equal(err.code, ERROR_TIMEOUT);
    assert_non_null(strstr(err.message, "the credential plugin sh: it closed its output and did "
                                        "not end within 5 s"));
    cleanup_free char *text = NULL;
    size_t size;
    assert_int_equal(file_read(pid_file, 100, &text, &size, NULL), 0);
    pid_t child = (pid_t)strtol(text, NULL, 10);
    assert_true(child > 1);
    // Killed with the group: gone as soon as whoever inherited it has looked, or about to be.
    cleanup_free char *status_file = xasprintf("/proc/%d/stat", child);
    bool runs = true;
    for (int i = 0; runs && i < 2000; i++) {
        cleanup_free char *status = NULL;
        runs = file_read(status_file, 4096, &status, &size, NULL) == 0 &&
               strstr(status, ") Z ") == NULL && strstr(status, ") X ") == NULL;
        if (runs)
            poll(NULL, 0, 5);
    }
    assert_false(runs);
}

// Nobody who is to stop waits for a plugin: not who runs it, not who waits for the one that runs
// for the loop, and not who ends it all.
static void test_plugin_that_keeps_silent(void **state)
{
    (void)state;
    cleanup_kube_config struct kube_config config = {0};
    set_exec(&config, "sleep 600");
    struct cancel cancel;
    cancel_init(&cancel);
    int64_t began = clock_mono_ms(clock_system());
    cancel_request_in(&cancel, 50);
    struct kube_exec_answer answer = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(kube_exec_run(&config, &cancel, &answer, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    struct kube_credential *credential = kube_credential_new(&config, clock_system());
    struct kube_identity *identity = NULL;
    assert_int_equal(kube_credential_get(credential, true, &cancel, &identity, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    // That one was told to stop says nothing to the others: the loop starts it again.
    assert_int_equal(kube_credential_get(credential, false, NULL, &identity, &err), -1);
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    assert_int_equal(kube_credential_get(credential, true, &cancel, &identity, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELED);
    kube_credential_free(credential);
    assert_true(clock_mono_ms(clock_system()) - began < 20 * 1000);
    cancel_release(&cancel);
}

static void test_credential_is_kept_until_it_expires(void **state)
{
    (void)state;
    cleanup_kube_config struct kube_config config = {0};
    cleanup_free char *count = path_join(folder, "count");
    // It says how often it ran, and lasts 60 s from 2026-11-21T10:00:00Z on.
    cleanup_free char *script =
        xasprintf("echo x >> %s; printf '{" CREDENTIAL ",\"status\":{\"token\":\"t%%s\","
                  "\"expirationTimestamp\":\"2026-11-21T10:01:00Z\"}}' $(wc -l < %s)",
                  count, count);
    set_exec(&config, script);
    struct fake_clock clock;
    int64_t start;
    assert_int_equal(time_parse("2026-11-21T10:00:00Z", &start, NULL), 0);
    fake_clock_init(&clock, start);
    struct kube_credential *credential = kube_credential_new(&config, &clock.clock);
    struct kube_identity *identity = NULL;
    cleanup_error struct error err = {0};
    static const char *const expected[] = {"Bearer t1", "Bearer t1", "Bearer t2"};
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        if (kube_credential_get(credential, true, NULL, &identity, &err) < 0)
            fail_msg("%s", err.message);
        assert_string_equal(identity->authorization, expected[i]);
        kube_identity_unref(identity);
        fake_clock_advance(&clock, 30 * 1000);
    }
    // On the loop it runs elsewhere, and the caller comes back.
    assert_int_equal(kube_credential_get(credential, false, NULL, &identity, &err), -1);
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
    assert_true(err.retry_after_ms > 0);
    kube_credential_free(credential);
}

static void test_credential_rereads_files(void **state)
{
    (void)state;
    cleanup_free char *token_file = write_file("token", "one");
    struct kube_config config = {.token_file = token_file};
    struct fake_clock clock;
    fake_clock_init(&clock, 0);
    struct kube_credential *credential = kube_credential_new(&config, &clock.clock);
    struct kube_identity *identity = NULL;
    assert_int_equal(kube_credential_get(credential, false, NULL, &identity, NULL), 0);
    assert_string_equal(identity->authorization, "Bearer one");
    free(write_file("token", "two"));
    struct kube_identity *same = NULL;
    assert_int_equal(kube_credential_get(credential, false, NULL, &same, NULL), 0);
    assert_ptr_equal(identity, same);
    kube_identity_unref(same);
    fake_clock_advance(&clock, 60 * 1000);
    assert_int_equal(kube_credential_get(credential, false, NULL, &same, NULL), 0);
    assert_string_equal(same->authorization, "Bearer two");
    assert_string_equal(identity->authorization, "Bearer one"); // whoever holds it
    kube_identity_unref(same);
    // Gone for a moment: what was read before stands.
    assert_int_equal(remove(token_file), 0);
    assert_true(kube_credential_refused(credential, identity)); // an older one: there is a newer
    fake_clock_advance(&clock, 60 * 1000);
    assert_int_equal(kube_credential_get(credential, false, NULL, &same, NULL), 0);
    assert_string_equal(same->authorization, "Bearer two");
    kube_identity_unref(same);
    kube_identity_unref(identity);
    kube_credential_free(credential);
}

static void reply(void *arg, struct fake_exchange *exchange)
{
    (void)arg;
    fake_kube_reply(exchange, "{\"kind\":\"ConfigMap\"}");
}

// The server's certificate is for another name than the one in its address.
static void test_tls_server_name_and_client_certificate(void **state)
{
    (void)state;
    cleanup_fake_cert struct fake_cert ca = {0};
    cleanup_fake_cert struct fake_cert cert = {0};
    cleanup_fake_cert struct fake_cert user = {0};
    fake_ca_make("Test CA", &ca);
    fake_cert_make(&ca, "server", "DNS:api.internal", &cert);
    fake_cert_make(&ca, "jane", NULL, &user);
    cleanup_fake_http struct fake_http *server = fake_http_start(
        &(struct fake_http_options){.cert = &cert, .client_ca_pem = ca.cert_pem}, reply, NULL);
    cleanup_free char *url = fake_http_url(server, "/prefix/");
    struct kube_config config = {.server = url,
                                 .ca_pem = ca.cert_pem,
                                 .client_cert_pem = user.cert_pem,
                                 .client_key_pem = user.key_pem};
    struct kube_request request = {.verb = KUBE_GET, .path = "/version"};
    cleanup_error struct error err = {0};
    {
        cleanup_kube_client struct kube_client *client = NULL;
        assert_int_equal(kube_client_new(&config, NULL, &client, NULL), 0);
        assert_int_equal(kube_do(client, &request, NULL, &err), -1);
        assert_int_equal(err.code, ERROR_UNVERIFIED);
    }
    char name[] = "api.internal";
    config.tls_server_name = name;
    cleanup_kube_client struct kube_client *client = NULL;
    assert_int_equal(kube_client_new(&config, NULL, &client, NULL), 0);
    if (kube_do(client, &request, NULL, &err) < 0)
        fail_msg("%s", err.message);
    cleanup_free char *received = fake_http_received(server);
    assert_non_null(strstr(received, "GET /prefix/version HTTP"));
    assert_non_null(strstr(received, "Host: 127.0.0.1:"));
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_config_reads_files_beside_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config_merges_a_list_of_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config_in_a_pod, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config_says_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config_of_a_tenant_reaches_nothing_local, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_plugin_gives_credentials, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plugin_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plugin_that_does_not_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plugin_that_keeps_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_credential_is_kept_until_it_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(test_credential_rereads_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tls_server_name_and_client_certificate, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
