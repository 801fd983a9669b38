#include "cli/serve_options.h"

#include "base/memory.h"
#include "cli/limits.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_WORKERS = 16,
    MAX_WORKERS = 256,
    MAX_HOOK_BYTES = 25 << 20, // what GitHub may send
    DEFAULT_HOOK_BYTES = 4 << 20,
};

static const size_t default_repository_bytes = (size_t)1 << 30;
static const size_t default_cache_bytes = (size_t)1 << 30;
static const size_t default_memory_bytes = (size_t)256 << 20;
static const size_t most_bytes = (size_t)1 << 40;

bool serve_has_role(const struct cli *cli, const char *role)
{
    const char *roles = cli_string_or(cli, "roles", "receiver,packager,controller");
    size_t length = strlen(role);
    for (const char *word = roles; *word != '\0'; word += *word == ',') {
        size_t size = strcspn(word, ",");
        if (size == length && strncmp(word, role, size) == 0)
            return true;
        word += size;
    }
    return false;
}

static int check_roles(const struct cli *cli, struct error *err)
{
    static const char *const known[] = {"receiver", "packager", "controller"};
    const char *roles = cli_string_or(cli, "roles", "receiver,packager,controller");
    for (const char *word = roles; *word != '\0'; word += *word == ',') {
        size_t size = strcspn(word, ",");
        bool found = false;
        for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
            found |= strlen(known[i]) == size && strncmp(word, known[i], size) == 0;
        if (!found)
            return error_set(err, ERROR_INVALID,
                             "\"%.*s\" is no role; the roles are receiver, packager and controller",
                             (int)size, word);
        word += size;
    }
    if (*roles == '\0')
        return error_set(err, ERROR_INVALID,
                         "--roles is empty; name some of receiver, packager and controller, or "
                         "leave it out for all");
    return 0;
}

bool serve_watches_secrets(const struct cli *cli)
{
    return strcmp(cli_string_or(cli, "watch-secrets", "true"), "false") != 0;
}

static int check_watch_secrets(const struct cli *cli, struct error *err)
{
    const char *value = cli_string_or(cli, "watch-secrets", "true");
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return error_set(err, ERROR_INVALID, "--watch-secrets is true or false, not \"%s\"", value);
    return 0;
}

int serve_check(const struct cli *cli, struct error *err)
{
    return check_roles(cli, err) < 0 ? -1 : check_watch_secrets(cli, err);
}

int serve_read_numbers(const struct cli *cli, struct serve_numbers *ret_numbers, struct error *err)
{
    if (limits_read(cli, &ret_numbers->artifact, err) < 0)
        return -1;
    // Room for the largest artifact is the least that makes sense.
    size_t memory = ret_numbers->artifact.max_unpacked > default_memory_bytes
                        ? ret_numbers->artifact.max_unpacked
                        : default_memory_bytes;
    if (limit_read(cli, "workers", DEFAULT_WORKERS, MAX_WORKERS, &ret_numbers->workers, err) < 0 ||
        limit_read(cli, "max-hook-bytes", DEFAULT_HOOK_BYTES, MAX_HOOK_BYTES,
                   &ret_numbers->hook_bytes, err) < 0 ||
        limit_read(cli, "max-repository-bytes", default_repository_bytes, most_bytes,
                   &ret_numbers->repository_bytes, err) < 0 ||
        limit_read(cli, "cache-bytes", default_cache_bytes, most_bytes, &ret_numbers->cache_bytes,
                   err) < 0 ||
        limit_read(cli, "unpack-memory", memory, most_bytes, &ret_numbers->memory_bytes, err) < 0)
        return -1;
    if (ret_numbers->memory_bytes < ret_numbers->artifact.max_unpacked)
        return error_set(err, ERROR_INVALID,
                         "--unpack-memory is less than --max-unpacked-bytes, %zu: the largest "
                         "artifact would never fit",
                         ret_numbers->artifact.max_unpacked);
    return 0;
}

int serve_split_address(const char *option, const char *text, char **ret_host, int *ret_port,
                        struct error *err)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    long port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
    if (colon == NULL || end == colon + 1 || *end != '\0' || port < 0 || port > 65535)
        return error_set(err, ERROR_INVALID, "--%s is HOST:PORT, like 127.0.0.1:8080, not \"%s\"",
                         option, text);
    bool bracketed = *text == '[' && colon > text && colon[-1] == ']';
    const char *host = bracketed ? text + 1 : text;
    size_t length = (size_t)(colon - host) - (bracketed ? 1 : 0);
    *ret_host = length > 0 ? xstrndup(host, length) : NULL;
    *ret_port = (int)port;
    return 0;
}
