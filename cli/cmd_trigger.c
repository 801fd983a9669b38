// Sends what the sender of a Hook would send, signed with the Hook's token: a test of the whole way
// in.
#include "api/identity.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/http_client.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "receiver/route.h"

#include <openssl/rand.h>

#include <stdlib.h>
#include <string.h>

static const char zero_commit[] = "0000000000000000000000000000000000000000";
static const char other_commit[] = "0000000000000000000000000000000000000001";

static const char default_receiver[] = "http://127.0.0.1:8080";

// The first Bundle that the Hook names says which repository and branch a push would be about.
static json_t *first_bundle(struct store *store, const json_t *hook)
{
    size_t index;
    json_t *resource;
    json_array_foreach (object_spec(hook, "resources"), index, resource) {
        json_t *bundle = NULL;
        if (strcmp(jval_string_or(resource, "kind", ""), "Bundle") == 0 &&
            store_get(store, "Bundle", object_namespace(hook), jval_string_or(resource, "name", ""),
                      &bundle, NULL) == 0)
            return bundle;
    }
    return NULL;
}

static json_t *github_push(const struct cli *cli, const json_t *bundle)
{
    const char *url = cli_string(cli, "repository");
    const char *branch = object_spec_string(bundle, "source.git.ref.branch");
    const char *tag = object_spec_string(bundle, "source.git.ref.tag");
    cleanup_free char *ref = cli_string(cli, "ref") != NULL ? xstrdup(cli_string(cli, "ref"))
                             : tag != NULL
                                 ? xasprintf("refs/tags/%s", tag)
                                 : xasprintf("refs/heads/%s", branch != NULL ? branch : "main");
    if (url == NULL)
        url = object_spec_string(bundle, "source.git.url");
    json_t *push = json_object();
    jval_set_string(push, "ref", ref);
    jval_set_string(push, "before", zero_commit);
    jval_set_string(push, "after", cli_string_or(cli, "commit", other_commit));
    jval_set_string(push, "repository.clone_url", url != NULL ? url : "");
    jval_set_string(push, "repository.full_name", "sealift/trigger");
    return push;
}

static json_t *sealift_notification(const struct cli *cli)
{
    char now[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(clock_system()), now);
    json_t *body = json_object();
    jval_set_string(body, "repository", cli_string_or(cli, "repository", ""));
    jval_set_string(body, "tag", cli_string_or(cli, "tag", ""));
    jval_set_string(body, "digest", cli_string_or(cli, "digest", ""));
    jval_set_string(body, "requestId", "trigger");
    jval_set_string(body, "issuedAt", now);
    return body;
}

static char *new_delivery_id(void)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        abort();
    return hex_encode(bytes, sizeof bytes);
}

static void add_headers(struct vec *headers, bool github, const char *event, const char *id,
                        const char *signature)
{
    http_headers_add(headers, "Content-Type", "application/json");
    if (!github) {
        http_headers_add(headers, "X-Sealift-Signature-256", signature);
        return;
    }
    http_headers_add(headers, "X-GitHub-Event", event);
    http_headers_add(headers, "X-GitHub-Delivery", id);
    http_headers_add(headers, "X-Hub-Signature-256", signature);
}

static int print_delivery(const struct cli *cli, const json_t *hook, const char *id,
                          const char *answer, struct error *err)
{
    cleanup_free char *name = print_name(hook);
    cleanup_json json_t *value =
        json_pack("{s:s, s:s, s:s, s:s}", "hook", object_name(hook), "namespace",
                  object_namespace(hook), "delivery", id, "answer", answer);
    return print_answer_of(cli, value, name, err);
}

// *ret_secret is owned, and has a token.
static int read_secret(struct store *store, const json_t *hook, struct secret_data **ret_secret,
                       struct error *err)
{
    const struct secret_use use = {hook, "spec.secretRef", SECRET_HOOK_TOKEN};
    const char *name = object_spec_string(hook, "secretRef.name");
    cleanup_secret_data struct secret_data *secret = NULL;
    if (name == NULL)
        return error_set(err, ERROR_INVALID, "%s", object_problem_message(hook));
    if (store_secret_for(store, &use, object_namespace(hook), name, &secret, err) < 0)
        return -1;
    if (secret_data_get(secret, "token", NULL) == NULL)
        return secret_use_refuse(&use, object_namespace(hook), name, "token", err);
    *ret_secret = STEAL(secret);
    return 0;
}

static int send_body(const struct cli *cli, const json_t *hook, const struct secret_data *secret,
                     const json_t *value, struct error *err)
{
    size_t token_size = 0;
    const void *token = secret_data_get(secret, "token", &token_size);
    cleanup_free char *body = jval_compact(value);
    unsigned char mac[SHA256_SIZE];
    hmac_sha256(token, token_size, body, strlen(body), mac);
    cleanup_free char *hex = hex_encode(mac, sizeof mac);
    cleanup_free char *signature = xasprintf("sha256=%s", hex);
    cleanup_free char *id = new_delivery_id();
    if (token_size < HOOK_TOKEN_MIN_BYTES)
        return error_set(err, ERROR_INVALID,
                         "the token in the Secret %s/%s of Hook %s is shorter than %d bytes, and "
                         "the receiver refuses it; `openssl rand -hex 32` makes one",
                         object_namespace(hook), object_spec_string(hook, "secretRef.name"),
                         object_name(hook), HOOK_TOKEN_MIN_BYTES);
    char path[HOOK_PATH_SIZE];
    hook_path(token, token_size, object_namespace(hook), object_name(hook), path);
    cleanup_free char *url = xasprintf("%s%s", cli_string_or(cli, "to", default_receiver), path);
    cleanup_vec struct vec headers = HTTP_HEADERS;
    bool github = strcmp(jval_string_or(object_spec(hook, ""), "provider", ""), "github") == 0;
    add_headers(&headers, github, cli_flag(cli, "ping") ? "ping" : "push", id, signature);
    const struct http_request request = {.method = "POST",
                                         .url = url,
                                         .headers = &headers,
                                         .body = body,
                                         .body_size = strlen(body),
                                         .deadline_ms = cli->timeout_ms};
    cleanup_http_client struct http_client *client = http_client_new();
    cleanup_http_response struct http_response response = {0};
    if (http_do(client, &request, &response, err) < 0)
        return cli_given(cli, "to")
                   ? error_wrap(err, "the receiver that --to names")
                   : error_wrap(err,
                                "no receiver is named with --to URL, and none is here (to bring "
                                "it here: kubectl port-forward -n " SYSTEM_NAMESPACE
                                " service/sealift-receiver 8080:80)");
    if (http_status_error(&response, "the receiver refused the delivery", err) < 0)
        return -1;
    cleanup_free char *answer = xstrndup(response.body.data, strcspn(response.body.data, "\n"));
    tell_done(cli, "delivered %s: %s", id, answer);
    return print_delivery(cli, hook, id, answer, err);
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *hook = NULL;
    cleanup_secret_data struct secret_data *secret = NULL;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    if (workspace_get(cli, store, "Hook", cli_argument(cli, 0), &hook, err) < 0 ||
        read_secret(store, hook, &secret, err) < 0)
        return -1;
    const char *provider = object_spec_string(hook, "provider");
    cleanup_json json_t *bundle = first_bundle(store, hook);
    cleanup_json json_t *body = provider != NULL && strcmp(provider, "sealift") == 0
                                    ? sealift_notification(cli)
                                    : github_push(cli, bundle);
    tell_step(cli, "sending a signed delivery to Hook %s/%s", object_namespace(hook),
              object_name(hook));
    return send_body(cli, hook, secret, body, err);
}

static const struct option_spec options[] = {
    {"to", 0, OPTION_STRING, "URL", "where the receiver listens (default: http://127.0.0.1:8080)",
     NULL},
    {"ping", 0, OPTION_FLAG, NULL, "send a ping, which changes nothing", NULL},
    {"repository", 0, OPTION_STRING, "URL",
     "the repository it is about (default: the first Bundle's)", NULL},
    {"ref", 0, OPTION_STRING, "REF", "the ref that was pushed (default: the first Bundle's)", NULL},
    {"commit", 0, OPTION_STRING, "COMMIT", "the commit that was pushed", NULL},
    {"tag", 0, OPTION_STRING, "NAME", "provider sealift: the tag that moved", NULL},
    {"digest", 0, OPTION_STRING, "DIGEST", "provider sealift: where it points now", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_trigger = {
    .name = "trigger",
    .arguments = "HOOK",
    .summary = "Send a signed test delivery to a Hook",
    .help =
        "Sends what the Hook's provider would send after a push, signed with the Hook's token, and "
        "prints\n"
        "the answer. The delivery is a hint: it makes the packager look, and proves the way in.\n\n"
        "  sealift trigger github --to https://hooks.example.com\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
