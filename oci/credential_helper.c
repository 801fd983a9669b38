#include "oci/credential_helper.h"

#include "base/jval.h"
#include "base/memory.h"
#include "base/program.h"
#include "base/strbuf.h"
#include "oci/registry_internal.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum {
    MAX_OUTPUT = 256 * 1024, // tokens of cloud providers are long
    MAX_SUFFIX = 64,
    MAX_REASON = 200,
    HELPER_MS = 30 * 1000,
    ANSWER_LIFETIME_MS = 5 * 60 * 1000, // well below that of any provider's token
};

// A name, no path: the config says which helper, not which program.
static int check_suffix(const char *suffix, struct error *err)
{
    size_t length = strlen(suffix);
    bool fine = length > 0 && length <= MAX_SUFFIX && isalnum((unsigned char)suffix[0]);
    for (size_t i = 0; i < length && fine; i++)
        fine = isalnum((unsigned char)suffix[i]) || strchr("._-", suffix[i]) != NULL;
    if (fine)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "the docker config names a credential helper \"%.70s\", which is no name",
                     suffix);
}

int credential_helper_parse(const char *text, size_t size, struct oci_credentials *ret_credentials,
                            struct error *err)
{
    cleanup_json json_t *answer = NULL;
    // Without jansson's message, which would quote the answer.
    if (jval_parse_object(text, size, "login", &answer, NULL) < 0)
        return error_set(err, ERROR_INVALID, "it printed no JSON object");
    const char *username = jval_string(answer, "Username");
    const char *secret = jval_string(answer, "Secret");
    if (username == NULL || secret == NULL)
        return error_set(err, ERROR_INVALID, "it printed no Username and Secret");
    if (*secret == '\0')
        return 0;
    cleanup_oci_credentials struct oci_credentials found = {0};
    if (strcmp(username, "<token>") == 0) {
        found.identity_token = xstrdup(secret);
    } else {
        found.username = xstrdup(username);
        found.password = xstrdup(secret);
    }
    if (oci_credentials_check(&found, err) < 0)
        return -1;
    *ret_credentials = found;
    found = (struct oci_credentials){0};
    return 0;
}

// What all helpers say on standard output where they have no login.
static bool knows_nothing(const char *output)
{
    static const char *const sentences[] = {"credentials not found in native keychain",
                                            "no credentials server URL", "no credentials username"};
    for (size_t i = 0; i < ARRAY_LENGTH(sentences); i++)
        if (strncmp(output, sentences[i], strlen(sentences[i])) == 0)
            return true;
    return false;
}

static int read_failure(const struct strbuf *output, int code, struct error *err)
{
    if (knows_nothing(output->data))
        return 0;
    // On failure it prints a sentence; should it be a login all the same, nobody is to read it.
    cleanup_strbuf struct strbuf reason;
    strbuf_init(&reason, MAX_REASON + 3);
    bool is_sentence = strpbrk(output->data, "{}") == NULL;
    for (size_t i = 0; is_sentence && i < output->len && i < MAX_REASON; i++)
        strbuf_addch(&reason, isprint((unsigned char)output->data[i]) ? output->data[i] : ' ');
    return error_set(err, ERROR_DENIED,
                     "it failed with exit code %d: %s; run it by hand to see why", code,
                     reason.len > 0 ? reason.data : "it says nothing");
}

static int run_helper(const char *suffix, const char *server, const struct oci_helpers *helpers,
                      struct strbuf *output, struct oci_credentials *ret_credentials,
                      struct error *err)
{
    cleanup_free char *name = xasprintf("docker-credential-%s", suffix);
    const struct program program = {.argv = (const char *const[]){name, "get", NULL},
                                    .input = server,
                                    .input_size = strlen(server),
                                    .timeout_ms = HELPER_MS,
                                    .cancel = helpers->cancel};
    int code = 0;
    if (program_run(&program, output, &code, err) < 0)
        return -1;
    int result = code == 0
                     ? credential_helper_parse(output->data, output->len, ret_credentials, err)
                     : read_failure(output, code, err);
    return result == 0 ? 0 : error_wrap(err, "credential helper %s for %s", name, server);
}

int credential_helper_get(const char *suffix, const char *server, const struct oci_helpers *helpers,
                          struct oci_credentials *ret_credentials, struct error *err)
{
    if (check_suffix(suffix, err) < 0)
        return -1;
    cleanup_free char *key = xasprintf("helper %s %s", suffix, server);
    cleanup_secret char *known =
        helpers->answers != NULL ? token_cache_get(helpers->answers, key) : NULL;
    if (known != NULL)
        return credential_helper_parse(known, strlen(known), ret_credentials, err);
    cleanup_strbuf struct strbuf output;
    strbuf_init(&output, MAX_OUTPUT);
    cleanup_oci_credentials struct oci_credentials found = {0};
    int result = run_helper(suffix, server, helpers, &output, &found, err);
    if (result == 0 && helpers->answers != NULL && !oci_credentials_are_empty(&found))
        token_cache_put(helpers->answers, key, output.data, ANSWER_LIFETIME_MS);
    if (output.len > 0)
        explicit_bzero(output.data, output.len);
    if (result == 0) {
        *ret_credentials = found;
        found = (struct oci_credentials){0};
    }
    return result;
}
