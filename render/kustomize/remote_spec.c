#include "render/kustomize/remote_spec.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/url.h"

enum {
    MAX_TEXT_BYTES = 4096,
    REPOSITORY_SEGMENTS = 2, // org/repo, where nothing in the URL says where the repository ends
};

void remote_spec_release(struct remote_spec *spec)
{
    free(STEAL(spec->host));
    free(STEAL(spec->repository));
    free(STEAL(spec->url));
    free(STEAL(spec->path));
    free(STEAL(spec->ref));
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

bool remote_is_file_url(const char *text)
{
    return starts_with(text, "https://") || starts_with(text, "http://");
}

// ---- query ----

// Go's ParseQuery fails as a whole on one bad pair, and then nothing of the query counts.
static bool decode(const char *text, size_t size, char **ret_text)
{
    size_t length = 0;
    free(STEAL(*ret_text));
    return memchr(text, ';', size) == NULL &&
           url_form_decode(text, size, ret_text, &length, NULL) == 0;
}

struct query {
    char *ref;
    char *version;
    char *timeout;
    char *submodules;
};

static void query_release(struct query *query)
{
    free(STEAL(query->ref));
    free(STEAL(query->version));
    free(STEAL(query->timeout));
    free(STEAL(query->submodules));
}

// The first value of a name counts.
static void take_pair(struct query *query, const char *name, char **value)
{
    const struct {
        const char *name;
        char **slot;
    } known[] = {
        {"ref", &query->ref},
        {"version", &query->version},
        {"timeout", &query->timeout},
        {"submodules", &query->submodules},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (strcmp(known[i].name, name) == 0 && *known[i].slot == NULL)
            *known[i].slot = STEAL(*value);
}

static bool read_query(const char *text, struct query *query)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "&");
        const char *equals = memchr(text, '=', size);
        size_t name_size = equals != NULL ? (size_t)(equals - text) : size;
        const char *value_text = equals != NULL ? equals + 1 : text + size;
        cleanup_free char *name = NULL;
        cleanup_free char *value = NULL;
        if (size > 0 && (!decode(text, name_size, &name) ||
                         !decode(value_text, size - (size_t)(value_text - text), &value)))
            return false;
        if (size > 0)
            take_pair(query, name, &value);
        text += size + (text[size] == '&');
    }
    return true;
}

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

// Seconds ("61") or a duration ("61s"); anything else is as if it were not there.
static int64_t read_timeout(const char *text)
{
    int64_t ms = 0;
    size_t digits = strspn(text, "0123456789");
    if (text[digits] == '\0' && digits <= 9)
        return strtol(text, NULL, 10) * 1000;
    return duration_parse(text, &ms, NULL) == 0 ? ms : 0;
}

static bool read_bool(const char *text, bool fallback)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < ARRAY_LENGTH(yes); i++) {
        if (strcmp(text, yes[i]) == 0)
            return true;
        if (strcmp(text, no[i]) == 0)
            return false;
    }
    return fallback;
}

static void parse_query(const char *text, struct remote_spec *spec)
{
    __attribute__((cleanup(query_release))) struct query query = {0};
    spec->submodules = true;
    if (!read_query(text, &query)) {
        spec->ref = xstrdup("");
        return;
    }
    const char *version = query.version != NULL ? query.version : "";
    spec->ref = xstrdup(is_set(query.ref) ? query.ref : version);
    if (is_set(query.timeout))
        spec->timeout_ms = read_timeout(query.timeout);
    if (is_set(query.submodules))
        spec->submodules = read_bool(query.submodules, true);
}

// ---- host ----

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The length of "name@" at the front; 0 when there is none.
static size_t user_length(const char *text)
{
    size_t length = 0;
    if (!is_letter(*text))
        return 0;
    while (is_letter(text[length]) || (text[length] >= '0' && text[length] <= '9') ||
           text[length] == '-')
        length++;
    return text[length] == '@' ? length + 1 : 0;
}

// Where host and path part: behind the first slash, or in the short form of ssh behind a colon.
static ptrdiff_t separator_of(const char *text, bool short_form)
{
    const char *slash = strchr(text, '/');
    const char *colon = short_form ? strchr(text, ':') : NULL;
    if (short_form && (slash == NULL || (colon != NULL && colon > text && colon < slash)))
        slash = colon;
    return slash != NULL ? slash - text : -1;
}

// *text is moved behind the host.
static int parse_host(const char **text, struct remote_spec *spec, struct error *err)
{
    static const char *const schemes[] = {"ssh://", "https://", "http://", "file://"};
    const char *at = *text + (starts_with(*text, "git::") ? strlen("git::") : 0);
    const char *scheme = "";
    for (size_t i = 0; i < ARRAY_LENGTH(schemes) && *scheme == '\0'; i++)
        if (starts_with(at, schemes[i]))
            scheme = schemes[i];
    at += strlen(scheme);
    if (strcmp(scheme, "file://") == 0) {
        spec->host = xstrdup(scheme);
        *text = at;
        return 0;
    }
    size_t user_size = user_length(at);
    const char *user = at;
    at += user_size;
    bool github = starts_with(at, "github.com/") || starts_with(at, "github.com:");
    bool short_form = *scheme == '\0' && (user_size > 0 || github);
    if (*scheme == '\0' && !short_form)
        return error_set(err, ERROR_INVALID,
                         "a repository starts with https://, ssh://, http://, file://, user@host: "
                         "or github.com/");
    ptrdiff_t separator = separator_of(at, short_form);
    size_t host_size = separator >= 0 ? (size_t)separator + 1 : strlen(at);
    *text = at + host_size;
    if (github && (strcmp(scheme, "ssh://") == 0 || user_size > 0))
        spec->host = xasprintf("%.*sgithub.com:", (int)user_size, user);
    else if (github)
        spec->host = xstrdup("https://github.com/");
    else if (host_size > 0)
        spec->host = xasprintf("%s%.*s%.*s", scheme, (int)user_size, user, (int)host_size, at);
    else
        return error_set(err, ERROR_INVALID, "the URL names no host");
    return 0;
}

// ---- repository and path ----

static void split_at(const char *text, const char *end, const char *path, struct remote_spec *spec)
{
    spec->repository = xstrndup(text, (size_t)(end - text));
    spec->path = xstrdup(path);
}

// "_git/" before the repository's name, "//" behind it, ".git" at its end, in this order.
static bool split_by_marker(const char *text, struct remote_spec *spec)
{
    const char *git_folder = strstr(text, "_git/");
    const char *slashes = strstr(text, "//");
    const char *suffix = strstr(text, ".git");
    if (git_folder != NULL) {
        const char *name = git_folder + strlen("_git/");
        const char *end = name + strcspn(name, "/");
        split_at(text, end, *end == '/' ? end + 1 : end, spec);
    } else if (slashes != NULL) {
        split_at(text, slashes, slashes + 2, spec);
    } else if (suffix != NULL) {
        split_at(text, suffix + strlen(".git"), suffix + strlen(".git"), spec);
    } else {
        return false;
    }
    spec->explicit_path = true;
    return true;
}

static bool split_by_length(const char *text, struct remote_spec *spec)
{
    if (strcmp(spec->host, "file://") == 0) {
        split_at(text, text + strlen(text), "", spec);
        return true;
    }
    const char *end = text;
    for (int i = 0; i < REPOSITORY_SEGMENTS; i++) {
        if (i > 0 && *end++ != '/')
            return false;
        end += strcspn(end, "/");
    }
    split_at(text, end, *end == '/' ? end + 1 : end, spec);
    return true;
}

// Whether a relative path climbs above where it starts.
static bool leads_out(const char *path)
{
    int depth = 0;
    if (*path == '/')
        return false;
    for (const char *at = path; *at != '\0'; at += strspn(at, "/")) {
        size_t length = strcspn(at, "/");
        if (length == 2 && strncmp(at, "..", 2) == 0)
            depth--;
        else if (!(length == 1 && *at == '.'))
            depth++;
        if (depth < 0)
            return true;
        at += length;
    }
    return false;
}

static int parse_path(const char *text, struct remote_spec *spec, struct error *err)
{
    if ((!split_by_marker(text, spec) && !split_by_length(text, spec)) || *spec->repository == '\0')
        return error_set(err, ERROR_INVALID,
                         "the URL names no repository: behind the host stand its owner and its "
                         "name, or its path with .git or // at the end");
    const char *path = spec->path + (*spec->path == '/');
    if (leads_out(path))
        return error_set(err, ERROR_INVALID, "its path leads out of the repository");
    memmove(spec->path, path, strlen(path) + 1);
    return 0;
}

int remote_spec_parse(const char *text, struct remote_spec *ret_spec, struct error *err)
{
    cleanup_remote_spec struct remote_spec spec = {0};
    if (strlen(text) > MAX_TEXT_BYTES)
        return error_set(err, ERROR_LIMIT, "a URL is longer than %d bytes", MAX_TEXT_BYTES);
    if (*text == '/')
        return error_set(err, ERROR_INVALID, "an absolute path is no URL");
    const char *query = strchr(text, '?');
    cleanup_free char *place =
        xstrndup(text, query != NULL ? (size_t)(query - text) : strlen(text));
    const char *rest = place;
    if (parse_host(&rest, &spec, err) < 0 || parse_path(rest, &spec, err) < 0)
        return -1;
    parse_query(query != NULL ? query + 1 : "", &spec);
    spec.url = xasprintf("%s%s", spec.host, spec.repository);
    *ret_spec = spec;
    spec = (struct remote_spec){0};
    return 0;
}

char *remote_name(const char *text)
{
    const char *scheme = strstr(text, "://");
    const char *start = scheme != NULL ? scheme + 3 : text;
    size_t authority = strcspn(start, "/?#");
    cleanup_strbuf struct strbuf name;
    strbuf_init(&name, MAX_TEXT_BYTES * 4 + 64);
    for (size_t i = authority; scheme != NULL && i > 0; i--) {
        if (start[i - 1] == '@') {
            start += i;
            break;
        }
    }
    if (scheme != NULL)
        strbuf_add_visible(&name, text, (size_t)(scheme + 3 - text));
    strbuf_add_visible(&name, start, strnlen(start, MAX_TEXT_BYTES));
    for (char *at = name.data; name.len > 0 && (at = strpbrk(at, "\n\t")) != NULL;)
        *at = ' ';
    return strbuf_steal(&name);
}
