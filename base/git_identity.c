#include "base/git_identity.h"

#include "base/memory.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { IDENTITY_MAX = 2048 };

static const struct {
    const char *scheme;
    const char *default_port;
} schemes[] = {
    {"https", "443"}, {"http", "80"}, {"ssh", "22"}, {"git", "9418"}, {"file", ""},
};

// The default port of the scheme that text[0..length) names, or NULL. pip and npm write
// "git+https"; in-toto's resolvedDependencies do too.
static const char *default_port_of(const char *text, size_t length)
{
    if (length > 4 && strncasecmp(text, "git+", 4) == 0) {
        text += 4;
        length -= 4;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++)
        if (strlen(schemes[i].scheme) == length &&
            strncasecmp(text, schemes[i].scheme, length) == 0)
            return schemes[i].default_port;
    return NULL;
}

static bool has_forbidden_bytes(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if (*at <= ' ' || *at == 0x7f || *at == '?' || *at == '#' || *at == '\\')
            return true;
    return false;
}

// Appends the path without outer slashes and ".git", each segment after a '/'. Empty and dot
// segments would let two texts name one repository, so they are refused.
static int add_path(struct strbuf *out, const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    if (length > 4 && strncmp(path + length - 4, ".git", 4) == 0 && path[length - 5] != '/')
        length -= 4;
    while (length > 0 && *path == '/') {
        path++;
        length--;
    }
    if (length == 0)
        return -1;
    for (const char *end = path + length; path <= end;) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t size = (size_t)((slash != NULL ? slash : end) - path);
        if (size == 0 || (size == 1 && *path == '.') || (size == 2 && strncmp(path, "..", 2) == 0))
            return -1;
        strbuf_addch(out, '/');
        strbuf_add(out, path, size);
        path += size + 1;
    }
    return 0;
}

// A name or address of RFC 3986, or an IPv6 address in brackets.
static bool is_host(const char *host, size_t length)
{
    bool address = length > 2 && host[0] == '[' && host[length - 1] == ']';
    if (address) {
        host++;
        length -= 2;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char ch = (unsigned char)host[i];
        if (address ? !isxdigit(ch) && strchr(":.", ch) == NULL
                    : !isalnum(ch) && strchr("-._", ch) == NULL)
            return false;
    }
    return length > 0;
}

// host[:port] of authority, which may start with user[:password]@.
static int add_host(struct strbuf *out, const char *authority, size_t length,
                    const char *default_port)
{
    const char *at = memrchr(authority, '@', length);
    if (at != NULL) {
        length -= (size_t)(at + 1 - authority);
        authority = at + 1;
    }
    const char *bracket = memrchr(authority, ']', length);
    const char *after = bracket != NULL ? bracket : authority;
    const char *colon = memchr(after, ':', length - (size_t)(after - authority));
    size_t host = colon != NULL ? (size_t)(colon - authority) : length;
    if (!is_host(authority, host))
        return -1;
    for (size_t i = 0; i < host; i++)
        strbuf_addch(out, (char)tolower((unsigned char)authority[i]));
    if (colon == NULL)
        return 0;
    size_t port = length - host - 1;
    if (port != strspn(colon + 1, "0123456789") || port > 5)
        return -1;
    if (port > 0 && (port != strlen(default_port) || strncmp(colon + 1, default_port, port) != 0))
        strbuf_add(out, colon, port + 1);
    return 0;
}

static bool looks_like_host(const char *text, size_t length)
{
    return memchr(text, '.', length) != NULL || memchr(text, ':', length) != NULL ||
           (length == 9 && strncmp(text, "localhost", 9) == 0);
}

static int add_identity(struct strbuf *out, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    if (scheme_end != NULL) {
        const char *default_port = default_port_of(url, (size_t)(scheme_end - url));
        const char *authority = scheme_end + 3;
        size_t length = strcspn(authority, "/");
        if (default_port == NULL)
            return -1;
        bool local = *default_port == '\0';
        if (local && length > 0 && !(length == 9 && strncmp(authority, "localhost", 9) == 0))
            return -1;
        if (!local && add_host(out, authority, length, default_port) < 0)
            return -1;
        return add_path(out, authority + length);
    }
    if (*url == '/')
        return add_path(out, url);
    // The colons inside an IPv6 address end at its bracket.
    const char *colon = strchr(url + (*url == '[' ? strcspn(url, "]") : 0), ':');
    size_t segment = strcspn(url, "/");
    size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;
    bool port = digits > 0 && colon[1 + digits] == '/' && memchr(url, '@', segment) == NULL;
    if (colon != NULL && colon < url + segment && !port) {
        if (add_host(out, url, (size_t)(colon - url), "22") < 0)
            return -1;
        return add_path(out, colon + 1);
    }
    if (url[segment] != '/' || !looks_like_host(url, segment) ||
        add_host(out, url, segment, "") < 0)
        return -1;
    return add_path(out, url + segment);
}

int git_identity(const char *url, char **ret_identity, struct error *err)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, IDENTITY_MAX);
    // The text is not repeated: it may hold a password.
    if (strlen(url) > IDENTITY_MAX || has_forbidden_bytes(url) || add_identity(&out, url) < 0 ||
        out.overflowed)
        return error_set(err, ERROR_INVALID,
                         "the git repository is no URL of a form known here; write "
                         "https://host/path, ssh://user@host/path, user@host:path or "
                         "file:///path");
    *ret_identity = strbuf_steal(&out);
    return 0;
}
