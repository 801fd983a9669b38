// Identities are compared as text, so every function here turns what it accepts into the one
// spelling or refuses it.
#include "api/identity.h"

#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// Longer than any URL a forge hands out.
enum { IDENTITY_MAX = 2048 };

static int refuse(const char *what, const char *text, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "\"%.200s\" is no %s: %s", text, what, why);
}

static bool has_odd_bytes(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char ch = (unsigned char)*text;
        if (ch <= ' ' || ch == 0x7f || ch == '?' || ch == '#' || ch == '\\')
            return true;
    }
    return false;
}

static void add_lower(struct strbuf *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        strbuf_addch(out, (char)tolower((unsigned char)text[i]));
}

static bool ends_with(const struct strbuf *buf, const char *suffix)
{
    size_t size = strlen(suffix);
    return buf->len >= size && memcmp(buf->data + buf->len - size, suffix, size) == 0;
}

// Appends a path with single slashes, without trailing ones and without ".git".
static void add_git_path(struct strbuf *out, const char *path)
{
    size_t start = out->len;
    for (; *path != '\0'; path++) {
        if (*path != '/' || !ends_with(out, "/"))
            strbuf_addch(out, *path);
    }
    while (out->len > start + 1 && ends_with(out, "/"))
        strbuf_truncate(out, out->len - 1);
    if (out->len > start + 4 && ends_with(out, ".git"))
        strbuf_truncate(out, out->len - 4);
    while (out->len > start + 1 && ends_with(out, "/"))
        strbuf_truncate(out, out->len - 1);
}

static bool is_host(const char *host, size_t size)
{
    if (size == 0 || size > 255)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)host[i]) && strchr(".-_[]:%", host[i]) == NULL)
            return false;
    }
    return true;
}

struct scheme {
    const char *name;
    const char *default_port;
};
static const struct scheme git_schemes[] = {{"https", ":443"}, {"http", ":80"},    {"ssh", ":22"},
                                            {"git", ":9418"},  {"git+ssh", ":22"}, {"file", NULL}};

static const struct scheme *git_scheme(const char *text, size_t size)
{
    for (size_t i = 0; i < ARRAY_LENGTH(git_schemes); i++) {
        if (strlen(git_schemes[i].name) == size &&
            strncasecmp(git_schemes[i].name, text, size) == 0)
            return &git_schemes[i];
    }
    return NULL;
}

// authority is [user[:password]@]host[:port], not NUL-terminated.
static bool add_authority(struct strbuf *out, const char *authority, size_t size,
                          const char *default_port)
{
    const char *at = memrchr(authority, '@', size);
    if (at != NULL) {
        size -= (size_t)(at + 1 - authority);
        authority = at + 1;
    }
    if (!is_host(authority, size))
        return false;
    add_lower(out, authority, size);
    if (default_port != NULL && ends_with(out, default_port))
        strbuf_truncate(out, out->len - strlen(default_port));
    return true;
}

static bool add_git_url(struct strbuf *out, const char *text)
{
    const char *mark = strstr(text, "://");
    const char *slash = strchr(text, '/');
    const char *colon = strchr(text, ':');
    if (*text == '/') {
        add_git_path(out, text);
        return true;
    }
    if (mark != NULL) {
        const struct scheme *scheme = git_scheme(text, (size_t)(mark - text));
        if (scheme == NULL)
            return false;
        const char *authority = mark + 3;
        size_t size = strcspn(authority, "/");
        bool local = scheme->default_port == NULL;
        if (local && size > 0 && strncmp(authority, "localhost", size) != 0)
            return false;
        if (!local && !add_authority(out, authority, size, scheme->default_port))
            return false;
        add_git_path(out, authority + size);
        return true;
    }
    if (colon != NULL && (slash == NULL || colon < slash) && !isdigit((unsigned char)colon[1])) {
        if (!add_authority(out, text, (size_t)(colon - text), NULL))
            return false;
        strbuf_addch(out, '/');
        add_git_path(out, colon + 1);
        return true;
    }
    // What identity_git itself returns.
    if (slash == NULL || !add_authority(out, text, (size_t)(slash - text), NULL))
        return false;
    add_git_path(out, slash);
    return true;
}

int identity_git(const char *url, char **ret_identity, struct error *err)
{
    static const char what[] = "git URL";
    if (strlen(url) > IDENTITY_MAX)
        return refuse(what, url, "it is longer than 2048 bytes", err);
    if (has_odd_bytes(url))
        return refuse(what, url, "it holds white space, a query or a control character", err);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 2 * IDENTITY_MAX);
    const char *path;
    if (!add_git_url(&out, url) || (path = strchr(out.data, '/')) == NULL || path[1] == '\0')
        return refuse(what, url, "write it like https://git.example.com/acme/config.git", err);
    *ret_identity = strbuf_steal(&out);
    return 0;
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

static int layout_identity(const char *path, char **ret_identity, struct error *err)
{
    if (*path != '/')
        return refuse("OCI layout", path, "write it like oci-layout:///var/lib/sealift/shop", err);
    while (path[0] == '/' && path[1] == '/')
        path++;
    cleanup_free char *real = realpath(path, NULL);
    cleanup_free char *plain = xstrdup(real != NULL ? real : path);
    size_t size = strlen(plain);
    while (size > 1 && plain[size - 1] == '/')
        plain[--size] = '\0';
    *ret_identity = xasprintf("oci-layout:%s", plain);
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
    if (!is_host(host, strlen(host)) || !is_repository_path(path))
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

bool selector_is_empty(const json_t *selector)
{
    return json_object_size(json_object_get(selector, "matchLabels")) == 0 &&
           json_array_size(json_object_get(selector, "matchExpressions")) == 0;
}
