// serve: wires the roles together and runs them until SIGTERM or SIGINT. Each role can run alone;
// several processes share one state, and a lease decides who acts.
#include "api/store_kube.h"
#include "base/file.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/status_server.h"
#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/registry.h"
#include "cli/serve_options.h"
#include "cli/workspace.h"
#include "controller/bundle.h"
#include "controller/clients.h"
#include "controller/keyring.h"
#include "controller/kube_cluster.h"
#include "controller/role.h"
#include "controller/series.h"
#include "controller/sync.h"
#include "oci/budget.h"
#include "oci/cache.h"
#include "oci/warnings.h"
#include "receiver/receiver.h"
#include "render/git/gitlib.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_QUEUED = 100000,
    STOP_GRACE_MS = 3000, // a Pod has 30 s, and more to do in them
};

// Everything that runs, in the order in which it is taken down.
struct server {
    const struct cli *cli;
    struct serve_numbers numbers;
    struct loop *loop;
    struct pool *pool;
    struct store *store;
    struct metrics *metrics;
    struct clients *clients;
    struct keyring *keyring;
    struct series *series;
    struct oci_cache *cache;
    struct oci_budget *budget;
    struct oci_token_cache *tokens;
    struct oci_warnings *warnings;
    char *git_dir;
    char *cache_dir;
    const char *own_dirs[4];
    struct vec local_paths; // const char *, NULL-ended
    struct vec signers;     // likewise
    char *docker_config;
    struct vec mirrors; // struct oci_mirror
    struct receiver *receiver;
    struct http_server *hooks;
    struct status_server *status;
    struct bundles *bundles;
    struct syncs *syncs;
    struct cluster *cluster; // the store's, where Syncs without a target apply; NULL on files
};

static bool is_ready(void *arg, struct strbuf *why_not)
{
    const struct server *server = arg;
    if (server->receiver != NULL && !receiver_ready(server->receiver, why_not))
        return false;
    if (server->bundles != NULL && !bundles_ready(server->bundles)) {
        strbuf_addstr(why_not, "the packager has not seen all Bundles yet");
        return false;
    }
    if (server->syncs != NULL && !syncs_ready(server->syncs)) {
        strbuf_addstr(why_not, "the controller has not seen all Syncs yet");
        return false;
    }
    return true;
}

static int start_receiver(struct server *server, struct error *err)
{
    const struct receiver_options options = {.on_files = workspace_on_files(server->cli)};
    cleanup_free char *host = NULL;
    int port = 0;
    if (serve_split_address("listen", cli_string_or(server->cli, "listen", "127.0.0.1:8080"), &host,
                            &port, err) < 0 ||
        receiver_new(server->loop, server->store, server->pool, server->metrics, &options,
                     &server->receiver, err) < 0)
        return -1;
    const struct http_server_options listen = {
        .address = host,
        .port = port,
        .cert_file = cli_string(server->cli, "tls-cert"),
        .key_file = cli_string(server->cli, "tls-key"),
        .max_body_bytes = server->numbers.hook_bytes,
    };
    if (http_server_new(server->loop, &listen, receiver_events(), server->receiver, &server->hooks,
                        err) < 0)
        return error_wrap(err, "--listen");
    char text[16];
    snprintf(text, sizeof text, "%d", http_server_port(server->hooks));
    log_info("receiver listens", "address", host != NULL ? host : "*", "port", text, "tls",
             listen.cert_file != NULL ? "yes" : "no");
    return 0;
}

static int start_status(struct server *server, struct error *err)
{
    cleanup_free char *host = NULL;
    int port = 0;
    if (serve_split_address("health-listen",
                            cli_string_or(server->cli, "health-listen", "127.0.0.1:8081"), &host,
                            &port, err) < 0)
        return -1;
    const struct status_server_options options = {.address = host,
                                                  .port = port,
                                                  .metrics = server->metrics,
                                                  .ready = is_ready,
                                                  .arg = server};
    if (status_server_new(server->loop, &options, &server->status, err) < 0)
        return error_wrap(err, "--health-listen");
    char text[16];
    snprintf(text, sizeof text, "%d", status_server_port(server->status));
    log_info("health and metrics", "address", host != NULL ? host : "*", "port", text);
    return 0;
}

// --cache-dir, else below the state, or in a place of the system's in a cluster. What is in it can
// be fetched again.
static int open_caches(struct server *server, struct error *err)
{
    bool on_files = workspace_on_files(server->cli);
    const char *state =
        on_files ? cli_string_or(server->cli, "state", getenv("SEALIFT_STATE")) : NULL;
    cleanup_free char *fallback = path_join(state != NULL ? state : "", "cache");
    const char *dir =
        cli_string_or(server->cli, "cache-dir", on_files ? fallback : "/var/cache/sealift");
    cleanup_free char *blobs = path_join(dir, "blobs");
    server->git_dir = path_join(dir, "git");
    if (file_make_dirs(server->git_dir, err) < 0 ||
        oci_cache_open(blobs, server->numbers.cache_bytes, &server->cache, err) < 0)
        return error_wrap(err, "--cache-dir");
    // What was fetched with credentials is for nobody else on the host.
    if (chmod(server->git_dir, 0700) < 0)
        return error_errno(err, errno, "chmod %s", server->git_dir);
    const char *config =
        on_files ? cli_string_or(server->cli, "config", getenv("SEALIFT_CONFIG")) : NULL;
    server->cache_dir = xstrdup(dir);
    server->own_dirs[0] = server->cache_dir;
    server->own_dirs[1] = state;
    server->own_dirs[state != NULL ? 2 : 1] = config;
    return 0;
}

// Objects of a cluster are written by many; those in files by whoever owns this host.
static void set_reach(struct server *server, struct role *role)
{
    role->pkcs11_module = cli_string(server->cli, "pkcs11-module");
    if (workspace_on_files(server->cli))
        return;
    server->local_paths = VEC_OF(const char *, NULL);
    cli_list(server->cli, "allow-local-path", &server->local_paths);
    *(const char **)vec_push(&server->local_paths) = NULL;
    role->local_paths = server->local_paths.data;
    server->signers = VEC_OF(const char *, NULL);
    cli_list(server->cli, "allow-signer", &server->signers);
    *(const char **)vec_push(&server->signers) = NULL;
    role->signers = server->signers.data;
    if (!cli_flag(server->cli, "allow-loopback"))
        role->reach = HTTP_REACH_NOT_LOCAL;
}

static struct role role_of(const struct server *server)
{
    return (struct role){
        .loop = server->loop,
        .pool = server->pool,
        .clock = clock_system(),
        .store = server->store,
        .metrics = server->metrics,
        .clients = server->clients,
        .keyring = server->keyring,
        .series = server->series,
        .cache = server->cache,
        .budget = server->budget,
        .tokens = server->tokens,
        .warnings = server->warnings,
        .limits = server->numbers.artifact,
        .max_repository_bytes = server->numbers.repository_bytes,
        .git_dir = server->git_dir,
        .namespace = cli_string_or(server->cli, "system-namespace", SYSTEM_NAMESPACE),
        .docker_config = server->docker_config,
        .run_helpers = cli_flag(server->cli, "credential-helpers"),
        .cloud_login = cli_flag(server->cli, "cloud-login"),
        .mirrors = &server->mirrors,
        .reach = HTTP_REACH_ANY,
        .own_dirs = server->own_dirs,
        .cluster = server->cluster,
        .default_account = cli_string(server->cli, "default-service-account"),
        .leave_secrets = !serve_watches_secrets(server->cli),
        .allow_unverified = cli_flag(server->cli, "allow-unverified"),
    };
}

static int open_cluster(struct server *server, struct error *err)
{
    struct kube_client *client = store_kube_client(server->store);
    if (client == NULL || !serve_has_role(server->cli, "controller"))
        return 0;
    if (cluster_over(server->loop, client, &server->cluster, err) < 0)
        return -1;
    if (!serve_watches_secrets(server->cli))
        cluster_leave_secrets(server->cluster);
    return 0;
}

static int start_roles(struct server *server, struct error *err)
{
    if (open_cluster(server, err) < 0)
        return -1;
    struct role role = role_of(server);
    set_reach(server, &role);
    if (serve_has_role(server->cli, "receiver") && start_receiver(server, err) < 0)
        return -1;
    if (serve_has_role(server->cli, "packager") && bundles_new(&role, &server->bundles, err) < 0)
        return -1;
    if (serve_has_role(server->cli, "controller") && syncs_new(&role, &server->syncs, err) < 0)
        return -1;
    return start_status(server, err);
}

static void on_stop(int signal_number, void *arg)
{
    const struct server *server = arg;
    log_info("stopping", "signal", signal_number == SIGTERM ? "SIGTERM" : "SIGINT");
    if (server->hooks != NULL)
        http_server_drain(server->hooks);
    loop_stop(server->loop);
}

static void on_warning(void *arg, const char *host, const char *text)
{
    (void)arg;
    log_warn("a registry warns", "registry", host, "warning", text);
}

static int prepare(struct server *server, struct error *err)
{
    if (gitlib_setup(err) < 0 ||
        workspace_open(server->cli, WORKSPACE_WRITE, &server->store, err) < 0 ||
        open_caches(server, err) < 0 || loop_new(clock_system(), &server->loop, err) < 0 ||
        pool_new(server->loop, (unsigned)server->numbers.workers, MAX_QUEUED, &server->pool, err) <
            0)
        return -1;
    server->metrics = metrics_new();
    server->series = series_new(server->metrics);
    server->clients = clients_new(server->loop);
    server->keyring = keyring_new();
    server->budget = oci_budget_new(server->numbers.memory_bytes);
    server->tokens = oci_token_cache_new();
    server->warnings = oci_warnings_new(on_warning, NULL);
    server->docker_config = registry_login(server->cli);
    if (loop_on_signal(server->loop, SIGTERM, on_stop, server, err) < 0 ||
        loop_on_signal(server->loop, SIGINT, on_stop, server, err) < 0)
        return -1;
    return start_roles(server, err);
}

// The pool first: afterwards no flow touches anything below. The loop turns no more, so no flow may
// wait for it, nor for an API server that keeps silent.
static void take_down(struct server *server)
{
    struct kube_client *client = server->store != NULL ? store_kube_client(server->store) : NULL;
    if (client != NULL)
        kube_client_wind_down(client, STOP_GRACE_MS);
    if (server->pool != NULL)
        pool_free(server->pool);
    if (server->hooks != NULL)
        http_server_free(server->hooks);
    status_server_free(server->status);
    receiver_free(server->receiver);
    bundles_free(server->bundles);
    syncs_free(server->syncs);
    cluster_unref(server->cluster);
    clients_free(server->clients);
    keyring_free(server->keyring);
    oci_token_cache_free(server->tokens);
    oci_warnings_free(server->warnings);
    oci_budget_free(server->budget);
    oci_cache_close(server->cache);
    series_free(server->series);
    store_free(server->store);
    loop_free(server->loop);
    if (server->metrics != NULL)
        metrics_free(server->metrics);
    secret_free(server->docker_config);
    vec_free(&server->mirrors);
    free(server->git_dir);
    free(server->cache_dir);
    vec_free(&server->local_paths);
    vec_free(&server->signers);
    gitlib_teardown();
}

static int run(struct cli *cli, struct error *err)
{
    struct server server = {.cli = cli, .mirrors = OCI_MIRRORS};
    enum log_level level = LOG_LEVEL_INFO;
    if (serve_check(cli, err) < 0 || serve_read_numbers(cli, &server.numbers, err) < 0 ||
        registry_read_mirrors(cli, &server.mirrors, err) < 0 ||
        log_level_parse(cli_string_or(cli, "log-level", "info"), &level, err) < 0)
        return 2;
    log_configure(level, STDERR_FILENO, clock_system());
    int result = prepare(&server, err);
    if (result == 0) {
        log_info("sealift serves", "version", SEALIFT_VERSION, "roles",
                 cli_string_or(cli, "roles", "receiver,packager,controller"));
        if (cli_flag(cli, "allow-unverified"))
            log_warn(
                "--allow-unverified: Syncs that nothing governs are applied without verification");
        result = loop_run(server.loop, err);
    }
    take_down(&server);
    return result;
}

static const struct option_spec options[] = {
    {"roles", 0, OPTION_STRING, "LIST",
     "receiver,packager,controller, or some of them (default: all)", NULL},
    {"listen", 0, OPTION_STRING, "HOST:PORT", "where hooks arrive (default: 127.0.0.1:8080)", NULL},
    {"health-listen", 0, OPTION_STRING, "HOST:PORT",
     "/healthz, /readyz, /metrics (default: 127.0.0.1:8081)", NULL},
    {"tls-cert", 0, OPTION_STRING, "FILE", "certificate for --listen; read again when it changes",
     NULL},
    {"tls-key", 0, OPTION_STRING, "FILE", "its key", NULL},
    {"max-hook-bytes", 0, OPTION_NUMBER, "BYTES",
     "largest hook body (default: 4 MiB, at most 25 MiB)", NULL},
    {"cache-dir", 0, OPTION_STRING, "DIR",
     "artifacts and Git objects (default: STATE/cache, or /var/cache/sealift in a cluster)", NULL},
    {"allow-local-path", 0, OPTION_LIST, "DIR",
     "in a cluster: objects may name places of this host below it; may be repeated", NULL},
    {"allow-loopback", 0, OPTION_FLAG, NULL,
     "in a cluster: URLs of objects may lead to loopback and link-local addresses", NULL},
    {"allow-signer", 0, OPTION_LIST, "[NAMESPACE=]PROGRAM",
     "in a cluster: Bundles may sign with this program (docs/signers.md); may be repeated", NULL},
    {"pkcs11-module", 0, OPTION_STRING, "FILE",
     "library of the PKCS#11 tokens that Bundles sign with; none in a cluster without it", NULL},
    {"cache-bytes", 0, OPTION_NUMBER, "BYTES", "of artifacts in it (default: 1 GiB)", NULL},
    LIMIT_OPTIONS,
    {"unpack-memory", 0, OPTION_NUMBER, "BYTES",
     "for all artifacts being unpacked (default: 256 MiB)", NULL},
    {"max-repository-bytes", 0, OPTION_NUMBER, "BYTES",
     "largest pack that Git may send (default: 1 GiB)", NULL},
    {"workers", 0, OPTION_NUMBER, "N", "flows at the same time (default: 16)", NULL},
    {"system-namespace", 0, OPTION_STRING, "NAME",
     "where Secrets of TrustPolicies, Leases and records are (default: sealift-system)", NULL},
    {"default-service-account", 0, OPTION_STRING, "[NAMESPACE/]NAME",
     "in a cluster: whom Syncs act as that name nobody (default: sealift of their namespace)",
     NULL},
    {"watch-secrets", 0, OPTION_STRING, "BOOL",
     "in a cluster: false where the controller may read Secrets by name only (default: true)",
     NULL},
    {"allow-unverified", 0, OPTION_FLAG, NULL, "apply Syncs that neither a policy nor a key covers",
     NULL},
    REGISTRY_LOGIN_OPTIONS,
    {"credential-helpers", 0, OPTION_FLAG, NULL,
     "run the credential helpers that the login file names", NULL},
    {"log-level", 0, OPTION_STRING, "LEVEL", "what to log", "debug|info|warn|error"},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Run the roles: receiver, packager, controller",
    .help =
        "Runs until SIGTERM. The receiver takes hooks in, the packager turns Git into signed "
        "artifacts, the\n"
        "controller verifies and applies them. Objects are files (--config and --state), else "
        "those of a cluster:\n"
        "the one that $KUBECONFIG or --kubeconfig names, or that this Pod is in. Log lines are "
        "JSON on stderr.\n\n"
        "  sealift serve --config /etc/sealift --state /var/lib/sealift\n"
        "  sealift serve --roles receiver --listen :8443 --tls-cert tls.crt --tls-key tls.key\n",
    .options = options,
    .run = run,
};
