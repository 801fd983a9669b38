// Identities are compared as text, so every function here turns what it accepts into the one
// spelling or refuses it.
#include "api/identity.h"

#include "base/file.h"
#include "base/git_identity.h"
#include "base/jval.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// Longer than any URL a forge hands out.
enum { IDENTITY_MAX = 2048 };

static int refuse(const char *what, const char *text, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "\"%.200s\" is no %s: %s", text, what, why);
}

// host[:port], the host a name or an IPv6 address in brackets. "oci-layout" would be read as a
// scheme.
static bool is_host(const char *host)
{
    size_t size = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    size_t fine = *host == '[' ? strspn(host, "[]0123456789abcdef:.")
                               : strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_");
    if (size == 0 || size > 255 || fine < size || strncmp(host, "oci-layout:", 11) == 0)
        return false;
    const char *port = host + size;
    return *port == '\0' || (port[0] == ':' && port[1] != '\0' && strlen(port) <= 6 &&
                             strspn(port + 1, "0123456789") == strlen(port + 1));
}

int identity_git(const char *url, char **ret_identity, struct error *err)
{
    return git_identity(url, ret_identity, err);
}

bool identity_git_equal(const char *a, const char *b)
{
    cleanup_free char *one = NULL;
    cleanup_free char *other = NULL;
    return identity_git(a, &one, NULL) == 0 && identity_git(b, &other, NULL) == 0 &&
           strcmp(one, other) == 0;
}

const char *identity_git_ref(const char *ref)
{
    static const char heads[] = "refs/heads/";
    return strncmp(ref, heads, sizeof heads - 1) == 0 ? ref + sizeof heads - 1 : ref;
}

// Cuts "@digest" and then ":tag", which can only stand after the last slash.
static char *without_tag(const char *text)
{
    char *name = xstrdup(text);
    char *at = strchr(name, '@');
    if (at != NULL)
        *at = '\0';
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash != NULL ? slash : name, ':');
    if (colon != NULL)
        *colon = '\0';
    return name;
}

// The path with its links resolved as far as it exists.
static char *real_path_of(const char *path)
{
    cleanup_free char *real = realpath(path, NULL);
    if (real != NULL)
        return STEAL(real);
    const char *slash = strrchr(path, '/');
    if (slash == path)
        return xstrdup(path);
    cleanup_free char *parent = xstrndup(path, (size_t)(slash - path));
    cleanup_free char *real_parent = real_path_of(parent);
    return path_join(real_parent, slash + 1);
}

static int layout_identity(const char *path, char **ret_identity, struct error *err)
{
    // Two slashes would start a host.
    if (*path != '/' || (path[1] == '/' && path[2] != '/'))
        return refuse("OCI layout", path, "write it like oci-layout:///var/lib/sealift/shop", err);
    cleanup_free char *plain = without_tag(path);
    size_t size = 0;
    for (const char *at = plain; *at != '\0'; at++) {
        if (*at != '/' || at[1] != '/')
            plain[size++] = *at;
    }
    if (size > 1 && plain[size - 1] == '/')
        size--;
    plain[size] = '\0';
    // It would be read as a tag when the identity is read again.
    if (strchr(plain, '@') != NULL || strchr(strrchr(plain, '/'), ':') != NULL)
        return refuse("OCI layout", path, "its last folder must not hold : or @", err);
    cleanup_free char *real = real_path_of(plain);
    *ret_identity = xasprintf("oci-layout:%s", real);
    return 0;
}

static bool is_repository_path(const char *path)
{
    if (!isalnum((unsigned char)*path))
        return false;
    for (; *path != '\0'; path++) {
        if (!isalnum((unsigned char)*path) && strchr("._-/", *path) == NULL)
            return false;
        if (*path == '/' && !isalnum((unsigned char)path[1]))
            return false;
    }
    return true;
}

static bool is_docker_hub(const char *host)
{
    return strcmp(host, "docker.io") == 0 || strcmp(host, "index.docker.io") == 0 ||
           strcmp(host, "registry-1.docker.io") == 0;
}

int identity_oci(const char *repository, char **ret_identity, struct error *err)
{
    static const char what[] = "OCI repository";
    static const char layout[] = "oci-layout:";
    static const char scheme[] = "oci://";
    if (strlen(repository) > IDENTITY_MAX)
        return refuse(what, repository, "it is longer than 2048 bytes", err);
    if (strncmp(repository, layout, sizeof layout - 1) == 0)
        return layout_identity(repository + sizeof layout - 1, ret_identity, err);
    bool prefixed = strncmp(repository, scheme, sizeof scheme - 1) == 0;
    cleanup_free char *name = without_tag(repository + (prefixed ? sizeof scheme - 1 : 0));
    for (char *cursor = name; *cursor != '\0'; cursor++)
        *cursor = (char)tolower((unsigned char)*cursor);

    size_t first = strcspn(name, "/");
    bool names_host = name[first] == '/' &&
                      (memchr(name, '.', first) != NULL || memchr(name, ':', first) != NULL ||
                       strncmp(name, "localhost/", first + 1) == 0);
    cleanup_free char *host = names_host ? xstrndup(name, first) : xstrdup("index.docker.io");
    const char *path = names_host ? name + first + 1 : name;
    if (!is_host(host) || !is_repository_path(path))
        return refuse(what, repository, "write it like oci://registry.example.com/acme/shop", err);
    bool hub = is_docker_hub(host);
    *ret_identity = xasprintf("%s/%s%s", hub ? "index.docker.io" : host,
                              hub && strchr(path, '/') == NULL ? "library/" : "", path);
    return 0;
}

// One step of the pattern for all positions of the text at once, so that no pattern is slow:
// reached[j] says whether the pattern so far matches the first j bytes.
static void match_step(bool *reached, const char *text, size_t size, char literal, bool star,
                       bool across)
{
    if (star) {
        for (size_t j = 1; j <= size; j++)
            reached[j] = reached[j] || (reached[j - 1] && (across || text[j - 1] != '/'));
        return;
    }
    for (size_t j = size; j > 0; j--)
        reached[j] = reached[j - 1] && text[j - 1] == literal;
    reached[0] = false;
}

static char *canonical_pattern(const char *pattern)
{
    if (strncmp(pattern, "oci://", 6) == 0)
        pattern += 6;
    if (strncmp(pattern, "docker.io/", 10) == 0)
        return xasprintf("index.%s", pattern);
    return xstrdup(pattern);
}

bool identity_match(const char *pattern, const char *identity)
{
    size_t size = strlen(identity);
    cleanup_free char *plain = canonical_pattern(pattern);
    cleanup_free bool *reached = xcalloc(size + 1, sizeof *reached);
    reached[0] = true;
    for (const char *cursor = plain; *cursor != '\0'; cursor++) {
        bool star = *cursor == '*';
        bool across = star && cursor[1] == '*';
        cursor += across;
        match_step(reached, identity, size, *cursor, star, across);
    }
    return reached[size];
}

static bool list_has(const json_t *values, const char *text)
{
    size_t i;
    json_t *value;
    json_array_foreach (values, i, value) {
        if (text != NULL && json_is_string(value) && strcmp(json_string_value(value), text) == 0)
            return true;
    }
    return false;
}

static bool expression_holds(const json_t *expression, const json_t *labels)
{
    const char *key = json_string_value(json_object_get(expression, "key"));
    const char *operation = json_string_value(json_object_get(expression, "operator"));
    const json_t *values = json_object_get(expression, "values");
    if (key == NULL || operation == NULL)
        return false;
    const char *label = json_string_value(json_object_get(labels, key));
    if (strcmp(operation, "Exists") == 0)
        return label != NULL;
    if (strcmp(operation, "DoesNotExist") == 0)
        return label == NULL;
    if (strcmp(operation, "In") == 0)
        return list_has(values, label);
    if (strcmp(operation, "NotIn") == 0)
        return json_is_array(values) && !list_has(values, label);
    return false;
}

bool selector_matches(const json_t *selector, const json_t *labels)
{
    if (selector == NULL)
        return true;
    const json_t *match_labels = json_object_get(selector, "matchLabels");
    const json_t *expressions = json_object_get(selector, "matchExpressions");
    if (!json_is_object(selector) || (match_labels != NULL && !json_is_object(match_labels)) ||
        (expressions != NULL && !json_is_array(expressions)))
        return false;
    const char *name;
    json_t *wanted;
    jval_foreach (match_labels, name, wanted) {
        const json_t *label = json_object_get(labels, name);
        if (!json_is_string(wanted) || !json_is_string(label) || !json_equal(wanted, label))
            return false;
    }
    size_t i;
    json_t *expression;
    json_array_foreach (expressions, i, expression) {
        if (!expression_holds(expression, labels))
            return false;
    }
    return true;
}

static bool expression_is_valid(const json_t *expression)
{
    const char *operation = json_string_value(json_object_get(expression, "operator"));
    if (!json_is_string(json_object_get(expression, "key")) || operation == NULL)
        return false;
    if (strcmp(operation, "Exists") == 0 || strcmp(operation, "DoesNotExist") == 0)
        return true;
    return (strcmp(operation, "In") == 0 || strcmp(operation, "NotIn") == 0) &&
           json_is_array(json_object_get(expression, "values"));
}

bool selector_is_valid(const json_t *selector)
{
    const json_t *match_labels = json_object_get(selector, "matchLabels");
    const json_t *expressions = json_object_get(selector, "matchExpressions");
    const char *name;
    json_t *value;
    size_t i;
    if (selector == NULL)
        return true;
    if (!json_is_object(selector) || (match_labels != NULL && !json_is_object(match_labels)) ||
        (expressions != NULL && !json_is_array(expressions)))
        return false;
    jval_foreach (match_labels, name, value) {
        if (!json_is_string(value))
            return false;
    }
    json_array_foreach (expressions, i, value) {
        if (!expression_is_valid(value))
            return false;
    }
    // A misspelt member would make it select more, or nothing that was meant.
    return json_object_size(selector) ==
           (size_t)(match_labels != NULL) + (size_t)(expressions != NULL);
}

bool selector_is_empty(const json_t *selector)
{
    return json_object_size(json_object_get(selector, "matchLabels")) == 0 &&
           json_array_size(json_object_get(selector, "matchExpressions")) == 0;
}
