#include "oci/credentials.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/credential_helper.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CONFIG = 1 << 20 };

void oci_credentials_release(struct oci_credentials *credentials)
{
    secret_free(credentials->username);
    secret_free(credentials->password);
    secret_free(credentials->identity_token);
    secret_free(credentials->registry_token);
    *credentials = (struct oci_credentials){0};
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

// "https://index.docker.io/v1/" is "index.docker.io", "Host/acme/" is "host/acme". Owned.
static char *normal_key(const char *key)
{
    if (has_prefix(key, "https://"))
        key += strlen("https://");
    else if (has_prefix(key, "http://"))
        key += strlen("http://");
    char *text = xstrdup(key);
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '/')
        text[--length] = '\0';
    char *slash = strchr(text, '/');
    if (slash != NULL && (strcmp(slash, "/v1") == 0 || strcmp(slash, "/v2") == 0))
        *slash = '\0';
    for (char *cursor = text; *cursor != '\0' && *cursor != '/'; cursor++)
        *cursor = (char)tolower((unsigned char)*cursor);
    static const char *const hub[] = {"docker.io", "registry-1.docker.io"};
    for (size_t i = 0; i < ARRAY_LENGTH(hub); i++) {
        if (strcmp(text, hub[i]) != 0)
            continue;
        free(text);
        return xstrdup("index.docker.io");
    }
    return text;
}

// How much of name the key covers, in bytes; 0 when it is for something else.
static size_t coverage(const char *key, const char *name)
{
    cleanup_free char *normal = normal_key(key);
    size_t length = strlen(normal);
    bool covers = length > 0 && strncmp(normal, name, length) == 0 &&
                  (name[length] == '\0' || name[length] == '/');
    return covers ? length : 0;
}

static const char *text_of(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    return text != NULL && *text != '\0' ? text : NULL;
}

static bool is_header_safe(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

// auth is base64 of "user:password".
static int split_auth(const char *auth, struct oci_credentials *credentials, struct error *err)
{
    cleanup_free unsigned char *bytes = NULL;
    size_t size = 0;
    if (base64_decode(auth, strlen(auth), &bytes, &size, NULL) < 0)
        return error_set(err, ERROR_INVALID, "\"auth\" is no base64");
    char *text = (char *)bytes;
    char *colon = memchr(text, ':', size);
    if (colon == NULL || memchr(text, '\0', size) != NULL) {
        explicit_bzero(text, size);
        return error_set(err, ERROR_INVALID, "\"auth\" is not base64 of user:password");
    }
    credentials->username = xstrndup(text, (size_t)(colon - text));
    // Some tools pad the password with NULs; those were refused above.
    credentials->password = xstrdup(colon + 1);
    explicit_bzero(text, size);
    return 0;
}

int oci_credentials_check(const struct oci_credentials *credentials, struct error *err)
{
    const char *const all[] = {credentials->username, credentials->password,
                               credentials->identity_token, credentials->registry_token};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        if (all[i] != NULL && !is_header_safe(all[i]))
            return error_set(err, ERROR_INVALID,
                             "it holds a control character (a newline at its end?)");
    return 0;
}

static int read_entry(const json_t *entry, struct oci_credentials *credentials, struct error *err)
{
    credentials->identity_token = xstrdup_or_null(text_of(entry, "identitytoken"));
    credentials->registry_token = xstrdup_or_null(text_of(entry, "registrytoken"));
    const char *auth = text_of(entry, "auth");
    const char *username = text_of(entry, "username");
    const char *password = text_of(entry, "password");
    if (username != NULL && password != NULL) {
        credentials->username = xstrdup(username);
        credentials->password = xstrdup(password);
    } else if (auth != NULL && split_auth(auth, credentials, err) < 0) {
        return -1;
    }
    return oci_credentials_check(credentials, err);
}

bool oci_credentials_are_empty(const struct oci_credentials *credentials)
{
    return credentials->username == NULL && credentials->identity_token == NULL &&
           credentials->registry_token == NULL;
}

static int refuse_helper(const char *host, struct error *err)
{
    return error_set(
        err, ERROR_DENIED,
        "the credentials of %s are kept by a credential helper, which may not be run "
        "here (a Secret's never; for the login file of `sealift serve`: "
        "--credential-helpers); write \"auth\" into the docker config, or give user and "
        "password",
        host);
}

// The value of the key that covers most of name, or NULL.
static const json_t *closest(const json_t *object, const char *name, const char **ret_key)
{
    const char *key;
    const json_t *entry, *best = NULL;
    size_t best_length = 0;
    jval_foreach (object, key, entry) {
        size_t length = coverage(key, name);
        if (length <= best_length)
            continue;
        best_length = length;
        best = entry;
        *ret_key = key;
    }
    return best;
}

// As docker and its helpers call it.
static const char *server_of(const char *host)
{
    return strcmp(host, "index.docker.io") == 0 ? "https://index.docker.io/v1/" : host;
}

struct search {
    const json_t *config;
    const char *host;
    const char *name; // host/repository
    const struct oci_helpers *helpers;
    const json_t *entry; // of auths, or NULL
};

static int ask_cred_helper(const struct search *search, struct oci_credentials *found,
                           struct error *err)
{
    const char *key = NULL;
    const json_t *helper =
        closest(json_object_get(search->config, "credHelpers"), search->name, &key);
    const char *suffix = json_string_value(helper);
    if (suffix == NULL || *suffix == '\0')
        return 0;
    if (search->helpers == NULL)
        return refuse_helper(search->host, err);
    return credential_helper_get(suffix, server_of(search->host), search->helpers, found, err);
}

static int ask_creds_store(const struct search *search, struct oci_credentials *found,
                           struct error *err)
{
    const char *suffix = text_of(search->config, "credsStore");
    if (suffix == NULL || search->helpers == NULL)
        return 0;
    cleanup_error struct error cause = {0};
    if (credential_helper_get(suffix, server_of(search->host), search->helpers, found, &cause) == 0)
        return 0;
    // One config for many machines: not every one of them has the program. With an entry in auths
    // somebody did log in through it.
    bool passed_over = cause.code == ERROR_NOT_FOUND && search->entry == NULL;
    return passed_over ? 0 : error_move(err, &cause);
}

static int search_all(struct search *search, struct oci_credentials *found, struct error *err)
{
    const char *key = NULL;
    search->entry = closest(json_object_get(search->config, "auths"), search->name, &key);
    if (ask_cred_helper(search, found, err) < 0)
        return -1;
    if (oci_credentials_are_empty(found) && ask_creds_store(search, found, err) < 0)
        return -1;
    if (!oci_credentials_are_empty(found) || search->entry == NULL)
        return 0;
    if (read_entry(search->entry, found, err) < 0)
        return error_wrap(err, "the docker config's entry for %s", key);
    if (oci_credentials_are_empty(found) && search->helpers == NULL &&
        text_of(search->config, "credsStore") != NULL)
        return refuse_helper(search->host, err);
    return 0;
}

int oci_credentials_find(const char *docker_config, const char *host, const char *repository,
                         const struct oci_helpers *helpers, struct oci_credentials *ret_credentials,
                         struct error *err)
{
    cleanup_json json_t *config = NULL;
    size_t size = strnlen(docker_config, MAX_CONFIG + 1);
    if (size > MAX_CONFIG)
        return error_set(err, ERROR_LIMIT, "the docker config is larger than %d bytes", MAX_CONFIG);
    // jansson's message would quote the text, which may be a secret.
    if (jval_parse_object(docker_config, size, "the docker config", &config, NULL) < 0)
        return error_set(err, ERROR_INVALID,
                         "the docker config is no JSON object without duplicate names");
    cleanup_free char *name = xasprintf("%s/%s", host, repository);
    struct search search = {.config = config, .host = host, .name = name, .helpers = helpers};
    cleanup_oci_credentials struct oci_credentials found = {0};
    if (search_all(&search, &found, err) < 0)
        return -1;
    *ret_credentials = found;
    found = (struct oci_credentials){0};
    return 0;
}
