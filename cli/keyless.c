#include "cli/keyless.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/http_client.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/tell.h"
#include "oci/sign/certificate.h"
#include "oci/sign/identity_token.h"
#include "oci/sign/public_good_root.h"
#include "oci/sign/signing_config.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RETRIES = 3, MAX_ANSWER = 64 << 10 };

static const char actions_url[] = "ACTIONS_ID_TOKEN_REQUEST_URL";
static const char actions_token[] = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

// NULL where it is not set, or empty, as CI systems leave it.
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

bool keyless_is_wanted(const struct cli *cli)
{
    if (cli_string(cli, "identity-token") != NULL || cli_string(cli, "identity-token-file") != NULL)
        return true;
    if (cli_string(cli, "key") != NULL || cli_string(cli, "signer") != NULL)
        return false;
    return environment("SIGSTORE_ID_TOKEN") != NULL ||
           (environment(actions_url) != NULL && environment(actions_token) != NULL);
}

// What GitHub gives a job whose workflow has the permission `id-token: write`.
static int ask_actions(const struct cli *cli, struct identity_token *ret_token, struct error *err)
{
    const char *base = environment(actions_url);
    cleanup_free char *url =
        xasprintf("%s%saudience=sigstore", base, strchr(base, '?') != NULL ? "&" : "?");
    cleanup_secret char *authorization = xasprintf("bearer %s", environment(actions_token));
    cleanup_http_client struct http_client *client = http_client_new();
    cleanup_http_response struct http_response response = {0};
    cleanup_json json_t *answer = NULL;
    const struct http_request request = {.method = "GET",
                                         .url = url,
                                         .authorization = authorization,
                                         .deadline_ms = cli->timeout_ms,
                                         .max_body_bytes = MAX_ANSWER,
                                         .max_retries = MAX_RETRIES};
    if (http_do(client, &request, &response, err) < 0)
        return error_wrap(err, "$%s", actions_url);
    if (response.status != 200)
        return error_set(err, ERROR_DENIED,
                         "GitHub Actions gives no identity token: %d; does the job have the "
                         "permission `id-token: write`?",
                         response.status);
    // What it says may be a token, and is not shown.
    int result = jval_parse_object(response.body.data, response.body.len, "", &answer, NULL);
    const char *text = result == 0 ? jval_string(answer, "value") : NULL;
    if (text == NULL)
        return error_set(err, ERROR_INVALID,
                         "$%s answers without an identity token; give one with "
                         "--identity-token-file FILE",
                         actions_url);
    return identity_token_parse(text, strlen(text), ret_token, err);
}

static int find_token(const struct cli *cli, struct identity_token *ret_token, struct error *err)
{
    const char *given = cli_string(cli, "identity-token");
    const char *file = cli_string(cli, "identity-token-file");
    cleanup_secret char *text = NULL;
    size_t size = 0;
    if (given != NULL && file != NULL)
        return error_set(err, ERROR_INVALID,
                         "--identity-token and --identity-token-file are two tokens; give one");
    if (given != NULL)
        return identity_token_parse(given, strlen(given), ret_token, err);
    if (file != NULL) {
        if (file_read(file, IDENTITY_TOKEN_MAX_BYTES + 1, &text, &size, err) < 0 ||
            identity_token_parse(text, size, ret_token, err) < 0)
            return error_wrap(err, "--identity-token-file");
        return 0;
    }
    given = environment("SIGSTORE_ID_TOKEN");
    if (given == NULL)
        return ask_actions(cli, ret_token, err);
    if (identity_token_parse(given, strlen(given), ret_token, err) < 0)
        return error_wrap(err, "$SIGSTORE_ID_TOKEN");
    return 0;
}

int keyless_load_root(const struct cli *cli, struct trusted_root **ret_root, struct error *err)
{
    const char *file = cli_string(cli, "trusted-root");
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (file == NULL && cli_flag(cli, "staging"))
        return error_set(err, ERROR_INVALID,
                         "the trusted root of Sigstore's staging instance is not built in, for it "
                         "changes often and vouches for nobody; get it with sealift trusted-root "
                         "update --mirror https://tuf-repo-cdn.sigstage.dev --root ROOT.json, and "
                         "name it with --trusted-root FILE");
    if (file == NULL)
        return trusted_root_parse(public_good_root, public_good_root_size,
                                  "the trusted root of Sigstore's public instance", ret_root, err);
    if (file_read(file, TRUSTED_ROOT_MAX_BYTES, &text, &size, err) < 0)
        return error_wrap(err, "--trusted-root");
    return trusted_root_parse(text, size, file, ret_root, err);
}

static int load_config(const struct cli *cli, struct signing_config **ret_config, struct error *err)
{
    const char *file = cli_string(cli, "signing-config");
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (file == NULL && cli_flag(cli, "staging"))
        return signing_config_parse(staging_signing_config, staging_signing_config_size,
                                    "the built-in configuration of Sigstore's staging instance",
                                    ret_config, err);
    if (file == NULL)
        return signing_config_parse(public_good_signing_config, public_good_signing_config_size,
                                    "the built-in configuration of Sigstore's public instance",
                                    ret_config, err);
    if (file_read(file, SIGNING_CONFIG_MAX_BYTES, &text, &size, err) < 0)
        return error_wrap(err, "--signing-config");
    return signing_config_parse(text, size, file, ret_config, err);
}

void keyless_session_release(struct keyless_session *session)
{
    keyless_free(STEAL(session->keyless));
    signing_config_free(STEAL(session->config));
    trusted_root_free(STEAL(session->root));
}

int keyless_session_open(const struct cli *cli, struct keyless_session *ret_session,
                         struct error *err)
{
    cleanup_keyless_session struct keyless_session session = {0};
    cleanup_identity_token struct identity_token token = {0};
    if (cli_string(cli, "key") != NULL || cli_string(cli, "signer") != NULL)
        return error_set(err, ERROR_INVALID,
                         "a token and a key are two signers; sign twice, or leave one out");
    if (keyless_load_root(cli, &session.root, err) < 0 ||
        load_config(cli, &session.config, err) < 0 || find_token(cli, &token, err) < 0)
        return -1;
    const struct keyless_request request = {.config = session.config,
                                            .root = session.root,
                                            .token = &token,
                                            .now_ms = clock_wall_ms(clock_system()),
                                            .timeout_ms = cli->timeout_ms};
    tell_step(cli, "asking for a certificate");
    if (keyless_open(&request, &session.keyless, err) < 0)
        return error_wrap(err, "keyless signing");
    *ret_session = session;
    session = (struct keyless_session){0};
    return 0;
}
